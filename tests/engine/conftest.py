"""Clouds and stacks for one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.engine.harness import SECRET_KEY, MakeCloud, MakeStack, Stack
from tests.foreign_cloud import ForeignCloud


@pytest.fixture
def new_cloud() -> Iterator[MakeCloud]:
    """Makes clouds whose jobs take moments; keywords are those of `ForeignCloud`."""
    with ExitStack() as open_clouds:

        def new_cloud(phones: int, **options: Any) -> ForeignCloud:
            quick = {"job_seconds": 0.3, "status_lag": 0.2, "secret_key": SECRET_KEY}
            return open_clouds.enter_context(ForeignCloud(phones, **{**quick, **options}))

        yield new_cloud


@pytest.fixture
def new_stack(tmp_path: Path) -> MakeStack:
    """Makes stacks; keywords are those of `Stack`."""
    made: list[Stack] = []

    def new_stack(cloud: ForeignCloud, program: str, **options: Any) -> Stack:
        made.append(Stack(tmp_path / str(len(made)), cloud, program, **options))
        return made[-1]

    return new_stack
