"""Performs what the core decides: one loop for the core, a pool of threads for requests, a clock.

It has no opinions. Whoever submits an order waits in its own thread until the core finishes the operation.
"""

from __future__ import annotations

import itertools
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.core import Core
from pulumi_cph.dispatch.perform import Performer
from pulumi_cph.observe import Sight
from pulumi_cph.plan import Power

Listener = Callable[[ev.Progress | ev.Accepted], None]
"""Hears of an operation's progress, and of every batch of it that was accepted."""


class Dispatcher:
    """The dispatcher of a process. Threads are started with the first order, or when one is expected.

    Args:
        performer: makes the calls.
        batch_size: phones in one request at most.
        threads: requests that may wait for their turn at once.
        listener: hears of batches that were accepted when all who asked for them wait no longer.
    """

    def __init__(self, performer: Performer, *, batch_size: int, threads: int, listener: Listener) -> None:
        self._performer = performer
        self._listener = listener
        self._core = Core(batch_size=batch_size, random=random.random)
        self._events: queue.SimpleQueue[ev.Event] = queue.SimpleQueue()
        self._waiting: dict[int, tuple[Future[Mapping[str, ev.Outcome]], Listener]] = {}
        self._numbers = itertools.count(1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="cph-request")
        self._starting = threading.Lock()
        self._loop: threading.Thread | None = None
        self._broken: BaseException | None = None

    def submit(
        self,
        place: str,
        wishes: Mapping[str, Power],
        *,
        seen: Mapping[str, Sight],
        timeout: float,
        listener: Listener,
        max_in_flight: int | None = None,
    ) -> Mapping[str, ev.Outcome]:
        """Bring phones of a place to a power state, and wait until each is there or has failed.

        Args:
            place: key of the place.
            wishes: phone id -> power state.
            seen: how they were last seen.
            timeout: seconds to wait.
            listener: hears of progress; called from the loop's thread, which must not wait in it.
            max_in_flight: phones that may be changed at once; None for no bound.

        Returns:
            An outcome for every phone of `wishes`.
        """
        number = next(self._numbers)
        done: Future[Mapping[str, ev.Outcome]] = Future()
        self._waiting[number] = (done, listener)
        pages = self._performer.pages(place)
        order = ev.Order(number, place, wishes, seen, time.monotonic() + timeout, max_in_flight, pages)
        self._start()
        self._events.put(ev.Submitted(order))
        if self._broken:
            self._give_up(number, self._broken)
        return done.result()

    def expect(self) -> None:
        """One more order is likely to come soon: let batches that are not full wait a little longer."""
        self._start()
        self._events.put(ev.MoreToCome())

    def end(self, reason: str) -> None:
        """End every wait with `reason`, and all that are submitted after it."""
        self._events.put(ev.Ended(reason))

    def _start(self) -> None:
        with self._starting:
            if self._loop is None:
                self._loop = threading.Thread(target=self._run, name="cph-dispatch", daemon=True)
                self._loop.start()

    def _run(self) -> None:
        try:
            while True:
                self._step(self._next_event())
        except BaseException as error:
            # Nobody may wait for a loop that is no more.
            self._broken = error
            for number in list(self._waiting):
                self._give_up(number, error)
            raise

    def _give_up(self, number: int, error: BaseException) -> None:
        if entry := self._waiting.pop(number, None):
            entry[0].set_exception(error)

    def _next_event(self) -> ev.Event:
        left = self._core.wake_at - time.monotonic()
        try:
            return self._events.get(timeout=max(0.0, min(left, 3600.0)))
        except queue.Empty:
            return ev.TimePassed()

    def _step(self, event: ev.Event) -> None:
        for effect in self._core.step(time.monotonic(), event):
            if isinstance(effect, ev.Finish):
                self._waiting.pop(effect.op)[0].set_result(effect.outcomes)
            elif isinstance(effect, ev.Progress | ev.Accepted):
                # Not in the pool, where it would wait for the requests before it: what was accepted must be known.
                self._tell(effect)
            else:
                self._pool.submit(self._perform, effect)

    def _perform(self, effect: ev.Request) -> None:
        try:
            self._events.put(self._performer.perform(effect))
        except Exception as error:
            # A defect of ours, not of the service: it must end the waits and be seen.
            self._events.put(ev.Ended(f"internal error: {type(error).__name__}: {error}"))

    def _tell(self, news: ev.Progress | ev.Accepted) -> None:
        ops = news.ops if isinstance(news, ev.Accepted) else (news.op,)
        listeners = [entry[1] for op in ops if (entry := self._waiting.get(op))]
        if listeners or isinstance(news, ev.Accepted):
            (listeners or [self._listener])[0](news)
