"""The real provider process, driven over gRPC by a test that stands in for the engine.

with ProviderProcess(folder, cloud) as provider:
    checked = provider.check("FleetPower", "fleet", {"phones": {...}})
    created = provider.create("FleetPower", "fleet", checked.inputs)
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent import futures
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc, status_pb2

from pulumi_cph.provider import FleetPowerProvider, PhonePowerProvider
from tests.engine.harness import hermetic
from tests.foreign_cloud import ForeignCloud

UNKNOWN = rpc.UNKNOWN
"""What stands on the wire for a value that is not known yet."""

_PROVIDERS = {"FleetPower": FleetPowerProvider, "PhonePower": PhonePowerProvider}
Properties = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """A log line as the engine got it."""

    severity: str
    message: str
    urn: str
    ephemeral: bool


@dataclass(frozen=True)
class Checked:
    """The answer to Check: the inputs to record, and what is wrong, as (property, reason)."""

    inputs: Properties
    failures: list[tuple[str, str]]


@dataclass(frozen=True)
class Diffed:
    """The answer to Diff."""

    changes: bool
    replaces: list[str]


@dataclass(frozen=True)
class Failed(Exception):
    """A call that failed. `reasons`, `id` and `properties` are those of a partial failure, which the engine saves."""

    message: str
    partial: bool
    id: str = ""
    properties: Properties = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


class Engine(engine_pb2_grpc.EngineServicer):
    """What the provider process needs of an engine: somewhere to say something."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def Log(self, request: Any, context: Any) -> Any:
        severity = engine_pb2.LogSeverity.Name(request.severity).lower()
        self.lines.append(Line(severity, request.message, request.urn, request.ephemeral))
        return empty_pb2.Empty()


