"""Guard rails: what a fleet must never do, checked before the first request. Pure.

They count what a plan would send, phones that leave and what `on_delete` would do to them included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pulumi_cph.plan import Plan, Step

OVERRIDE: Final = "CPH_MAX_CHANGES"
"""Environment variable that replaces every `max_changes` for one run."""

_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on changes: a number of phones, or a share of the fleet in percent."""

    number: float
    percent: bool

    def of(self, size: int) -> int:
        """Phones of a fleet of `size` that may be changed; a share is rounded down."""
        return int(self.number * size / 100) if self.percent else int(self.number)

    def __str__(self) -> str:
        return f"{self.number:g}%" if self.percent else f"{self.number:g}"


def limit(value: object) -> Limit | None:
    """A limit from 20, 20.0, "20" or "20%"; None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = re.fullmatch(r"(\d{1,9})(?:\.0+)?(%?)|(\d{1,9}\.\d+)(%)", str(value).strip())
    if not match:
        return None
    number, percent = float(match[1] or match[3]), bool(match[2] or match[4])
    return Limit(number, percent) if not percent or number <= 100 else None


def broken(
    plans: Iterable[Plan], *, size: int, max_changes: Limit | None, never_stop: Iterable[str], override: str | None
) -> list[str]:
    """One sentence for each rail that the plans would break.

    Args:
        plans: what would be done: to the phones declared, and to those that leave.
        size: phones in the fleet, for shares.
        max_changes: the fleet's own limit.
        never_stop: ids of phones that must not be stopped.
        override: the value of CPH_MAX_CHANGES, if it is set.
    """
    steps = [step for plan in plans for step in plan.changes]
    sentences = []
    forbidden = set(never_stop)
    stopped = [step for step in steps if step.power == "stopped" and step.phone_id in forbidden]
    if stopped:
        sentences.append(f"never_stop: {_names(stopped)} would be stopped")
    effective = max_changes
    if override is not None and override.strip():
        effective = limit(override)
        if effective is None:
            return [*sentences, f'{OVERRIDE} must be a number of phones or a share such as "20%", not {override!r}']
    if effective is not None and len(steps) > effective.of(size):
        sentences.append(
            f"max_changes: {len(steps)} of {size} phones would get a request, {effective} may; "
            f"to allow it for one run set {OVERRIDE}={len(steps)}"
        )
    return sentences


def _names(steps: Sequence[Step]) -> str:
    names = ", ".join(step.phone_id for step in steps[:_NAMED])
    more = f" and {len(steps) - _NAMED} more" if len(steps) > _NAMED else ""
    return f"phone {names}{more}" if len(steps) == 1 else f"phones {names}{more}"
