"""The weather test is itself tried: each of these mistakes, put into the real code, must be caught."""

from __future__ import annotations

import pytest

from tests.weather.bugs import BUGS, Bug
from tests.weather.search import first_failure

MOST = 500
"""Runs until a bug must have been caught."""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_deliberate_bug_is_caught(bug: Bug) -> None:
    with bug.present():
        found = first_failure(MOST, 1)
    assert found, f"{bug.name}: not caught in {MOST} runs"
    _, _, message = found
    assert bug.caught_by in message
