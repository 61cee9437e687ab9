"""The weather test is itself tried: each of these mistakes, put into the real code, must be caught."""

from __future__ import annotations

import pytest

from tests.weather.bugs import BUGS, Bug
from tests.weather.search import first_failure

SEEDS = (1, 2, 3)
MOST = 500
"""Runs of each seed until a bug must have been caught; a few are enough for most."""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_deliberate_bug_is_caught(bug: Bug) -> None:
    with bug.present():
        caught = any(first_failure(MOST, number, bug.caught_by) for number in SEEDS)
    assert caught, f"{bug.name}: not caught in {MOST} runs of any of {len(SEEDS)} seeds"
