"""One clock that serves everybody. Time passes only while somebody waits, and what is due happens meanwhile."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

NEVER = float("inf")


class Stuck(AssertionError):
    """Too much happens, or nothing will ever happen again."""


class Passing:
    """The time, in seconds from 0, and what is due when.

    Waiting may be nested: what happens while one request is on its way may be another request that waits. The
    outer one goes on when the inner one has ended, which is late at worst.
    """

    def __init__(self, most: int = 40_000) -> None:
        self.now = 0.0
        self.alarm: Callable[[], float] = lambda: NEVER
        """When the process wants to be woken ..."""
        self.wake: Callable[[], None] = lambda: None
        """... and how."""
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._count = count()
        self._most = most

    def at(self, when: float, act: Callable[[], object]) -> None:
        """Something is to happen."""
        heapq.heappush(self._due, (max(when, self.now), next(self._count), act))

    def clear(self) -> None:
        """What was to happen does not."""
        self._due.clear()

    def until(self, when: float, unless: Callable[[], bool] = lambda: False) -> None:
        """Wait until `when`; no longer once `unless` holds."""
        while not unless():
            coming = self._due[0][0] if self._due else NEVER
            alarm = self.alarm()
            if min(coming, alarm) > when:
                break
            if when == NEVER == min(coming, alarm):
                raise Stuck("nothing will ever happen again, and somebody waits")
            self._most -= 1
            if self._most < 0:
                raise Stuck("there is no end to it")
            if alarm < coming:
                self.now = max(self.now, alarm)
                self.wake()
            else:
                due, _, act = heapq.heappop(self._due)
                self.now = max(self.now, due)
                act()
        else:
            return
        self.now = max(self.now, when)
