"""A failing scenario made smaller, and written so that it can be pasted into a test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Any

from tests.weather.run import run
from tests.weather.scenario import Scenario
from tests.weather.witness import Broken


def failure_of(scenario: Scenario) -> str | None:
    """The first line of what is wrong with a run, if anything is."""
    try:
        run(scenario)
    except Broken as error:
        return str(error)
    return None


def kind_of(message: str) -> str:
    """What two failures with the same reason have in common."""
    words = re.sub(r"[0-9a-f]{20,}|[-\d.]*\d", "#", message)
    return re.sub(r"(\W|^)(stopped|running|stop|start|restart|batch-\w+)\b", r"\1#", words)[:90]


def shrunk(scenario: Scenario, *, wrong: Callable[[Scenario], str | None] = failure_of, most: int = 600) -> Scenario:
    """The smallest scenario found in `most` runs that fails for the same reason."""
    message = wrong(scenario)
    kind = kind_of(message or "")
    smaller = True
    while message and smaller and most > 0:
        smaller = False
        for candidate in _simpler(scenario):
            most -= 1
            if most > 0 and kind_of(wrong(candidate) or "") == kind:
                scenario, smaller = candidate, True
                break
    return scenario


def spelled(value: Any) -> str:
    """Like `repr`, without what is the default."""
    if is_dataclass(value):
        given = [f"{f.name}={spelled(getattr(value, f.name))}" for f in fields(value) if not _default(f, value)]
        return f"{type(value).__name__}({', '.join(given)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(spelled, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _default(field: Field[Any], value: Any) -> bool:
    return bool(getattr(value, field.name) == _default_of(field))


def _default_of(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else None


def _simpler(value: Any) -> Iterator[Any]:
    """Values that are a step simpler, the boldest first."""
    for field in fields(value):
        if field.default is MISSING and field.default_factory is MISSING:
            continue
        now, default = getattr(value, field.name), _default_of(field)
        if now != default and not (field.name in ("phones", "fleets", "ups") and isinstance(now, tuple)):
            yield replace(value, **{field.name: default})
        for other in _parts(now):
            if other or field.name not in ("phones", "fleets", "ups"):
                yield replace(value, **{field.name: other})


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        half = len(value) // 2
        if half > 1:
            yield value[:half]
            yield value[half:]
        for at in range(len(value)):
            yield (*value[:at], *value[at + 1 :])
        for at, part in enumerate(value):
            for simpler in _simpler(part):
                yield (*value[:at], simpler, *value[at + 1 :])
    elif isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
    elif is_dataclass(value):
        yield from _simpler(value)
