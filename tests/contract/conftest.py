"""The official SDK, unchanged, in front of the simulator."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from pulumi_cph.simulator import Options, SteppedClock, server


@pytest.fixture(scope="session")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The CPH module of the SDK. Importing its credentials writes a file into the home directory: not into ours.

    Only for the import: this process's other tests find the Pulumi CLI by the home directory.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        importlib.import_module("huaweicloudsdkcore.auth.credentials")
        return importlib.import_module("huaweicloudsdkcph.v1")


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def simulator(clock: SteppedClock) -> Iterator[Any]:
    """Five phones, the last one off; jobs of ten seconds of a stepped clock."""
    with server.Simulator(Options(job_seconds=10), phones=5, running=0.8, clock=clock) as running:
        yield running


@pytest.fixture
def connect(sdk: ModuleType, simulator: Any) -> Callable[..., Any]:
    """Makes a client of the SDK; keywords replace the simulator's keys."""

    def connect(**changed: str) -> Any:
        from huaweicloudsdkcore.auth.credentials import BasicCredentials

        keys = {
            "ak": simulator.key.access_key,
            "sk": simulator.key.secret_key,
            "project_id": simulator.project_id,
            **changed,
        }
        builder = sdk.CphClient.new_builder().with_credentials(BasicCredentials(**keys))
        return builder.with_endpoint(simulator.endpoint).build()

    return connect


@pytest.fixture
def client(connect: Callable[..., Any]) -> Any:
    """A client of the SDK with the right keys."""
    return connect()
