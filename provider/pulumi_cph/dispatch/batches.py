"""Gathering phones into full requests, and how many a place's service takes in one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pulumi_cph.dispatch import policy
from pulumi_cph.dispatch.task import Task
from pulumi_cph.plan import Verb

Kind = tuple[str, Verb]
"""What must be equal for two phones to share a request: the place and the verb."""


@dataclass(slots=True)
class _Batch:
    first: float
    last: float
    tasks: dict[str, Task] = field(default_factory=dict)


class Batches:
    """The requests that have not left. `size`: phones in one at most; what a service teaches lowers it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._learnt: dict[str, int] = {}
        self._batches: dict[Kind, _Batch] = {}
        self._expected = 0
        self._expected_until = 0.0

    def add(self, task: Task, now: float) -> None:
        """The phone needs a request."""
        batch = self._batches.setdefault(task.kind, _Batch(now, now))
        batch.last = now
        batch.tasks[task.phone_id] = task

    def expect(self, now: float) -> None:
        """One more operation is likely to begin soon."""
        self._expected += 1
        self._expected_until = now + policy.EXPECTED

    def begun(self) -> None:
        """An operation has begun, an expected one if there was any."""
        self._expected = max(0, self._expected - 1)

    def drop(self, task: Task) -> None:
        """The phone needs none after all, or it has left."""
        batch = self._batches.get(task.kind)
        if batch and batch.tasks.get(task.phone_id) is task:
            del batch.tasks[task.phone_id]
            if not batch.tasks:
                del self._batches[task.kind]

    def due(self, kind: Kind) -> float:
        """When the phones gathered so far leave: at once when they fill a request."""
        batch = self._batches.get(kind)
        if batch is None:
            return float("inf")
        if len(batch.tasks) >= self._limit(kind[0]):
            return float("-inf")
        quiet = max(batch.last + policy.GATHER_QUIET, self._expected_until if self._expected else 0.0)
        most = min(self._expected_until, batch.first + policy.GATHER_EXPECTING)
        return min(quiet, max(most, batch.first + policy.GATHER_MOST))

    def take(self, kind: Kind) -> Iterator[list[Task]]:
        """The phones gathered so far, in requests; nothing is left behind."""
        batch = self._batches.pop(kind, None)
        return _parts(list(batch.tasks.values()), self._limit(kind[0])) if batch else iter(())

    def halves(self, tasks: Sequence[Task]) -> Iterator[list[Task]]:
        """The phones of a request that was refused as a whole, in two requests, or as many as must be."""
        half = max(1, (len(tasks) + 1) // 2)
        return _parts(tasks, min(half, self._limit(tasks[0].place)) if tasks else half)

    def refused(self, place: str, phones: int) -> None:
        """The service of `place` said that so many phones are too many for one request."""
        self._learnt[place] = min(self._limit(place), max(1, phones // 2))

    def _limit(self, place: str) -> int:
        return self._learnt.get(place, self._size)


def _parts(tasks: Sequence[Task], size: int) -> Iterator[list[Task]]:
    return (list(tasks[at : at + size]) for at in range(0, len(tasks), size))
