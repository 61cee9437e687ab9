"""Which phones' own status is awaited, and when to look next: the looks at one place. Pure.

One look is under way at a time, for every phone whose time has come or comes soon. Phones whose job runs need none,
since the job tells when it is over; they are looked at rarely, in case the phone has left its way and the job
does not say so.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import Final

from pulumi_cph.dispatch import policy
from pulumi_cph.dispatch.task import Task

_NEVER: Final = float("inf")


class Watching:
    """The phones of one place whose status is awaited, and those whose job runs."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._dues: list[tuple[float, int, Task]] = []
        self._count = count()
        self._looking = False
        self._asked: dict[str, Task] = {}
        """The phones of the look that is under way which nothing was heard of yet."""
        self._jobs: dict[str, Task] = {}
        self._path_check = _NEVER

    def watch(self, task: Task) -> None:
        """The status is awaited; to be looked at when it is `task.due`."""
        self._tasks[task.phone_id] = task
        self._asked.pop(task.phone_id, None)
        heapq.heappush(self._dues, (task.due, next(self._count), task))

    def follow(self, task: Task, now: float) -> None:
        """The phone's job has begun."""
        if not self._jobs:
            self._path_check = now + policy.PATH_CHECK
        self._jobs[task.phone_id] = task

    def drop(self, task: Task) -> None:
        """Neither its status nor its job is awaited any more."""
        for tasks in (self._tasks, self._asked, self._jobs):
            if tasks.get(task.phone_id) is task:
                del tasks[task.phone_id]

    def hasten(self, now: float) -> None:
        """No job is left that could end soon: whoever waits for company to confirm its end need not any more."""
        for task in list(self._tasks.values()):
            if task.phase == "confirm" and task.due > now and task.phone_id not in self._asked:
                task.due = now
                self.watch(task)

    @property
    def awaited(self) -> int:
        """Phones whose status or job is awaited."""
        return len(self._tasks) + len(self._jobs)

    @property
    def next_at(self) -> float:
        """When to look next; never while a look is under way."""
        if self._looking:
            return _NEVER
        while self._dues and not self._waits(self._dues[0]):
            heapq.heappop(self._dues)
        due = self._dues[0][0] if self._dues else _NEVER
        return min(due, self._path_check) if self._jobs else due

    def look(self, now: float) -> dict[str, float]:
        """A look begins: the phones to see, each at the given time or later. Empty when it is not time yet."""
        if self.next_at > now:
            return {}
        needs = {}
        confirming = [task for task in self._tasks.values() if task.phase == "confirm"]
        for task in [*self._due_by(now + policy.COMPANY), *confirming]:
            if task.not_before > now:
                # A look says nothing yet: a phone that was refused is tried again after a while only.
                self.watch(task)
                continue
            # A phone whose job has ended is looked at whenever a look is made: the pages show it anyway.
            self._asked[task.phone_id] = task
            needs[task.phone_id] = task.not_before if task.phase == "look" else now
        if self._jobs and self._path_check <= now:
            eldest = min(task.posted_at for task in self._jobs.values())
            self._path_check = now + max(policy.PATH_CHECK, now - eldest)
            needs.update(dict.fromkeys(self._jobs, now))
        self._looking = bool(needs)
        return needs

    def looked(self) -> list[Task]:
        """The look is over: the phones that it told nothing about, to be watched again or given up."""
        self._looking = False
        unheard, self._asked = list(self._asked.values()), {}
        return unheard

    def _due_by(self, when: float) -> list[Task]:
        due = []
        while self._dues and self._dues[0][0] <= when:
            entry = heapq.heappop(self._dues)
            if self._waits(entry):
                due.append(entry[2])
        return due

    def _waits(self, entry: tuple[float, int, Task]) -> bool:
        due, _, task = entry
        known = self._tasks.get(task.phone_id) is task and task.phone_id not in self._asked
        return known and task.due == due
