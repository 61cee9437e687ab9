"""One HTTP exchange: bytes out, bytes in, within limits of time and size.

`Transport` is the seam at which tests and simulators stand in. `RequestsTransport` is the real one. Neither
knows of credentials, retries or JSON; redirects are answers like any other.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final, Literal, Protocol, cast
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from .errors import ConnectionFailed

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for a connection to be established."""
READ_TIMEOUT: Final = 30.0
"""Seconds without a single byte."""
ANSWER_TIMEOUT: Final = 60.0
"""Seconds for a whole answer: no read timeout ends a server that sends one byte a second."""
SIZE_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of a body. A page of 200 phones has some 150 kB."""
POOL_SIZE: Final = 32
"""Connections kept open to one host; more than the limiters let be used, or connections are made anew."""

Cut = Literal["ended early", "took too long", "is too large"]
"""Why a body is not whole."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request ready to go. `url` holds the query as signed; `headers` and `body` stay out of the repr."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer with any status. `headers` are found in any case; `cut` says why `body` is only a part."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    cut: Cut | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", CaseInsensitiveDict(self.headers))


class Transport(Protocol):
    """Carries requests. Used by many threads at once."""

    def send(self, request: HttpRequest) -> HttpResponse:
        """The answer to `request`, sent once. Raises `ConnectionFailed` when there is none."""
        ...


class RequestsTransport:
    """`Transport` over requests: connections are reused, certificates checked, redirects not followed.

    Proxies and certificate bundles of the environment (HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE, ...) are
    honoured. A .netrc is not: it would replace our Authorization header. Cookies are not kept.

    All times are in seconds; they are parameters for the tests.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        answer_timeout: float = ANSWER_TIMEOUT,
        size_limit: int = SIZE_LIMIT,
    ) -> None:
        self._timeouts = (connect_timeout, read_timeout)
        self._size_limit = size_limit
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # No compression, so that what is counted against the limit is what came over the wire.
        self._session.headers = CaseInsensitiveDict({"Accept": "application/json", "Accept-Encoding": "identity"})
        self._answering = _Answering()
        adapter = _adapter(answer_timeout, self._answering)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def send(self, request: HttpRequest) -> HttpResponse:
        """As `Transport.send` says."""
        try:
            with self._session.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                data=request.body or None,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
                proxies=get_environ_proxies(request.url),
                verify=_trusted(),
            ) as response:
                body, cut = self._read(cast(HTTPResponse, response.raw))
                return HttpResponse(response.status_code, response.headers, body, cut)
        # Without the original as a cause: its text may hold the address of a proxy with its password.
        except _NotConnected as error:
            raise ConnectionFailed(f"{_host(request)}: {error}", sent=False) from None
        except (InvalidURL, InvalidSchema, MissingSchema) as error:
            raise ConnectionFailed(
                f"the address of the endpoint or of a proxy is unusable ({_innermost(error)})", sent=False
            ) from None
        except requests.Timeout:
            raise ConnectionFailed(f"{_host(request)} did not answer in time", sent=True) from None
        except (OSError, HTTPError, http.client.HTTPException) as error:
            why = f"{_host(request)}: the connection broke before an answer ({_innermost(error)})"
            raise ConnectionFailed(why, sent=True) from None

    def abort(self) -> None:
        """Break off every answer that is waited for: it ends as when the connection breaks."""
        self._answering.break_off()

    def _read(self, raw: HTTPResponse) -> tuple[bytes, Cut | None]:
        body = bytearray()
        try:
            # As it comes: unpacking could make gigabytes of what passed the limit.
            for chunk in raw.stream(64 * 1024, decode_content=False):
                body += chunk
                if len(body) > self._size_limit:
                    return bytes(body[: self._size_limit]), "is too large"
        except (HTTPError, OSError, http.client.HTTPException, ValueError) as error:
            slow = any(isinstance(e, TimeoutError) for e in _chain(error))
            return bytes(body), "took too long" if slow else "ended early"
        return bytes(body), None


class _NotConnected(Exception):
    """No connection was established. Unknown to all between `connect` and `send`, so it arrives unchanged."""


class _Answering:
    """The sockets that answers come from. Closed ones drop out by themselves."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()

    def add(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.add(sock)

    def break_off(self) -> None:
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            with suppress(OSError):
                # Not the method of a TLS socket, which would pull its state from under the thread that reads.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _adapter(answer_timeout: float, answering: _Answering) -> HTTPAdapter:
    """requests' adapter on connections that tell a failed connect apart and end an answer in time.

    Both need the innards of urllib3: its exceptions do not say whether bytes were sent, and its time-outs
    start anew with every byte.
    """

    class Answer(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            answering.add(sock)
            stream = self.fp.detach()
            self.fp = io.BufferedReader(_Deadline(sock, stream, answer_timeout))

    class Plain(HTTPConnection):
        response_class = Answer

        def connect(self) -> None:
            _connect(super().connect)

    class Secure(HTTPSConnection):
        response_class = Answer

        def connect(self) -> None:
            _connect(super().connect)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    pools = {"http": PlainPool, "https": SecurePool}

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            proxies = super().proxy_manager_for(*args, **kwargs)
            if isinstance(proxies, ProxyManager):  # SOCKS has its own connections; its failures count as sent
                proxies.pool_classes_by_scheme = pools
            return proxies

    return Adapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE, max_retries=0)


def _trusted() -> str | Literal[True]:
    """The bundle of certificates that the environment names, or True for the one that comes with requests."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if bundle and not os.path.exists(bundle):
        raise ConnectionFailed("there is no file as REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names it", sent=False)
    return bundle or True


def _connect(connect: Callable[[], None]) -> None:
    try:
        connect()
    except Exception as error:
        raise _NotConnected(_why_not_connected(error)) from error


class _Deadline(io.RawIOBase):
    """A socket's stream that ends with TimeoutError at a moment, however steadily its bytes drip in."""

    def __init__(self, sock: socket.socket, stream: io.RawIOBase, seconds: float) -> None:
        self._sock = sock
        self._stream = stream
        self._until = time.monotonic() + seconds
        self._read_timeout = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left if self._read_timeout is None else min(left, self._read_timeout))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _why_not_connected(error: BaseException) -> str:
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its TLS certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return "TLS could not be agreed upon (is this an https endpoint?)"
        if isinstance(cause, socket.gaierror):
            return "the host name cannot be resolved"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if isinstance(cause, TimeoutError):
            return "no connection in time"
    return f"no connection ({_innermost(error)})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _innermost(error: BaseException) -> str:
    return type(list(_chain(error))[-1]).__name__


def _host(request: HttpRequest) -> str:
    return urlsplit(request.url).hostname or "the endpoint"
