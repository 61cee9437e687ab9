"""One provider process: the real client, observer, performer and core, without threads.

Requests are begun when the core asks for them and their answers are delivered some time later, up to eight at once.
A request that waits lets time pass, in which others begin and end (see `passing`). Two things make real threads
wait for each other, and here make the second one wait for its turn: a look while another look is under way, and
any request until the first one has proven the credentials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import count
from random import Random
from typing import Any, Final, cast

from pulumi_cph.api import Client, Connection, CredentialGate, Credentials, Interrupted, Limiter, Pace
from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.core import Core
from pulumi_cph.dispatch.perform import Performer
from pulumi_cph.dispatch.shell import Dispatcher, Listener
from pulumi_cph.observe import Observer, Sight
from pulumi_cph.plan import Power
from pulumi_cph.session import LOOK_AGE, Place
from pulumi_cph.simulator import Cloud
from tests.weather.passing import NEVER, Passing
from tests.weather.wire import Died, Exchange, Mishaps, Rewrite, Wire
from tests.weather.witness import Broken, Witness

AT_ONCE: Final = 8

_OPERATIONS = count(1)


@dataclass(frozen=True)
class Surroundings:
    """What a process finds: time, cloud, the way there, and who watches."""

    time: Passing
    cloud: Cloud
    mishaps: Mishaps
    witness: Witness
    random: Random
    latency: float
    lateness: float
    jobs_page: int
    batch_size: int
    rewrite: Rewrite


class _Gate(CredentialGate):
    """The credential gate, which tells whether it still makes requests wait for the first one."""

    proven = False

    @contextmanager
    def passage(self, call: str) -> Iterator[None]:
        with super().passage(call):
            yield
        self.proven = True


class Process:
    """A provider process from its begin to its end.

    To operations it is a `session.Session`: `look`, `sleep`, and `dispatcher.submit`.
    """

    def __init__(self, number: int, around: Surroundings, credentials: Credentials, *, skew: float = 0.0) -> None:
        self.number = number
        self.over = False
        self.ending = False
        self.engine_gone = False
        self.outlived = True
        """Whether requests on their way survive the process."""
        self.dispatcher = self
        self._around, self._time, self._witness = around, around.time, around.witness
        self._gate = _Gate()
        self.wire = Wire(
            process=number,
            cloud=around.cloud,
            now=self._clock,
            travel=self._travel,
            later=lambda seconds, act: self._time.at(self._time.now + seconds, act),
            departs=self._departs,
            arrives=self._witness.arrives,
            outlives=lambda: self.outlived,
            mishaps=around.mishaps,
            latency=around.latency,
            jobs_page=around.jobs_page,
            random=around.random,
            rewrite=around.rewrite,
        )
        limiter = Limiter(at_once=AT_ONCE, pace=Pace(), clock=self._clock, sleep=self.sleep)
        connection = Connection(
            credentials,
            transport=self.wire,
            limiter=limiter,
            gate=self._gate,
            clock=lambda: datetime.fromtimestamp(around.cloud.clock(), timezone.utc) + timedelta(seconds=skew),
            sleep=self.sleep,
            random=around.random.random,
            checkpoint=self._checkpoint,
        )
        project = next(iter(around.cloud.projects.values()))
        client = Client("https://cph.cn-north-4.myhuaweicloud.com", project, connection)
        self.observer = Observer(client, clock=self._clock)
        self._performer = Performer(
            client=lambda _: client,
            observer=lambda _: self.observer,
            clock=self._clock,
            alive=lambda: not self.engine_gone,
        )
        self._core = Core(batch_size=around.batch_size, random=around.random.random)
        self._inside: list[ev.Request | None] = []
        """The requests under way, the innermost last; None: a look of an operation."""
        self._towards = False
        self._looking = False
        self._queue: list[Callable[[], None]] = []
        self._waiting: dict[int, tuple[None, Listener]] = {}
        self._listener = self._witness.left_over
        self._finished: dict[int, Mapping[str, ev.Outcome]] = {}
        self._time.alarm = lambda: NEVER if self.over else self._core.wake_at
        self._time.wake = lambda: self._step(ev.TimePassed())

    # --- what operations ask for

    def begin_operation(self, what: Callable[[], None]) -> None:
        """Begin something that looks and submits, as soon as no request is under way."""
        if self.over:
            return
        if self._inside or self._towards:
            self._queue.append(lambda: self.begin_operation(what))
            return
        with suppress(Died):
            what()

    def expect(self) -> None:
        """As `dispatch.shell.Dispatcher.expect`."""
        self._step(ev.MoreToCome())

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
        """As `dispatch.shell.Dispatcher.submit`."""
        number = next(_OPERATIONS)
        pages = self._performer.pages(place)
        order = ev.Order(number, place, wishes, seen, self._time.now + timeout, max_in_flight, pages)
        self._waiting[number] = (None, listener)
        self._witness.ordered(order)
        self._step(ev.Submitted(order))
        self._time.until(NEVER, lambda: number in self._finished or self.over)
        if self.over:
            raise Died
        return self._finished[number]

    def look(self, _: Place, phone_ids: Iterable[str], *, max_age: float = LOOK_AGE) -> dict[str, Sight]:
        """As `session.Session.look`."""
        assert not self._looking, "the looks of operations begin when no request is under way"
        self._inside.append(None)
        self._looking = True
        try:
            return self.observer.look(dict.fromkeys(phone_ids, self._time.now - max_age))
        finally:
            self._looking = False
            self._inside.pop()
            self._next()

    def sleep(self, seconds: float) -> None:
        """As `session.Session.sleep`."""
        self._time.until(self._time.now + seconds, lambda: self.over or self.ending)
        if self.over:
            raise Died
        if self.ending:
            raise Interrupted

    # --- how it ends

    def end(self, reason: str) -> None:
        """As `session.Session.end`."""
        if not self.over and not self.ending:
            self.ending = True
            self._step(ev.Ended(reason))

    def die(self) -> None:
        """No word to anybody; what waits inside is torn out by `Died`."""
        self.over = True

    # --- the shell's part

    def _step(self, event: ev.Event) -> None:
        if self.over:
            return
        now = self._time.now
        self._witness.delivered(self.number, event)
        try:
            effects = self._core.step(now, event)
        except Exception as error:
            raise Broken(f"the core raised {type(error).__name__}: {error} at {event!r}") from error
        for effect in effects:
            self._effect(effect)
        if not self.over and self._core.wake_at <= now:
            raise Broken(f"the core left a timer that was due at {self._core.wake_at}, {event!r}")

    def _effect(self, effect: ev.Effect) -> None:
        match effect:
            case ev.Finish():
                self._witness.finished(self.number, effect, self._time.now)
                self._finished[effect.op] = effect.outcomes
                del self._waiting[effect.op]
            case ev.Accepted() | ev.Progress():
                Dispatcher._tell(cast(Any, self), effect)
            case _:
                self._witness.wanted(self.number, effect)
                self._soon(partial(self._begin, effect))

    def _begin(self, effect: ev.Request) -> None:
        """Perform an effect, as soon as it may begin."""
        if self.over:
            return
        looks = isinstance(effect, ev.Look)
        crowded = len(self._inside) >= AT_ONCE or (self._inside and not self._gate.proven)
        if self._towards or crowded or (looks and self._looking):
            self._queue.append(partial(self._begin, effect))
            return
        self._inside.append(effect)
        was_looking, self._looking = self._looking, self._looking or looks
        # The performer keeps what is leaving by thread; a request within a request is another thread there.
        leaving = self._performer._leaving
        outer, leaving.not_after = getattr(leaving, "not_after", None), None
        try:
            self._perform(effect)
        except Died:
            pass
        finally:
            leaving.not_after = outer
            self._looking = was_looking
            self._inside.pop()
            self._next()

    def _perform(self, effect: ev.Request) -> None:
        try:
            event = self._performer.perform(effect)
        except Exception as error:
            if isinstance(error, Broken):
                raise
            raise Broken(f"performing {effect!r} raised {type(error).__name__}: {error}") from error
        late = self._around.lateness * self._around.random.random()
        self._time.at(self._time.now + late, lambda: self._step(event))

    def _next(self) -> None:
        queue, self._queue = self._queue, []
        for what in queue:
            self._soon(what)

    def _soon(self, act: Callable[[], None]) -> None:
        self._time.at(self._time.now, act)

    def _departs(self, exchange: Exchange) -> None:
        self._witness.departs(exchange, self._inside[-1], self.engine_gone or self.ending)

    # --- time

    def _clock(self) -> float:
        return self._time.now

    def _travel(self, seconds: float, towards: bool) -> None:
        # Nothing else begins while a request is on its way to the service: it would be there too late.
        self._towards = towards
        try:
            self._time.until(self._time.now + seconds, lambda: self.over)
        finally:
            self._towards = False
        self._next()
        if self.over:
            raise Died

    def _checkpoint(self) -> None:
        if self.ending:
            raise Interrupted
        self._performer.checkpoint()
