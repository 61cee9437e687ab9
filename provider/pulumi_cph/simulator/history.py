"""What happened in a world, recorded for tests: power calls, and what a careful client avoids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pulumi_cph.simulator.rules import PowerCall

Carelessness = Literal["restarted-while-running", "asked-twice", "asked-while-busy", "image-sent"]


@dataclass(frozen=True)
class PowerRequest:
    """One batch-stop or batch-restart that reached the world."""

    time: float
    call: PowerCall
    request_id: str
    phone_ids: tuple[str, ...]
    accepted: tuple[str, ...]
    """The phones for which a job began."""


@dataclass(frozen=True)
class Violation:
    """Something the service may allow, but that a client which only wants a phone on or off never does."""

    time: float
    kind: Carelessness
    phone_id: str
    """Empty when it is about the whole request."""
    request_id: str


@dataclass
class History:
    """Everything that was asked of a world, in order."""

    requests: list[PowerRequest] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def accepted(self, phone_id: str) -> list[PowerCall]:
        """The calls that began a job for this phone, in order."""
        return [each.call for each in self.requests if phone_id in each.accepted]

    def blame(self, now: float, kind: Carelessness, phone_ids: Sequence[str], request_id: str) -> None:
        """Record a violation for each of `phone_ids`."""
        self.violations += [Violation(now, kind, phone_id, request_id) for phone_id in phone_ids]

    def clear(self) -> None:
        """Forget everything."""
        self.requests.clear()
        self.violations.clear()
