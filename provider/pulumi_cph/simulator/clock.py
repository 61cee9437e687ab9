"""Time, as the simulated cloud sees it: a callable that answers seconds since 1970 (UTC)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

Clock = Callable[[], float]


class SteppedClock:
    """A clock that moves only when told to, so that a test of a half-hour job takes no time."""

    def __init__(self, start: float = 1_750_000_000.0) -> None:
        """Start at `start`, in seconds since 1970."""
        self._now = start

    def __call__(self) -> float:
        """The present, in seconds since 1970."""
        return self._now

    def step(self, seconds: float) -> None:
        """Move on by `seconds` (never backwards)."""
        if seconds < 0:
            raise ValueError(f"a clock can only be stepped forwards, not by {seconds} seconds")
        self._now += seconds


def timestamp(seconds: float) -> str:
    """`seconds` since 1970 as the API prints times: ``2026-01-02T03:04:05Z``."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
