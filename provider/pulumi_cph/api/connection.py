"""The one way a request goes out: signed, limited, repeated if that is safe, decoded or raised.

Which failures are repeated and after how long is in `policy`; here is the order of things.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from itertools import count
from random import random as system_random
from typing import Final, Literal
from urllib.parse import urlsplit

from pulumi_cph.version import __version__

from . import policy
from .decoding import Document, document, invalid
from .errors import ApiError, ConnectionFailed, RequestRejected, Throttled
from .failures import failure
from .limiter import CredentialGate, Limiter
from .redaction import Redaction
from .signing import Credentials, authorize, canonical_query, encode, sendable
from .transport import HttpRequest, HttpResponse, Transport

USER_AGENT: Final = f"pulumi-cph/{__version__}"
"""What we call ourselves."""

_SUCCESS: Final = {"GET": frozenset((200,)), "POST": frozenset((200, 201, 202))}


class RetryQuota:
    """How many repetitions all callers together still have.

    In an outage every caller would repeat every request; the quota makes them stop after the first few. A
    repetition costs 5, each success gives 1 back, so in good times there is always enough.
    """

    CAPACITY: Final = 300
    COST: Final = 5

    def __init__(self) -> None:
        self._left = self.CAPACITY
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether one more repetition may be made; it is paid for then."""
        with self._lock:
            affordable = self._left >= self.COST
            self._left -= self.COST if affordable else 0
            return affordable

    def refund(self) -> None:
        """A request succeeded."""
        with self._lock:
            self._left = min(self.CAPACITY, self._left + 1)


def utc_now() -> datetime:
    """The time, aware, for `Connection.clock`."""
    return datetime.now(timezone.utc)


def _always() -> None:
    pass


class Connection:
    """Everything that the calls of one process and endpoint share. Thread-safe.

    credentials  who asks
    transport    carries the bytes
    limiter      how fast: one per endpoint
    gate         whether at all: one per process, over all endpoints
    clock        the time of day in UTC, for signatures
    sleep        waits some seconds between attempts; may raise `Interrupted`
    random       from [0, 1), for the jitter of those waits
    checkpoint   called directly before every request leaves; raises `Interrupted` to stop it
    quota        the repetitions that are left
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        transport: Transport,
        limiter: Limiter,
        gate: CredentialGate,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = system_random,
        checkpoint: Callable[[], None] = _always,
        quota: RetryQuota | None = None,
        user_agent: str = USER_AGENT,
    ) -> None:
        self._credentials = credentials
        self._transport = transport
        self._limiter = limiter
        self._gate = gate
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._checkpoint = checkpoint
        self._quota = quota or RetryQuota()
        self._user_agent = user_agent
        self._redaction = Redaction(credentials.secrets())

    def request(
        self,
        call: str,
        method: Literal["GET", "POST"],
        url: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Document:
        """The JSON object that the service answers to `call`, or an `ApiError`.

        A GET is repeated up to `policy.MAX_ATTEMPTS` times in all after 429, 5xx, a lost connection, an
        answer that was cut off, CPS.0003 and CPS.0042, while the quota lasts. A POST is sent once. A refusal
        of the credentials is never repeated and is the last request of the process.
        """
        address = _address(call, url, query)
        content = b"" if body is None else json.dumps(body).encode()
        for attempt in count(1):
            try:
                with self._limiter.slot(), self._gate.passage(call):
                    answer = self._exchange(call, method, address, headers or {}, content)
            except ApiError as error:
                error.call, error.attempts = call, attempt
                if isinstance(error, Throttled):
                    self._limiter.slow_down(policy.throttle_pause(error))
                if not policy.may_repeat(error, method, attempt) or not self._quota.take():
                    raise
                self._sleep(policy.repeat_delay(error, attempt, self._random()))
            else:
                self._quota.refund()
                return answer
        raise AssertionError("unreachable: the last attempt returns or raises")

    def clean(self, text: str) -> str:
        """A server's `text` as one bounded line without our credentials."""
        return self._redaction.line(text)

    def _exchange(self, call: str, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Document:
        proven = authorize(
            self._credentials,
            method=method,
            url=url,
            headers={"Content-Type": "application/json", **headers},
            body=content,
            at=self._clock(),
        )
        request = HttpRequest(method, url, {**proven, "User-Agent": self._user_agent}, content)
        self._checkpoint()
        return self._decode(call, method, self._send(call, request))

    def _send(self, call: str, request: HttpRequest) -> HttpResponse:
        try:
            return self._transport.send(request)
        except ConnectionFailed as error:
            raise ConnectionFailed(self.clean(error.message), call=call, sent=error.sent) from None

    def _decode(self, call: str, method: str, response: HttpResponse) -> Document:
        if response.status not in _SUCCESS[method]:
            raise failure(call, response, self._redaction, self._clock())
        try:
            if response.cut:
                raise invalid(call, f"it {response.cut}", truncated=response.cut == "ended early")
            return document(call, response.body)
        except ApiError as error:
            error.http_status = response.status
            raise


def segment(call: str, identifier: str) -> str:
    """`identifier` as one segment of a path. Raises `RequestRejected` for what no path can hold."""
    if identifier in ("", ".", ".."):
        raise RequestRejected(f"'{identifier}' is not an id", call=call)
    try:
        return encode(identifier)
    except UnicodeEncodeError:
        raise RequestRejected("the id is not valid Unicode", call=call) from None


def endpoint_url(endpoint: str) -> str:
    """`endpoint` without a slash at its end. Raises ValueError, without quoting it, if it is none.

    A user name in it would replace our Authorization header, and its password would stand in logs.
    """
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("an endpoint is https://<host>, without a user name")
    if parts.query or parts.fragment or not sendable(endpoint):
        raise ValueError("an endpoint has no query, no fragment, and nothing but printable ASCII in it")
    return endpoint.rstrip("/")


def _address(call: str, url: str, query: Iterable[tuple[str, str]]) -> str:
    try:
        encoded = canonical_query(query)
    except UnicodeEncodeError:
        raise RequestRejected("a parameter is not valid Unicode", call=call) from None
    return f"{url}?{encoded}" if encoded else url
