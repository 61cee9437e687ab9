"""Alarms: one time for each key, and what to do then. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from itertools import count
from typing import Final

NEVER: Final = float("inf")


class Timers:
    """Alarms by key. Of two times for one key the earlier counts, so whoever is woken looks whether it is time."""

    def __init__(self) -> None:
        self._alarms: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._count = count()

    def set(self, key: Hashable, when: float, act: Callable[[], None]) -> None:
        """Do `act` at `when`, unless the alarm of `key` is due earlier."""
        if when < self._due(key):
            self._alarms[key] = (when, act)
            heapq.heappush(self._heap, (when, next(self._count), key))

    def drop(self, key: Hashable) -> None:
        """There is nothing to be woken for any more."""
        self._alarms.pop(key, None)

    @property
    def next_at(self) -> float:
        """When the next alarm is due."""
        while self._heap and self._due(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else NEVER

    def take(self, now: float) -> Callable[[], None] | None:
        """What the next alarm that is due wants done; None when none is."""
        if self.next_at > now:
            return None
        return self._alarms.pop(heapq.heappop(self._heap)[2])[1]

    def _due(self, key: Hashable) -> float:
        alarm = self._alarms.get(key)
        return alarm[0] if alarm else NEVER