class ProviderProcess:
    """`python -m pulumi.dynamic` with our provider in it.

    Args:
        folder: an empty folder, the process's working directory.
        cloud: the cloud that configuration and environment lead to.
        config: more stack configuration, or other values for what leads there.
        env: the environment's part; by default the cloud's key.
    """

    def __init__(
        self,
        folder: Path,
        cloud: ForeignCloud,
        *,
        config: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        place = {"cph:region": cloud.region, "cph:endpoint": cloud.endpoint, "cph:iamEndpoint": cloud.endpoint}
        key = {"HW_ACCESS_KEY": cloud.access_key, "HW_SECRET_KEY": cloud.secret_key}
        self._config = {**place, **(config or {})}
        self._env = {**hermetic(folder), **(key if env is None else env)}
        self._folder = folder
        self.engine = Engine()
        self._server = grpc.server(futures.ThreadPoolExecutor(64))
        engine_pb2_grpc.add_EngineServicer_to_server(self.engine, self._server)
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self) -> ProviderProcess:
        self._server.start()
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic", f"127.0.0.1:{self._port}"],
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        first = self.process.stdout.readline()
        assert first.strip().isdigit(), first + self.process.stdout.read()
        self._output: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{first.strip()}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self.stub.Configure(provider_pb2.ConfigureRequest(args=struct(self._config)), wait_for_ready=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self.process.kill()
        self.process.wait()
        self._listener.join()
        assert self.process.stdout
        self.process.stdout.close()
        self._server.stop(None).wait()
        assert "Traceback" not in self.output, self.output

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._output.append(line)

    @property
    def output(self) -> str:
        """What the process printed: in a real run it stands under the stack."""
        return "".join(self._output)

    def engine_dies(self) -> None:
        """The engine is gone without a word, as after kill -9."""
        self._server.stop(None).wait()

    def lines(self, severity: str, name: str | None = None) -> list[str]:
        """The log lines of a severity, of all resources or of one; those that only replace each other left out."""
        return [
            line.message
            for line in self.heard()
            if line.severity == severity
            and not line.ephemeral
            and (name is None or line.urn.rsplit("::", 1)[-1] == name)
        ]

    def heard(self, at_least: int = 0) -> list[Line]:
        """All log lines so far. They come on their own, a moment after the call that they are about."""
        until = time.monotonic() + 5.0
        while len(self.engine.lines) < at_least and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        return list(self.engine.lines)

    def wait_for_line(self, words: str, seconds: float = 10.0) -> None:
        """Until a log line with these words has arrived."""
        until = time.monotonic() + seconds
        while not any(words in line.message for line in self.engine.lines):
            assert time.monotonic() < until, f"no line says {words!r}: {self.engine.lines}"
            time.sleep(0.01)

    # --- the engine's calls

    def check(self, type_: str, name: str, news: Properties, olds: Properties | None = None) -> Checked:
        request = provider_pb2.CheckRequest(
            urn=urn(type_, name), olds=_with_provider(type_, olds or {}), news=_with_provider(type_, news)
        )
        answer = self.stub.Check(request)
        return Checked(plain(answer.inputs), [(each.property, each.reason) for each in answer.failures])

    def diff(self, type_: str, name: str, olds: Properties, news: Properties) -> Diffed:
        request = provider_pb2.DiffRequest(
            id="id", urn=urn(type_, name), olds=_with_provider(type_, olds), news=_with_provider(type_, news)
        )
        answer = self.stub.Diff(request)
        assert answer.changes in (answer.DIFF_NONE, answer.DIFF_SOME)
        return Diffed(answer.changes == answer.DIFF_SOME, list(answer.replaces))

    def create(self, type_: str, name: str, inputs: Properties, timeout: float = 0.0) -> tuple[str, Properties]:
        request = provider_pb2.CreateRequest(
            urn=urn(type_, name), properties=_with_provider(type_, inputs), timeout=timeout
        )
        answer = _or_failed(lambda: self.stub.Create(request))
        return answer.id, plain(answer.properties)

    def update(self, type_: str, name: str, olds: Properties, news: Properties, timeout: float = 0.0) -> Properties:
        request = provider_pb2.UpdateRequest(
            id="id",
            urn=urn(type_, name),
            olds=_with_provider(type_, olds),
            news=_with_provider(type_, news),
            timeout=timeout,
        )
        return plain(_or_failed(lambda: self.stub.Update(request)).properties)

    def read(self, type_: str, name: str, outputs: Properties) -> tuple[str, Properties, Properties]:
        """The id, the inputs and the outputs that a refresh would record."""
        properties = _with_provider(type_, outputs)
        request = provider_pb2.ReadRequest(id="id", urn=urn(type_, name), properties=properties)
        answer = _or_failed(lambda: self.stub.Read(request))
        assert "__provider" in answer.inputs
        assert "__provider" in answer.properties
        return answer.id, plain(answer.inputs), plain(answer.properties)

    def delete(self, type_: str, name: str, outputs: Properties) -> None:
        properties = _with_provider(type_, outputs)
        request = provider_pb2.DeleteRequest(id="id", urn=urn(type_, name), properties=properties)
        _or_failed(lambda: self.stub.Delete(request))

    def cancel(self) -> None:
        self.stub.Cancel(empty_pb2.Empty())


def urn(type_: str, name: str) -> str:
    """A resource's URN, as the engine makes it."""
    return f"urn:pulumi:test::phones::pulumi-python:dynamic/cph:{type_}::{name}"


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(dict(values))
    return made


def plain(values: struct_pb2.Struct) -> Properties:
    """Properties without `__provider`."""
    found: Properties = json_format.MessageToDict(values)
    found.pop("__provider", None)
    return found


def _with_provider(type_: str, values: Mapping[str, Any]) -> struct_pb2.Struct:
    return struct({**values, "__provider": _pickled(type_)})


@lru_cache
def _pickled(type_: str) -> str:
    async def pickled() -> Any:
        return serialize_provider(_PROVIDERS[type_]())

    loop = asyncio.new_event_loop()
    try:
        return str(loop.run_until_complete(pickled()))
    finally:
        loop.close()


def _or_failed(call: Any) -> Any:
    try:
        return call()
    except grpc.RpcError as error:
        raise _failed(error) from None


def _failed(error: Any) -> Failed:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            for each in status.details:
                detail = provider_pb2.ErrorResourceInitFailed()
                if each.Unpack(detail):
                    assert "__provider" in detail.properties
                    return Failed(error.details(), True, detail.id, plain(detail.properties), list(detail.reasons))
    return Failed(error.details(), False)
