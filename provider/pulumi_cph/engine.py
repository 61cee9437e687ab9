"""Everything that leans on the insides of Pulumi's engine and of its Python SDK.

Each part is looked for before it is used and has a fallback, so that another SDK costs comfort and not
correctness: log lines at a resource, partial failure, more than four calls at once, hearing Ctrl-C, knowing
whether the engine is still there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, NoReturn

import grpc
from pulumi.runtime import rpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, status_pb2

Severity = Literal["debug", "info", "warning", "error"]

WORKERS: Final = 1024
"""Calls of one kind that may run at once. They only wait; a thread that waits costs a few kilobytes."""

_log: Final = logging.getLogger("pulumi_cph")


def in_provider_process() -> bool:
    """Whether this is the process in which the engine runs dynamic providers (not the user's program)."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return getattr(spec, "name", None) == "pulumi.dynamic.__main__"


# --- the call that is being served


@dataclass(frozen=True, slots=True)
class Call:
    """The engine's call that this thread serves. `timeout` is that of `custom_timeouts` in seconds, 0 if unset."""

    urn: str = ""
    timeout: float = 0.0
    context: Any = None


def current_call() -> Call:
    """The call that this thread serves; an empty one where that cannot be found out."""
    frame = sys._getframe()
    while frame is not None:
        context = frame.f_locals.get("context")
        if isinstance(context, grpc.ServicerContext):
            request = frame.f_locals.get("request")
            return Call(getattr(request, "urn", ""), float(getattr(request, "timeout", 0.0) or 0.0), context)
        frame = frame.f_back  # type: ignore[assignment]
    return Call()


# --- log lines


class _Speaker:
    """Says lines to the engine in their order, in a thread of its own: a thousand checks, which come one by one, would
    wait a thousand times for the engine's receipt."""

    def __init__(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))
        self._lines: queue.SimpleQueue[engine_pb2.LogRequest | threading.Event] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="cph-lines", daemon=True).start()

    def say(self, line: engine_pb2.LogRequest) -> None:
        self._lines.put(line)

    def flush(self, timeout: float) -> None:
        """Wait until the lines said so far have arrived."""
        arrived = threading.Event()
        self._lines.put(arrived)
        arrived.wait(timeout)

    def _run(self) -> None:
        while True:
            line = self._lines.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            with suppress(grpc.RpcError, ValueError):
                self._stub.Log(line, timeout=10)


@lru_cache(maxsize=1)
def _speaker() -> _Speaker | None:
    address = _engine_address()
    return _Speaker(address) if address else None


def _engine_address() -> str | None:
    return sys.argv[-1] if in_provider_process() and ":" in sys.argv[-1] else None


def log(severity: Severity, message: str, *, urn: str = "", ephemeral: bool = False) -> None:
    """Show one line to the user, at the resource when `urn` is given.

    The line is on its way when this returns; `flush` waits for its arrival. `ephemeral` lines only replace each other
    in the status column of a terminal. Never raises; without an engine the line goes to Python's logging.
    """
    speaker = _speaker()
    if speaker is None:
        _log.log(logging.getLevelName(severity.upper()), "%s", message)
        return
    level = getattr(engine_pb2, severity.upper())
    speaker.say(engine_pb2.LogRequest(severity=level, message=message, urn=urn, ephemeral=ephemeral))


def flush(timeout: float = 1.0) -> None:
    """Wait until the lines said so far have arrived, for `timeout` seconds at most."""
    if speaker := _speaker():
        speaker.flush(timeout)


# --- failures


class PowerStateError(Exception):
    """What the user reads when an operation fails: one sentence, or one line for each phone."""


# A traceback's last line names the module of an exception unless it is built in.
PowerStateError.__module__ = "builtins"


def fail_partially(call: Call, id_: str, properties: Mapping[str, Any], reasons: Sequence[str]) -> NoReturn:
    """End create or update with an error, and have the engine save what was reached all the same.

    The engine keeps `id_` and `properties` (which must include `__provider`), shows one line for each of `reasons`,
    exits with an error, and calls update at the next `up` even where nothing differs.

    Raises:
        PowerStateError: always; it carries the reasons for an SDK without this channel.
    """
    try:
        loop = asyncio.new_event_loop()
        try:
            saved = loop.run_until_complete(rpc.serialize_properties(dict(properties), {}))
        finally:
            loop.close()
        detail = provider_pb2.ErrorResourceInitFailed(id=id_, properties=saved, reasons=list(reasons))
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message="; ".join(reasons))
        status.details.add().Pack(detail)
        call.context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    except Exception as error:
        log("warning", f"partial failure could not be saved: {type(error).__name__}", urn=call.urn)
    flush()
    raise PowerStateError("\n".join(reasons))


# --- the provider process


class _HearingCancel(ThreadPoolExecutor):
    """The pool of the Cancel handler. The SDK ignores that call; being handed it is how it is heard."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        for listener in list(_cancel_listeners):
            listener()
        return super().submit(fn, *args, **kwargs)


_cancel_listeners: list[Callable[[], None]] = []
_installed = threading.Event()


def on_cancel(listener: Callable[[], None]) -> None:
    """Call `listener` when the engine cancels the operation (Ctrl-C), and at every normal end."""
    _cancel_listeners.append(listener)


def install() -> None:
    """Prepare the provider process: readable errors, a pool for many calls at once, an ear for Cancel.

    Does nothing anywhere else, and nothing the second time.
    """
    if not in_provider_process() or _installed.is_set():
        return
    _installed.set()
    _speaker()  # made here, while there is one thread
    sys.tracebacklimit = 0
    servicer = getattr(sys.modules["__main__"], "DynamicResourceProviderServicer", None)
    try:
        for name in ("Create", "Read", "Update", "Delete"):
            pool = ThreadPoolExecutor(WORKERS, thread_name_prefix=f"cph-{name.lower()}")
            getattr(servicer, name).experimental_thread_pool = pool
        getattr(servicer, "Cancel").experimental_thread_pool = _HearingCancel(1)  # noqa: B009
        if not _pools_are_honoured():
            raise AttributeError("grpcio ignores experimental_thread_pool")
    except AttributeError as error:
        log(
            "warning",
            f"this Pulumi SDK allows only four operations at once and no early end on Ctrl-C: {error}",
        )


def _pools_are_honoured() -> bool:
    import inspect

    from grpc import _server

    return "experimental_thread_pool" in inspect.getsource(_server)


GONE_EVERY: Final = 2.0
"""Seconds between two looks whether the engine is still there."""


def when_gone(listener: Callable[[], None]) -> None:
    """Call `listener` when the engine has died without a word (kill -9), and end the process soon after.

    A provider process outlives its engine; what it still sends then, nobody knows of.
    """
    if _engine_address() is None:
        return

    def watch() -> None:
        while engine_is_there() or engine_is_there():
            threading.Event().wait(GONE_EVERY)
        listener()
        threading.Event().wait(GONE_EVERY)
        os._exit(1)

    threading.Thread(target=watch, name="cph-engine-watch", daemon=True).start()


def engine_is_there(timeout: float = 1.0) -> bool:
    """Whether the engine still listens; True where its address is not known."""
    address = _engine_address()
    if address is None:
        return True
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=timeout):
            return True
    except ConnectionRefusedError:
        return False
    except OSError:
        # Too busy to answer is not gone.
        return True
