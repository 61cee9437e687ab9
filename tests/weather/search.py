"""Looks for a scenario that fails, without making it smaller: for long runs and for deliberate bugs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.weather.generated import scenarios
from tests.weather.run import Report, run
from tests.weather.scenario import Scenario
from tests.weather.witness import Broken


class _Enough(BaseException):
    pass


def first_failure(most: int, number: int, saying: str = "") -> tuple[int, Scenario, str] | None:
    """The first of `most` scenarios of the seed `number` that fails with a message that has `saying` in it: how many
    runs it took, and the message."""
    found: list[tuple[int, Scenario, str]] = []

    def failed(runs: int, scenario: Scenario, message: str) -> None:
        if saying in message:
            found.append((runs, scenario, message))
            raise _Enough

    with contextlib.suppress(_Enough):
        go(most, number, lambda *_: None, failed)
    return found[0] if found else None


def go(runs: int, number: int, well: Callable[[Report], None], failed: Callable[[int, Scenario, str], None]) -> None:
    """Run so many scenarios of the seed `number`."""
    done = 0

    @seed(number)
    @settings(
        max_examples=runs,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=tuple(HealthCheck),
    )
    @given(scenarios())
    def each(scenario: Scenario) -> None:
        nonlocal done
        done += 1
        try:
            report = run(scenario)
        except Broken as error:
            failed(done, scenario, str(error))
        else:
            well(report)

    each()
