"""The dispatcher's core on a stepped clock, against a cloud of a few lines. No threads, no sleeping.

`Drive` performs effects as `dispatch.shell` does, each answer arriving `latency` later, and holds the core to
its rules at every step. `TinyCloud` is scripted: what it does to a request is a list of replies.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from pulumi_cph import status as st
from pulumi_cph.api.errors import ApiError, AuthenticationError, ConnectionFailed, RequestRejected
from pulumi_cph.api.models import BatchAnswer, BatchEntry, Job, Phone, PhonePage
from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.core import Core
from pulumi_cph.observe import Observer, Sight
from pulumi_cph.plan import Power

RUNNING, RESTARTING, FROZEN, STOPPING, STOPPED, STOP_FAILED = 2, 4, 6, 7, 8, -9

PLACE = "here"

Reply = Callable[["TinyCloud", str, Sequence[str]], BatchAnswer]
"""What the cloud makes of one request: verb and phones -> answer, or an ApiError raised."""


def ids(count: int, first: int = 0) -> list[str]:
    return [f"phone-{n:05}" for n in range(first, first + count)]


def wishes(phone_ids: Iterable[str], power: Power = "stopped") -> dict[str, Power]:
    return dict.fromkeys(phone_ids, power)


def rejected(code: str, http_status: int = 400, **more: object) -> RequestRejected:
    return RequestRejected(f"said {code}", call="a call", code=code, http_status=http_status, **more)  # type: ignore[arg-type]


def unauthorised() -> AuthenticationError:
    return AuthenticationError("verify aksk signature fail", call="a call", code="APIGW.0301", http_status=401)


# --- replies


def accept(cloud: TinyCloud, verb: str, phone_ids: Sequence[str]) -> BatchAnswer:
    return cloud.carry_out(verb, phone_ids)


def refuse(error: ApiError) -> Reply:
    """The whole request is declined."""

    def reply(cloud: TinyCloud, verb: str, phone_ids: Sequence[str]) -> BatchAnswer:
        raise error

    return reply


def lose(*, carried_out: bool) -> Reply:
    """The connection breaks before the answer."""

    def reply(cloud: TinyCloud, verb: str, phone_ids: Sequence[str]) -> BatchAnswer:
        if carried_out:
            cloud.carry_out(verb, phone_ids)
        raise ConnectionFailed("connection reset", sent=True)

    return reply


@dataclass
class TinyCloud:
    """A cloud of scripted phones.

    Attributes:
        statuses: the phones and how they begin.
        seconds: how long a job takes, for each phone.
        lag: seconds until a change shows in what is read.
        limit: phones in one request at most (CPS.0190), None for any number.
        replies: what becomes of the next requests; when it is empty they are accepted.
        refusals: phone -> codes of the next answers about it.
        failing: phone -> code that its job fails with.
        unlisted: phones whose jobs are in no listing; `forgotten`: nor known by their id.
        job_trouble: raised by every ListJobs about these requests.
    """

    statuses: Mapping[str, int]
    seconds: Callable[[str], float] = lambda _: 6.0
    lag: float = 0.0
    limit: int | None = None
    replies: deque[Reply] = field(default_factory=deque)
    refusals: dict[str, list[str]] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    job_trouble: Callable[[Sequence[str]], ApiError | None] = lambda _: None
    look_trouble: Callable[[], ApiError | None] = lambda: None
    shuffle: Random | None = None
    servers: int = 1
    now: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._shown: dict[str, list[tuple[float, int]]] = {
            phone_id: [(float("-inf"), number)] for phone_id, number in self.statuses.items()
        }
        self._jobs: dict[str, tuple[str, float, str | None]] = {}
        self._job_ids: dict[str, list[str]] = {}
        self._numbers = itertools.count(1)

    # --- how phones change

    def change(self, phone_id: str, number: int, at: float | None = None) -> None:
        """The phone takes this status, now or at a time to come; what was to come later is void."""
        when = self.now if at is None else at
        history = self._shown[phone_id]
        self._shown[phone_id] = [entry for entry in history if entry[0] < when] + [(when, number)]

    def status(self, phone_id: str, *, lag: float = 0.0) -> int:
        return next(number for at, number in reversed(self._shown[phone_id]) if at <= self.now - lag)

    def carry_out(self, verb: str, phone_ids: Sequence[str]) -> BatchAnswer:
        request_id = f"request-{next(self._numbers)}"
        entries = tuple(self._entry(verb, phone_id, request_id) for phone_id in phone_ids)
        return BatchAnswer(request_id, entries)

    def _entry(self, verb: str, phone_id: str, request_id: str) -> BatchEntry:
        codes = self.refusals.get(phone_id)
        allowed = (RUNNING, STOP_FAILED) if verb == "stop" else (STOPPED,)
        if codes:
            code = codes.pop(0)
        elif phone_id not in self._shown:
            code = "CPS.0005"
        elif self.status(phone_id) == FROZEN:
            code = "CPS.0053"
        elif self.status(phone_id) not in allowed:
            code = "CPS.0141" if verb == "stop" else "CPS.0165"
        else:
            return BatchEntry(phone_id, self._start(verb, phone_id, request_id), None, None)
        return BatchEntry(phone_id, None, code, f"said {code}")

    def _start(self, verb: str, phone_id: str, request_id: str) -> str:
        job_id, end = f"job-{next(self._numbers)}", self.now + self.seconds(phone_id)
        fails = self.failing.get(phone_id)
        if phone_id not in self.stuck:
            self.change(phone_id, STOPPING if verb == "stop" else RESTARTING)
            good, bad = (STOPPED, STOP_FAILED) if verb == "stop" else (RUNNING, -6)
            self.change(phone_id, bad if fails else good, at=end)
        self._jobs[job_id] = (phone_id, end, fails)
        self._job_ids.setdefault(request_id, []).append(job_id)
        return job_id

    # --- the five calls

    def post(self, verb: str, phone_ids: Sequence[str]) -> BatchAnswer:
        self.calls["post"] += 1
        if self.limit is not None and len(phone_ids) > self.limit:
            raise rejected("CPS.0190")
        return (self.replies.popleft() if self.replies else accept)(self, verb, phone_ids)

    def list_phones(self, *, offset: int, limit: int) -> PhonePage:
        self.calls["list_phones"] += 1
        if trouble := self.look_trouble():
            raise trouble
        page = list(self._shown)[offset : offset + limit]
        return PhonePage(tuple(self._phone(phone_id) for phone_id in page), len(self._shown), None)

    def show_phone(self, phone_id: str) -> Phone:
        self.calls["show_phone"] += 1
        if trouble := self.look_trouble():
            raise trouble
        if phone_id not in self._shown:
            raise rejected("CPS.0005", 404)
        return self._phone(phone_id)

    def _phone(self, phone_id: str) -> Phone:
        server = f"server-{int(phone_id[-5:]) % self.servers}"
        return Phone(phone_id, "", server, self.status(phone_id, lag=self.lag))

    def list_jobs(self, request_ids: Sequence[str]) -> tuple[Job, ...]:
        self.calls["list_jobs"] += 1
        if trouble := self.job_trouble(request_ids):
            raise trouble
        hidden = self.unlisted | self.forgotten
        found = [j for r in request_ids for j in self._job_ids.get(r, ()) if self._jobs[j][0] not in hidden]
        if self.shuffle:
            self.shuffle.shuffle(found)
        return tuple(self._job(job_id) for job_id in found[:100])

    def show_job(self, job_id: str) -> Job:
        self.calls["show_job"] += 1
        if self._jobs[job_id][0] in self.forgotten:
            raise rejected("CPS.0011", 404)
        return self._job(job_id)

    def _job(self, job_id: str) -> Job:
        phone_id, end, fails = self._jobs[job_id]
        if self.now < end:
            return Job(job_id, phone_id, 1, None, None)
        return Job(job_id, phone_id, -1 if fails else 2, fails, f"said {fails}" if fails else None)


class Drive:
    """One run of the core. Everything it did is on record; every step is held to the core's rules.

    Args:
        clouds: one cloud, or one for each place.
        latency: seconds until an answer, for each effect.
    """

    def __init__(
        self,
        clouds: TinyCloud | Mapping[str, TinyCloud],
        *,
        batch_size: int = 100,
        latency: float | Callable[[ev.Effect], float] = 0.05,
        random: Callable[[], float] = lambda: 0.5,
    ) -> None:
        self.clouds = {PLACE: clouds} if isinstance(clouds, TinyCloud) else dict(clouds)
        self.observers = {place: Observer(cloud, clock=lambda: self.now) for place, cloud in self.clouds.items()}
        self.core = Core(batch_size=batch_size, random=random)
        self.now = 0.0
        self.posts: list[tuple[float, ev.Post]] = []
        self.effects: list[ev.Effect] = []
        self.finished: dict[int, Mapping[str, ev.Outcome]] = {}
        self.finished_at: dict[int, float] = {}
        self.steps = 0
        self._batch_size = batch_size
        self._latency = latency if callable(latency) else lambda _: latency
        self._orders: dict[int, ev.Order] = {}
        self._coming: list[tuple[float, int, ev.Event | Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._open_posts: dict[int, ev.Post] = {}
        self._open_looks: set[str] = set()
        self._last_seen: dict[tuple[str, str], Sight] = {}
        self._closed = False

    # --- scripting

    def order(
        self,
        op: int,
        phones: Mapping[str, Power],
        *,
        at: float | None = None,
        place: str = PLACE,
        seen: bool | Mapping[str, Sight] = False,
        deadline: float = float("inf"),
        max_in_flight: int | None = None,
    ) -> Drive:
        """An operation is submitted, now or at a time to come; with `seen`, its phones were just looked at."""
        when = self.now if at is None else at

        def submit() -> None:
            sights = seen if isinstance(seen, Mapping) else self._seen(phones, place) if seen else {}
            pages = self.observers[place].pages
            order = ev.Order(op, place, phones, sights, deadline, max_in_flight, pages)
            self._orders[op] = order
            for phone_id, sight in sights.items():
                self._saw(place, phone_id, sight)
            self._step(ev.Submitted(order))

        return self.at(when, submit)

    def _seen(self, phones: Iterable[str], place: str) -> dict[str, Sight]:
        try:
            return self.observers[place].look(dict.fromkeys(phones, self.now))
        except ApiError:
            return {}

    def at(self, when: float, act: Callable[[], object]) -> Drive:
        """Something happens at a time to come."""
        heapq.heappush(self._coming, (when, next(self._numbers), act))
        return self

    def end(self, reason: str = "interrupted by the user", *, at: float | None = None) -> Drive:
        return self.at(self.now if at is None else at, lambda: self._step(ev.Ended(reason)))

    # --- running

    def run(self, until: float = 20_000.0) -> Drive:
        """Let time pass until everything is over, or `until`."""
        while True:
            when = min(self._coming[0][0] if self._coming else float("inf"), self.core.wake_at)
            if when > until or when == float("inf"):
                break
            self.now = max(self.now, when)
            for cloud in self.clouds.values():
                cloud.now = self.now
            if self._coming and self._coming[0][0] <= self.now:
                what = heapq.heappop(self._coming)[2]
                if callable(what):
                    what()
                else:
                    self._arrived(what)
            else:
                self._step(ev.TimePassed())
            assert self.steps < 200_000, "it never comes to an end"
        if until == 20_000.0:
            left = sorted(self._orders.keys() - self.finished.keys())
            assert not left, f"operations that never end: {left}"
        return self

    def _arrived(self, event: ev.Event) -> None:
        if isinstance(event, ev.Posted):
            del self._open_posts[event.post.number]
        if isinstance(event, ev.Looked):
            self._open_looks.remove(event.look.place)
            for phone_id, sight in event.sights.items():
                self._saw(event.look.place, phone_id, sight)
        self._step(event)

    def _saw(self, place: str, phone_id: str, sight: Sight) -> None:
        last = self._last_seen.get((place, phone_id))
        if last is None or sight.at >= last.at:
            self._last_seen[place, phone_id] = sight

    def _step(self, event: ev.Event) -> None:
        self.steps += 1
        self._closed |= isinstance(event, ev.Ended)
        self._closed |= isinstance(getattr(event, "error", None), AuthenticationError)
        effects = self.core.step(self.now, event)
        self.effects.extend(effects)
        for effect in effects:
            self._perform(effect)
        assert self.core.wake_at > self.now, "a timer that is due was left"

    def _perform(self, effect: ev.Effect) -> None:
        match effect:
            case ev.Finish(op, outcomes):
                assert op not in self.finished, f"operation {op} finished twice"
                assert outcomes.keys() == self._orders[op].wishes.keys()
                self.finished[op], self.finished_at[op] = outcomes, self.now
            case ev.Accepted() | ev.Progress():
                pass
            case _:
                assert not self._closed, f"{effect} after the end"
                event = self._request(effect)
                when = self.now + self._latency(effect)
                heapq.heappush(self._coming, (when, next(self._numbers), event))

    def _request(self, effect: ev.Look | ev.Post | ev.ListJobs | ev.ShowJob) -> ev.Event:
        cloud, observer = self.clouds[effect.place], self.observers[effect.place]
        cloud.now = self.now
        match effect:
            case ev.Look(place, needs):
                assert place not in self._open_looks, "two looks at once"
                assert needs, "a look at nothing"
                self._open_looks.add(place)
                try:
                    return ev.Looked(effect, observer.look(needs))
                except ApiError as error:
                    return ev.Looked(effect, observer.known(needs), error)
            case ev.Post():
                self._hold_to_the_rules(effect)
                if self.now > effect.not_after:
                    return ev.Posted(effect, None)
                self.posts.append((self.now, effect))
                try:
                    return ev.Posted(effect, cloud.post(effect.verb, effect.phone_ids))
                except ApiError as error:
                    return ev.Posted(effect, None, error)
                finally:
                    observer.touched(effect.phone_ids)
            case ev.ListJobs():
                assert 0 < len(effect.request_ids) <= 20
                try:
                    return ev.JobsListed(effect, cloud.list_jobs(effect.request_ids))
                except ApiError as error:
                    return ev.JobsListed(effect, None, error)
            case ev.ShowJob():
                try:
                    return ev.JobShown(effect, cloud.show_job(effect.job_id))
                except ApiError as error:
                    return ev.JobShown(effect, None, error)

    def _hold_to_the_rules(self, post: ev.Post) -> None:
        assert 0 < len(post.phone_ids) <= self._batch_size
        assert len(set(post.phone_ids)) == len(post.phone_ids), "a phone twice in one request"
        for other in self._open_posts.values():
            shared = other.place == post.place and set(other.phone_ids) & set(post.phone_ids)
            assert not shared, f"{shared} in two requests at once"
        self._open_posts[post.number] = post
        for phone_id in post.phone_ids:
            sight = self._last_seen[post.place, phone_id]
            assert sight.at + 10.0 >= post.not_after, "older than the look behind it"
            if post.verb == "start":
                assert sight.status != st.RUNNING, f"{phone_id} runs and would be restarted"

    # --- what came of it

    @property
    def sent(self) -> list[tuple[str, int]]:
        """The requests: verb and number of phones."""
        return [(post.verb, len(post.phone_ids)) for _, post in self.posts]

    @property
    def times(self) -> list[float]:
        """When the requests were sent."""
        return [round(at, 3) for at, _ in self.posts]

    def of(self, kind: type[ev.Effect]) -> list[ev.Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def outcome(self, phone_id: str, op: int = 1) -> ev.Outcome:
        return self.finished[op][phone_id]

    def failures(self, op: int = 1) -> dict[str, tuple[str, str]]:
        """Phone -> kind and code, for those that failed."""
        return {i: (o.failure.kind, o.failure.code) for i, o in self.finished[op].items() if o.failure}

    @property
    def gets(self) -> int:
        return sum(n for cloud in self.clouds.values() for call, n in cloud.calls.items() if call != "post")


def fleet(count: int, status: int = RUNNING, **more: object) -> TinyCloud:
    """So many phones that all show `status`."""
    return TinyCloud(dict.fromkeys(ids(count), status), **more)  # type: ignore[arg-type]
