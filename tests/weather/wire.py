"""Carries a client's requests to the simulated cloud, as badly as the weather wants, and writes down each of them."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email.utils import format_datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit

from pulumi_cph.api import ConnectionFailed, HttpRequest, HttpResponse
from pulumi_cph.api.transport import ANSWER_TIMEOUT, READ_TIMEOUT, Cut
from pulumi_cph.simulator import Cloud, Fault, Request, Response, respond
from pulumi_cph.simulator.wire import DROPPED_BEFORE_ANSWER
from tests.weather.scenario import WIRE_KINDS, Mishap

HUGE = 60_000
"""Bytes of a body that count as too many here: no test has to build ten megabytes."""

POSTS = ("batch-stop", "batch-restart")

_HARMLESS = frozenset({"", "delay", "duplicate-entries", "foreign-entries", "lying-count"})
"""Kinds of mishap after which an answer still says what happened."""


Rewrite = Callable[[str, Response], Response]
"""From a call's name and its real answer to what is sent."""


class Died(BaseException):
    """The process is no more; raised in whatever it was waiting for."""


@dataclass
class Exchange:
    """One request of a client, and what became of it.

    Attributes:
        departed: when it left.
        request_id: the service's own id of it, once it has acted.
        status: of the answer that the client got; 0 for none.
        told: the JSON that the client got, if it got a whole answer.
        mishap: kind of what went wrong.
        intact: whether the client was told what happened.
    """

    process: int
    call: str
    departed: float
    phones: tuple[str, ...] = ()
    body: Any = None
    request_id: str | None = None
    status: int = 0
    told: Any = None
    mishap: str = ""
    intact: bool = False


class Mishaps:
    """What the way between the two sides does to requests: the kinds that the simulator does not know."""

    def __init__(self, mishaps: Sequence[Mishap]) -> None:
        self._rules = [(mishap, [0]) for mishap in mishaps if mishap.kind in WIRE_KINDS]
        self.struck: Counter[str] = Counter()

    def take(self, call: str) -> Mishap | None:
        """The first one that strikes this request."""
        for mishap, seen in self._rules:
            if mishap.call not in (None, call):
                continue
            seen[0] += 1
            if seen[0] > mishap.skip and (mishap.times is None or seen[0] <= mishap.skip + mishap.times):
                self.struck[mishap.kind] += 1
                return mishap
        return None

    def clear(self) -> None:
        """Nothing strikes any more."""
        self._rules.clear()


def as_fault(mishap: Mishap) -> Fault:
    """The simulator's form of a mishap that it knows."""
    headers = {} if mishap.retry_after is None else {"retry-after": str(mishap.retry_after)}
    return Fault(
        mishap.kind,  # type: ignore[arg-type]
        call=mishap.call,
        skip=mishap.skip,
        times=mishap.times,
        acted=mishap.acted,
        status=mishap.status,
        code=mishap.code,
        message="said so",
        headers=headers,
        seconds=mishap.seconds,
    )


