"""A cloud and a provider process for one test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.engine.harness import SECRET_KEY, assert_no_secret
from tests.foreign_cloud import ForeignCloud
from tests.provider.process import ProviderProcess


@pytest.fixture
def new_cloud() -> Iterator[Callable[..., ForeignCloud]]:
    """Makes clouds whose jobs take moments; at the end they must have nothing to complain of but failed keys."""
    with ExitStack() as open_clouds:
        made: list[ForeignCloud] = []

        def new_cloud(phones: int, **options: Any) -> ForeignCloud:
            quick = {"job_seconds": 0.2, "status_lag": 0.0, "secret_key": SECRET_KEY}
            made.append(open_clouds.enter_context(ForeignCloud(phones, **{**quick, **options})))
            return made[-1]

        yield new_cloud
        for cloud in made:
            assert [violation for violation in cloud.violations if not violation.startswith("401 ")] == []


@pytest.fixture
def new_provider(tmp_path: Path) -> Iterator[Callable[..., ProviderProcess]]:
    """Starts provider processes; at the end no secret key may stand in anything that they said."""
    with ExitStack() as running:
        made: list[tuple[ProviderProcess, ForeignCloud]] = []

        def new_provider(cloud: ForeignCloud, **options: Any) -> ProviderProcess:
            provider = running.enter_context(ProviderProcess(tmp_path, cloud, **options))
            made.append((provider, cloud))
            return provider

        yield new_provider
        for provider, cloud in made:
            said = "\n".join(line.message for line in provider.engine.lines)
            assert_no_secret([cloud.secret_key], {"its output": provider.output, "its log lines": said})


@pytest.fixture
def cloud(new_cloud: Callable[..., ForeignCloud]) -> ForeignCloud:
    """Five running phones."""
    return new_cloud(5)


@pytest.fixture
def provider(cloud: ForeignCloud, new_provider: Callable[..., ProviderProcess]) -> ProviderProcess:
    """A provider process that knows `cloud`."""
    return new_provider(cloud)
