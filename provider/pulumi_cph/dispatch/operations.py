"""What operations asked for, what came of it, and how many of their phones may be changed at once. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from pulumi_cph.dispatch import policy
from pulumi_cph.dispatch.events import Failure, Order, Outcome, Progress


@dataclass(slots=True)
class Operation:
    """One order on its way.

    Attributes:
        outcomes: the phones for which it is over.
        backlog: the phones that have not been begun, in the order in which they will be.
        ending: why the whole operation is coming to its end, once it is; what still runs is not waited for then.
    """

    order: Order
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    backlog: deque[str] = field(default_factory=deque)
    ending: Failure | None = None
    _flying: int = 0
    _failed: int = 0
    _changed: int = 0
    _spoilt: int = 0
    """Of those that a request was sent for, the failed ones."""

    @property
    def over(self) -> bool:
        return self.left == 0

    @property
    def left(self) -> int:
        """Phones for which it is not over."""
        return len(self.order.wishes) - len(self.outcomes)

    @property
    def progress(self) -> Progress:
        return Progress(self.order.op, len(self.outcomes) - self._failed, self._failed, self.left)

    def unfinished(self) -> list[str]:
        """The phones for which it is not over."""
        return [phone_id for phone_id in self.order.wishes if phone_id not in self.outcomes]

    def launch(self) -> Iterator[str]:
        """The phones of the backlog that may be begun now, one at a time: some are over as soon as begun.

        With a bound, more are begun when a part of it is free, not for each phone that has landed: requests would
        be many and small. When more than half of those that were changed have failed (of ten at least), the others
        are left alone.
        """
        bound = self.order.max_in_flight
        if bound is not None and bound - self._flying < max(1.0, policy.WAVE * bound):
            return
        while self.backlog and (bound is None or self._flying < bound):
            if bound is not None and 2 * self._spoilt > max(self._changed, policy.VERDICT_FROM):
                self._hold_back()
            else:
                self.began()
                yield self.backlog.popleft()

    def began(self) -> None:
        """One more phone is on its way."""
        self._flying += 1

    def put_back(self, phone_id: str) -> None:
        """A phone that waited for another operation's end is to be begun anew."""
        self._flying -= 1
        self.backlog.appendleft(phone_id)

    def landed(self, outcome: Outcome, *, changed: bool) -> None:
        """It is over for a phone that was begun; `changed`: a request was sent for it."""
        self._flying -= 1
        self._changed += changed
        self._spoilt += changed and outcome.failure is not None
        self.record(outcome)

    def record(self, outcome: Outcome) -> None:
        """It is over for a phone."""
        self.outcomes[outcome.phone_id] = outcome
        self._failed += outcome.failure is not None

    def _hold_back(self) -> None:
        failure = Failure(
            "failed",
            "held-back",
            f"left alone: {self._spoilt} of the {self._changed} phones that were changed before it have failed",
        )
        while self.backlog:
            self.record(Outcome(self.backlog.popleft(), failure=failure))
