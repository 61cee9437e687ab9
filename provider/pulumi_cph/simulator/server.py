"""The simulated cloud over HTTP: a thin shell around `front` and `control`.

Needs the extra ``pulumi-cph[simulator]`` (Starlette and uvicorn). From a test::

    with Simulator(Options(job_seconds=0.2), phones=200) as simulator:
        simulator.endpoint          # http://127.0.0.1:<a free port>, for CPH and IAM alike
        simulator.world             # the phones, see `pulumi_cph.simulator.world.World`
        simulator.log               # what was asked
        simulator.environment()     # for a subprocess
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from pulumi_cph.simulator.clock import Clock
from pulumi_cph.simulator.cloud import DEFAULT_KEY, REGIONS, Cloud
from pulumi_cph.simulator.control import PREFIX, control
from pulumi_cph.simulator.faults import Faults
from pulumi_cph.simulator.front import respond
from pulumi_cph.simulator.options import Options
from pulumi_cph.simulator.requestlog import RequestLog
from pulumi_cph.simulator.signature import AccessKey
from pulumi_cph.simulator.wire import DROPPED_BEFORE_ANSWER, Request, Response
from pulumi_cph.simulator.world import World

_START_SECONDS = 10.0
"""How long a simulator may take to begin serving."""
_STOP_SECONDS = 10.0
"""How long it may take to end. Only an answer that is being sent slowly takes more than a moment."""


class Simulator:
    """A simulated cloud that listens on a port: in a thread as a context manager, or in the foreground."""

    def __init__(
        self,
        options: Options | None = None,
        *,
        phones: int | Mapping[str, int] = 0,
        running: float = 1.0,
        seed: int = 0,
        regions: Sequence[str] = REGIONS,
        key: AccessKey = DEFAULT_KEY,
        clock: Clock = time.time,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """A cloud as `Cloud` describes it, on `host` and `port` (0: any free one).

        `clock` may be a `SteppedClock`; the dates of signatures are compared with the real time all the same.
        """
        self.cloud = Cloud(
            options,
            phones=phones,
            running=running,
            seed=seed,
            regions=regions,
            key=key,
            clock=clock,
            wall=time.time,
        )
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Simulator:
        """Serve in a thread of its own until the end of the block."""
        ready = threading.Event()
        server, listening = self._open(ready.set)
        self._thread = threading.Thread(target=server.run, args=([listening],), name="simulator", daemon=True)
        self._thread.start()
        if not ready.wait(_START_SECONDS):
            raise RuntimeError("the simulator did not begin to serve")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving; connections that are still open are closed."""
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError("the simulator did not end")

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve in the foreground until interrupted (KeyboardInterrupt); `ready` is called once it listens.

        Raises OSError when the port is taken.
        """
        server, listening = self._open(ready)
        server.run([listening])

    @property
    def endpoint(self) -> str:
        """The address for CPH and IAM alike, without a slash at its end. Only while it listens."""
        if self._socket is None:
            raise RuntimeError("the simulator has no address before it listens")
        host, port = self._socket.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def region(self) -> str:
        """The first region, where the phones are unless it was told otherwise."""
        return self.cloud.region

    @property
    def project_id(self) -> str:
        """The project of the first region."""
        return self.cloud.projects[self.region]

    @property
    def key(self) -> AccessKey:
        """The access key that opens it."""
        return self.cloud.key

    @property
    def world(self) -> World:
        """The first region's phones."""
        return self.cloud.world

    @property
    def log(self) -> RequestLog:
        """What was asked."""
        return self.cloud.log

    @property
    def faults(self) -> Faults:
        """What is to go wrong."""
        return self.cloud.faults

    @property
    def options(self) -> Options:
        """How it behaves; may be replaced at any time."""
        return self.cloud.options

    @options.setter
    def options(self, options: Options) -> None:
        self.cloud.options = options

    def environment(self) -> dict[str, str]:
        """The environment variables that lead a client here."""
        return {
            "CPH_ENDPOINT": self.endpoint,
            "CPH_IAM_ENDPOINT": self.endpoint,
            "HW_REGION_NAME": self.region,
            "HW_ACCESS_KEY": self.key.access_key,
            "HW_SECRET_KEY": self.key.secret_key,
        }

    def _open(self, ready: Callable[[], None]) -> tuple[_Server, socket.socket]:
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._socket = socket.create_server(self._address, family=family, backlog=2048)
        # Connections inherit it. asyncio sets it only on sockets it made itself, and without it an answer's
        # body waits about 40 ms for the acknowledgement of its headers.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            application(self.cloud),
            http=_Protocol,
            ws="none",
            lifespan="off",
            # "critical": a connection that is dropped on purpose is an error to uvicorn.
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config, ready)
        return self._server, self._socket


def application(cloud: Cloud) -> Starlette:
    """The ASGI application in front of `cloud`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        incoming = HttpRequest(scope, receive)
        request = Request(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=dict(incoming.headers),
            body=await incoming.body(),
        )
        controls = request.path.startswith(PREFIX)
        response = control(cloud, request) if controls else respond(cloud, request)
        await _deliver(response, scope, receive, send)

    return Starlette(routes=[Mount("/", app=answer)])


async def _deliver(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send `response` in whatever bad manner it asks for."""
    if response.delay:
        await asyncio.sleep(response.delay)
    if response.sent == DROPPED_BEFORE_ANSWER:
        await _hang_up(scope, receive)
        return
    headers = {**response.headers, "content-length": str(len(response.body))}
    lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": lines})
    body = response.body if response.sent is None else response.body[: response.sent]
    if response.bytes_per_second is not None:
        for index in range(len(body)):
            await send({"type": "http.response.body", "body": body[index : index + 1], "more_body": True})
            await asyncio.sleep(1 / response.bytes_per_second)
        body = b""
    cut = response.sent is not None
    await send({"type": "http.response.body", "body": body, "more_body": cut})
    if cut:
        await _hang_up(scope, receive)


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection; return only when the server knows: it would answer 500 otherwise."""
    scope["state"]["transport"].close()
    while (await receive())["type"] != "http.disconnect":
        pass


class _Protocol(H11Protocol):
    """uvicorn's protocol, with the connection within the application's reach so that it can be dropped."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready()
