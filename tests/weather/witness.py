"""Sees everything that the client sends, is told, decides and says; knows what must never be seen.

What a client cannot know is excused by name: what somebody else did to a phone, an answer that never reached the
client, a restart that does not show (`Options.restart_shows`).
"""

from __future__ import annotations

import base64
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

from pulumi_cph import status as st
from pulumi_cph.dispatch import events as ev
from pulumi_cph.observe import Sight
from pulumi_cph.simulator import World
from pulumi_cph.simulator.jobs import Job
from tests.weather.wire import POSTS, Exchange

LOOK_AGE = 10.0
"""How old (seconds) the look behind a request may be."""
LATE = 1.0
"""How long after its deadline a wait must be over."""

MOMENT = 0.0
"""Seconds."""

NOTICED = 45.0
"""Within how many seconds a phone that was seen where it should be counts as done, whatever its job says."""

_REQUEST = re.compile(r"requests? ([0-9a-f]{32})")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOTHING = 1e-6


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass
class _Wait:
    order: ev.Order
    jobs: dict[str, str] = field(default_factory=dict)
    """The last job that the client was told of, by phone."""
    requests: dict[str, float] = field(default_factory=dict)
    """When the last request that began a job left, by phone."""


class Witness:
    """Of one run. `epoch`: what the cloud's clock shows at time 0."""

    def __init__(
        self,
        world: World,
        *,
        epoch: float,
        batch_size: int,
        secrets: Iterable[str],
        restart_shows: bool,
    ) -> None:
        self.world = world
        self.exchanges: list[Exchange] = []
        self.foreign: set[str] = set()
        """The phones that somebody else has changed."""
        self.allowed: Mapping[str, str] = {}
        """The phones that the program declares or releases, with their power state, during this `up`."""
        self.log: set[str] = set()
        """The request ids that were logged."""
        self.texts: list[str] = []
        self.deceived = False
        """Whether answers may be false: then the client cannot know which phones are on their way."""
        self.time = 0.0
        self._epoch = epoch
        self._batch_size = batch_size
        self._secrets = {form for secret in secrets for form in _forms(secret)}
        self._restart_shows = restart_shows
        self._evidence: dict[tuple[int, str], list[tuple[float, str]]] = defaultdict(list)
        self._sights: dict[tuple[int, str], Sight] = {}
        self._behind: dict[tuple[int, int], dict[str, Sight]] = {}
        self._posts: dict[tuple[int, int], Exchange] = {}
        self._waits: dict[int, _Wait] = {}
        self._refusals: Counter[int] = Counter()
        self._refused: set[int] = set()
        self.was_good = True
        """Whether the credentials were good at first: then several requests may be under way when one is refused."""
        self._heard: set[int] = set()
        """Exchanges (by identity) whose answer the dispatcher heard of."""

    # --- what leaves

    def wanted(self, process: int, effect: ev.Request) -> None:
        """The core asks for something."""
        if isinstance(effect, ev.Post):
            sights = ((i, self._sights.get((process, i))) for i in effect.phone_ids)
            self._behind[process, effect.number] = {i: sight for i, sight in sights if sight}

    def departs(self, exchange: Exchange, effect: ev.Request | None, after_end: bool) -> None:
        """A request leaves the client."""
        self.exchanges.append(exchange)
        if exchange.process in self._refused:
            raise Broken(f"{exchange.call} was sent after the credentials had been refused")
        if exchange.call not in POSTS:
            return
        if not isinstance(effect, ev.Post):
            raise Broken(f"{exchange.call} was sent although the core asked for {effect!r}")
        if after_end:
            raise Broken(f"{exchange.call} was sent after the process was told to end, or its engine was gone")
        self._posts[exchange.process, effect.number] = exchange
        self._check_body(exchange, effect)
        behind = self._behind[exchange.process, effect.number]
        for phone_id in exchange.phones:
            self._check_wanted(exchange, phone_id)
            self._check_look(exchange, phone_id, behind.get(phone_id))
            self._check_idle(exchange, phone_id)

    def _check_body(self, exchange: Exchange, post: ev.Post) -> None:
        ids = list(post.phone_ids)
        expected: dict[str, Any] = {
            "stop": {"phone_ids": ids},
            "start": {"phones": [{"phone_id": phone_id} for phone_id in ids]},
        }[post.verb]
        call = "batch-stop" if post.verb == "stop" else "batch-restart"
        if exchange.body != expected or exchange.call != call:
            raise Broken(f"the body of {exchange.call} is {exchange.body}, not {expected}")
        if len(set(ids)) < len(ids) or not 0 < len(ids) <= self._batch_size:
            raise Broken(f"a request with these phones: {ids}; at most {self._batch_size}, each once")

    def _check_wanted(self, exchange: Exchange, phone_id: str) -> None:
        call, power = exchange.call, "stopped" if exchange.call == "batch-stop" else "running"
        waits = [wait for wait in self._waits.values() if wait.order.wishes.get(phone_id) == power]
        if all(wait.order.deadline < exchange.departed for wait in waits):
            raise Broken(f"{call} of phone {phone_id}, for which nobody waits any more")
        if self.allowed.get(phone_id) != power:
            said = self.allowed.get(phone_id, "nothing")
            raise Broken(f"{call} of phone {phone_id}, of which the program says: {said}")

    def _check_look(self, exchange: Exchange, phone_id: str, sight: Sight | None) -> None:
        if sight is None:
            raise Broken(f"{exchange.call} of phone {phone_id} that was never looked at")
        age = exchange.departed - sight.at
        if age > LOOK_AGE + _NOTHING:
            raise Broken(f"the look behind {exchange.call} of phone {phone_id} is {age:.1f} s old")
        useful = {"batch-stop": (st.RUNNING, st.STOP_FAILED), "batch-restart": (st.STOPPED, st.RESTART_FAILED)}
        if sight.status not in useful[exchange.call]:
            raise Broken(f"{exchange.call} of phone {phone_id} that the look behind it showed {sight.status}")

    def _check_idle(self, exchange: Exchange, phone_id: str) -> None:
        job = self._running_job(phone_id)
        if job is None or phone_id in self.foreign or self.deceived:
            return
        if job.call == "restart" and not self._restart_shows:
            return
        since = exchange.departed - (job.begin - self._epoch)
        raise Broken(f"{exchange.call} of phone {phone_id}, whose job to {job.call} has run for {since:.1f} s")

    def _running_job(self, phone_id: str) -> Job | None:
        now = self.world.clock()
        jobs = self.world._jobs.values()  # the world's own book: what it tells is subject to its options
        return next((job for job in jobs if job.phone_id == phone_id and now < job.end), None)

    # --- what comes back

    def arrives(self, exchange: Exchange) -> None:
        """An answer reaches the client."""
        if exchange.status == 401:
            self._refused.add(exchange.process)
            self._refusals[exchange.process] += 1
            if self._refusals[exchange.process] > 1 and not self.was_good:
                raise Broken("a second 401 in one process")
        told = exchange.told
        if exchange.call == "list-phones" and exchange.status == 200 and isinstance(told, dict):
            phones = told.get("phones")
            for entry in phones if isinstance(phones, list) else ():
                self._shown(exchange, entry)
        if exchange.call == "show-phone" and exchange.status == 200:
            self._shown(exchange, told)
        gone = isinstance(told, dict) and told.get("error_code") in ("CPS.0004", "CPS.0005")
        if exchange.call == "show-phone" and (gone or exchange.status == 404):
            self._evidence[exchange.process, exchange.phones[0]].append((exchange.departed, st.MISSING))

    def _shown(self, exchange: Exchange, entry: object) -> None:
        if not isinstance(entry, dict) or not isinstance(entry.get("status"), int):
            return
        key = exchange.process, str(entry.get("phone_id"))
        self._evidence[key].append((exchange.departed, st.word_of(entry["status"])))

    def saw(self, process: int, sights: Mapping[str, Sight]) -> None:
        """The client takes these sights for true."""
        for phone_id, sight in sights.items():
            evidence = self._evidence[process, phone_id]
            if not any(word == sight.status and at >= sight.at - _NOTHING for at, word in evidence):
                raise Broken(f"{sight} is invented: the service said {evidence[-3:]}")
            last = self._sights.get((process, phone_id))
            if last is None or sight.at >= last.at:
                self._sights[process, phone_id] = sight

    def delivered(self, process: int, event: ev.Event) -> None:
        """The core hears of something."""
        match event:
            case ev.Submitted():
                self.saw(process, event.order.seen)
            case ev.Looked() if event.sights:
                self.saw(process, event.sights)
            case ev.Posted():
                self._answered(process, event)
        if getattr(event, "error", None) or isinstance(event, ev.Posted | ev.JobsListed | ev.JobShown):
            self.texts.append(repr(event))
            self.texts.extend(_said(getattr(event, "error", None)))

    def _answered(self, process: int, event: ev.Posted) -> None:
        exchange = self._posts.get((process, event.post.number))
        if exchange is None:
            return
        self._heard.add(id(exchange))
        for entry in event.answer.entries if event.answer else ():
            for wait in self._waits.values():
                if entry.job_id and entry.phone_id in wait.order.wishes and entry.phone_id in exchange.phones:
                    wait.jobs[entry.phone_id] = entry.job_id
                    wait.requests[entry.phone_id] = exchange.departed

    # --- what is said

    def ordered(self, order: ev.Order) -> None:
        """An operation is submitted."""
        self._waits[order.op] = _Wait(order)

    def said(self, kind: str, line: str) -> None:
        """A line is shown to the user. Only a progress line does not stay."""
        self.texts.append(line)
        if kind != "progress":
            self.log.update(_REQUEST.findall(line))

    def left_over(self, accepted: ev.Accepted) -> None:
        """A request was accepted when nobody waited for it any more; the process says so."""
        self.texts.append(repr(accepted))
        self.log.add(str(accepted.request_id))

    def finished(self, process: int, finish: ev.Finish, now: float) -> None:
        """An operation has come to its end."""
        wait = self._waits.pop(finish.op)
        late = now - wait.order.deadline
        if late > LATE + _NOTHING:
            raise Broken(f"a wait ended {late:.1f} s after its deadline")
        if finish.outcomes.keys() != wait.order.wishes.keys():
            raise Broken("the outcomes are not those of the phones asked for")
        for phone_id, outcome in finish.outcomes.items():
            self.texts.append(repr(outcome))
            job = wait.jobs.get(phone_id)
            if job and outcome.job_id != job:
                raise Broken(f"phone {phone_id}: the client was told of job {job}, and reports {outcome}")
            if outcome.failure is None:
                self._check_there(process, wait, outcome)
            elif outcome.failure.kind == "timeout":
                self._check_not_there(process, wait, outcome)

    def _check_there(self, process: int, wait: _Wait, outcome: ev.Outcome) -> None:
        power, since = wait.order.wishes[outcome.phone_id], wait.requests.get(outcome.phone_id, float("-inf"))
        evidence = self._evidence[process, outcome.phone_id]
        if not any(word == power and at > since for at, word in evidence):
            raise Broken(f"{outcome} counts as {power}, but the service never said so: {evidence[-3:]}")

    def _check_not_there(self, process: int, wait: _Wait, outcome: ev.Outcome) -> None:
        power, since = wait.order.wishes[outcome.phone_id], wait.requests.get(outcome.phone_id)
        sight = self._sights.get((process, outcome.phone_id))
        if sight is None or since is None or sight.status != power or sight.at <= since:
            return
        early = wait.order.deadline - sight.at
        if early > NOTICED:
            raise Broken(f"{outcome} although it was seen there {early:.0f} s before")

    # --- at the end

    def check_jobs_known(self, output_jobs: set[str], output_requests: set[str]) -> None:
        """Every job that the world began for us is in `output_jobs` (of all outputs ever saved), or its request is
        in `output_requests` or in the log; unless the dispatcher, while it lived, was never told of it by an answer
        that came intact."""
        jobs: dict[str, set[str]] = defaultdict(set)
        for job in self.world._jobs.values():
            jobs[job.request_id].add(job.job_id)
        for exchange in self.exchanges:
            begun = jobs.get(exchange.request_id or "", set())
            if exchange.call not in POSTS or begun <= output_jobs:
                continue
            if exchange.request_id in self.log or exchange.request_id in output_requests:
                continue
            if exchange.intact and id(exchange) in self._heard:
                raise Broken(
                    f"{exchange.call} of {exchange.departed:.1f} began {len(begun)} jobs; its request id "
                    f"{exchange.request_id} is in no log, and the jobs are in no output"
                )

    def check_secrets(self, signatures: set[str], more: Iterable[str]) -> None:
        """No credential is in anything that was said."""
        text = "\n".join([*self.texts, *more])
        lower = text.lower()
        for form in self._secrets:
            if form.lower() in lower:
                raise Broken(f"a secret in what was said: {_around(text, lower.index(form.lower()))}")
        for match in _DIGEST.finditer(text):
            if match[0] in signatures:
                raise Broken(f"a signature in what was said: {_around(text, match.start())}")


def _said(error: BaseException | None) -> list[str]:
    said = []
    while error is not None:
        said += [str(error), repr(error), repr(error.args)]
        error = error.__cause__ or error.__context__
    return said


def _forms(secret: str) -> set[str]:
    octets = secret.encode()
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        base64.b64encode(octets).decode().rstrip("="),
        base64.urlsafe_b64encode(octets).decode().rstrip("="),
        octets.hex(),
    }


def _around(text: str, at: int) -> str:
    return text[max(0, at - 80) : at + 20]