@dataclass
class Wire:
    """A `Transport` of one process.

    Attributes:
        travel: lets the seconds on the way pass; the flag: whether towards the service. Raises `Died`.
        later: does something after some seconds, whatever becomes of the process.
        departs: told of every request when it leaves ...
        arrives: ... and when its answer is here.
        outlives: whether a request that has left reaches the service when its process dies.
        jobs_page: jobs that a listing shows at most.
        rewrite: makes of each answer what the client gets instead.
    """

    process: int
    cloud: Cloud
    now: Callable[[], float]
    travel: Callable[[float, bool], None]
    later: Callable[[float, Callable[[], object]], None]
    departs: Callable[[Exchange], None]
    arrives: Callable[[Exchange], None]
    outlives: Callable[[], bool]
    mishaps: Mishaps
    latency: float
    jobs_page: int
    random: Random
    rewrite: Rewrite = lambda _, response: response
    sent: list[Exchange] = field(default_factory=list)
    signatures: set[str] = field(default_factory=set)

    def send(self, request: HttpRequest) -> HttpResponse:
        """As `Transport.send` says."""
        exchange = self._departing(request)
        mishap = self.mishaps.take(exchange.call)
        exchange.mishap = mishap.kind if mishap else ""
        if mishap and mishap.kind == "unreachable":
            self.travel(mishap.seconds, False)
            raise ConnectionFailed("the simulated cloud: no connection in time", sent=False)
        try:
            self.travel(self.latency * self.random.random(), True)
        except Died:
            if self.outlives():
                self.act(exchange, request)
            raise
        if mishap and mishap.kind == "acts-late":
            self.later(mishap.seconds, lambda: self.act(exchange, request))
            raise ConnectionFailed("the simulated cloud: the connection broke before an answer", sent=True)
        if mishap and not mishap.acted:
            response = Response(0)
        else:
            response = self.act(exchange, request)
        if mishap and mishap.kind == "echo":
            response = _echo(mishap, request)
        if mishap and mishap.kind == "hang":
            response = replace(response, delay=READ_TIMEOUT + 1)
        answer = self._arriving(exchange, response)
        self.arrives(exchange)
        return answer

    def act(self, exchange: Exchange, request: HttpRequest) -> Response:
        """The request has arrived: the service does what it wants."""
        response = respond(self.cloud, as_request(request))
        exchange.request_id = response.headers.get("x-request-id")
        exchange.mishap = exchange.mishap or self.cloud.log._entries[-1].fault  # iterating copies the whole log
        paged = self._paged(exchange, response)
        rewritten = self.rewrite(exchange.call, paged)
        if rewritten != paged:
            exchange.mishap = "rewritten"
        return rewritten

    def _departing(self, request: HttpRequest) -> Exchange:
        path = urlsplit(request.url).path.partition("/cloud-phone/")[2]
        body = json.loads(request.body) if request.body else None
        exchange = Exchange(self.process, _call(path), self.now(), _phones(path, body), body)
        authorization = request.headers.get("Authorization", "")
        self.signatures.add(authorization.rpartition("Signature=")[2])
        self.sent.append(exchange)
        self.departs(exchange)
        return exchange

    def _arriving(self, exchange: Exchange, response: Response) -> HttpResponse:
        if response.delay > READ_TIMEOUT:
            self.travel(READ_TIMEOUT, False)
            raise ConnectionFailed("the simulated cloud did not answer in time", sent=True)
        self.travel(response.delay + self.latency * self.random.random(), False)
        if response.sent == DROPPED_BEFORE_ANSWER:
            raise ConnectionFailed("the simulated cloud: the connection broke before an answer", sent=True)
        body: bytes = response.body
        cut: Cut | None = None
        if response.sent is not None:
            body, cut = body[: response.sent], "ended early"
        elif response.bytes_per_second and len(body) / response.bytes_per_second > ANSWER_TIMEOUT:
            self.travel(ANSWER_TIMEOUT, False)
            body, cut = body[:60], "took too long"
        elif response.bytes_per_second:
            self.travel(len(body) / response.bytes_per_second, False)
        elif len(body) > HUGE:
            body, cut = body[:HUGE], "is too large"
        exchange.status = response.status
        if cut is None:
            exchange.told = _json(body)
        exchange.intact = exchange.told is not None and exchange.mishap in _HARMLESS
        date = format_datetime(datetime.fromtimestamp(self.cloud.clock(), timezone.utc), usegmt=True)
        return HttpResponse(response.status, {"Date": date, **response.headers}, body, cut)

    def _paged(self, exchange: Exchange, response: Response) -> Response:
        """As from a service with smaller pages: those of the real one hold more jobs than a test has."""
        if exchange.call != "list-jobs" or response.status != 200:
            return response
        content = _json(response.body)
        if not isinstance(content, dict) or not isinstance(content.get("jobs"), list):
            return response
        return replace(response, body=json.dumps({**content, "jobs": content["jobs"][: self.jobs_page]}).encode())


def as_request(request: HttpRequest) -> Request:
    """A client's request as the simulator takes it."""
    address = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method, address.path, address.query, headers, request.body)


def _echo(mishap: Mishap, request: HttpRequest) -> Response:
    """What a talkative gateway makes of a request: everything that came with it, plain and encoded."""
    # What is secret comes first: messages are cut.
    proofs = ("Authorization", "X-Auth-Token", "X-Security-Token")
    headers = sorted(request.headers.items(), key=lambda header: header[0] not in proofs)
    lines = [f"{name}:{value}" for name, value in headers]
    secrets = [request.headers.get(name, "") for name in ("X-Auth-Token", "X-Security-Token")]
    encoded = [base64.b64encode(secret.encode()).decode() for secret in secrets]
    text = "|".join([*lines, *secrets, *encoded, *(secret.encode().hex() for secret in secrets)])
    content = {"error_code": mishap.code, "error_msg": f"canonicalRequest:{text}", "request_id": "0123456789abcdef"}
    return Response(mishap.status, json.dumps(content).encode(), {"content-type": "application/json"})


def _call(path: str) -> str:
    if path.startswith("phones/batch-"):
        return path.partition("/")[2]
    kind, _, rest = path.partition("/")
    return {"phones": ("list-phones", "show-phone"), "jobs": ("list-jobs", "show-job")}[kind][bool(rest)]


def _phones(path: str, body: Any) -> tuple[str, ...]:
    if isinstance(body, dict):
        entries = body.get("phone_ids", body.get("phones", []))
        return tuple(each["phone_id"] if isinstance(each, dict) else each for each in entries)
    return (path.partition("/")[2],) if path.startswith("phones/") else ()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
