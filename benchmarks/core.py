"""The core benchmark: `plan`, and the dispatcher's `Core`, alone. No engine, no threads, no HTTP, no sleeping.

Time is a number that jumps from event to event; a cloud of a few lines answers what the core asks for. So what is
measured is what deciding costs, and whether it grows as the phones do.
"""

from __future__ import annotations

import gc
import heapq
import math
import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal

from pulumi_cph.api import JOB_RUNNING, JOB_SUCCEEDED, JOBS_LIMIT, BatchAnswer, BatchEntry, Job
from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.core import Core
from pulumi_cph.observe import Sight
from pulumi_cph.plan import plan

SIZES: Final = (1_000, 10_000, 100_000)
Subject = Literal["plan", "one operation", "an operation per phone"]
SUBJECTS: Final[tuple[Subject, ...]] = ("plan", "one operation", "an operation per phone")

_PLACE = "region/project"
_ROUND_TRIP = 0.05
_JOB_SECONDS = 5.0
_BATCH = 100


@dataclass(frozen=True)
class Cost:
    """What it cost: CPU seconds, MB at the peak (above what was there before), requests by kind."""

    subject: Subject
    phones: int
    seconds: float
    memory: float
    requests: Counter[str] = field(default_factory=Counter)


def measure(sizes: Sequence[int], say: Callable[[Cost], None]) -> list[Cost]:
    """Every subject at every size; `say` hears of each as it is done."""
    costs = []
    for subject in SUBJECTS:
        for phones in sizes:
            costs.append(_cost(subject, phones))
            say(costs[-1])
    return costs


def exponent(costs: Sequence[Cost], value: Callable[[Cost], float]) -> float:
    """The power of the number of phones with which `value` grows: the slope of the best line through logarithms."""
    points = [(math.log(cost.phones), math.log(max(value(cost), 1e-9))) for cost in costs]
    middle = [sum(axis) / len(points) for axis in zip(*points, strict=True)]
    above = sum((x - middle[0]) * (y - middle[1]) for x, y in points)
    slope: float = above / sum((x - middle[0]) ** 2 for x, _ in points)
    return slope


def _cost(subject: Subject, phones: int) -> Cost:
    prepare = _PREPARE[subject]
    seconds, requests = min((_timed(prepare(phones)) for _ in range(3)), key=lambda timed: timed[0])
    work = prepare(phones)
    gc.collect()
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Cost(subject, phones, seconds, peak / 2**20, requests)


def _timed(work: Callable[[], Counter[str]]) -> tuple[float, Counter[str]]:
    gc.collect()
    began = time.process_time()
    requests = work()
    return time.process_time() - began, requests


def _planning(phones: int) -> Callable[[], Counter[str]]:
    ids = _ids(phones)
    observed = dict(zip(ids, ("running", "stopped", "stopping") * phones, strict=False))

    def work() -> Counter[str]:
        decided = plan(dict.fromkeys(ids, "stopped"), observed)
        assert len(decided.changes) == len(ids[::3])
        decided.summary()
        return Counter()

    return work


def _one_operation(phones: int) -> Callable[[], Counter[str]]:
    cloud = _Cloud(_ids(phones))
    orders = [ev.Order(1, _PLACE, dict.fromkeys(cloud.status, "stopped"), cloud.sights(cloud.status, 0.0))]
    return lambda: _drive(cloud, orders)


def _many_operations(phones: int) -> Callable[[], Counter[str]]:
    cloud = _Cloud(_ids(phones))
    seen = cloud.sights(cloud.status, 0.0)
    orders = [
        ev.Order(number, _PLACE, {phone_id: "stopped"}, {phone_id: seen[phone_id]})
        for number, phone_id in enumerate(cloud.status)
    ]
    return lambda: _drive(cloud, orders)


_PREPARE: Final[dict[Subject, Callable[[int], Callable[[], Counter[str]]]]] = {
    "plan": _planning,
    "one operation": _one_operation,
    "an operation per phone": _many_operations,
}


def _ids(phones: int) -> list[str]:
    return [f"{number:032x}" for number in range(phones)]


def _drive(cloud: _Cloud, orders: Sequence[ev.Order]) -> Counter[str]:
    """Have the core fulfil `orders`; every phone must arrive."""
    core = Core(batch_size=_BATCH, random=random.Random(0).random)
    requests: Counter[str] = Counter()
    numbers = count()
    coming: list[tuple[float, int, ev.Event]] = [(0.0, next(numbers), ev.Submitted(order)) for order in orders]
    arrived = left = 0
    while coming or core.wake_at < math.inf:
        if coming and coming[0][0] <= core.wake_at:
            now, _, event = heapq.heappop(coming)
        else:
            now, event = core.wake_at, ev.TimePassed()
        for effect in core.step(now, event):
            if isinstance(effect, ev.Finish):
                left += 1
                arrived += sum(1 for outcome in effect.outcomes.values() if not outcome.failure)
            elif isinstance(effect, ev.Look | ev.Post | ev.ListJobs | ev.ShowJob):
                requests[type(effect).__name__] += 1
                answer = cloud.answer(effect, now + _ROUND_TRIP / 2)
                heapq.heappush(coming, (now + _ROUND_TRIP, next(numbers), answer))
    assert left == len(orders)
    assert arrived == sum(len(order.wishes) for order in orders)
    return requests


class _Cloud:
    """Phones that run until a request stops them."""

    def __init__(self, phone_ids: Sequence[str]) -> None:
        self.status = dict.fromkeys(phone_ids, math.inf)
        """Phone id -> when it is stopped."""
        self._jobs: dict[str, list[tuple[str, str, float]]] = {}

    def sights(self, phone_ids: Sequence[str] | dict[str, float], now: float) -> dict[str, Sight]:
        return {i: Sight(i, "stopped" if self.status[i] <= now else "running", now) for i in phone_ids}

    def answer(self, effect: ev.Request, now: float) -> ev.Event:
        match effect:
            case ev.Look():
                return ev.Looked(effect, self.sights(list(effect.needs), now))
            case ev.Post():
                return ev.Posted(effect, self._post(effect, now))
            case ev.ListJobs():
                jobs = [job for each in effect.request_ids for job in self._jobs[each]]
                return ev.JobsListed(effect, tuple(_job(*job, now) for job in jobs[:JOBS_LIMIT]))
            case ev.ShowJob():
                raise AssertionError("no job is ever absent here")

    def _post(self, post: ev.Post, now: float) -> BatchAnswer:
        request_id, end = f"request-{len(self._jobs)}", now + _JOB_SECONDS
        jobs = self._jobs[request_id] = [(f"{request_id}-{i}", i, end) for i in post.phone_ids]
        self.status.update(dict.fromkeys(post.phone_ids, end))
        return BatchAnswer(request_id, tuple(BatchEntry(i, job_id, None, None) for job_id, i, _ in jobs))


def _job(job_id: str, phone_id: str, end: float, now: float) -> Job:
    return Job(job_id, phone_id, JOB_SUCCEEDED if end <= now else JOB_RUNNING, None, None)
