"""Writes the figures down: the tables between markers of docs/performance.md, and the plot beside it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import date

from benchmarks import plot
from benchmarks.engine import Figures
from benchmarks.project import ROOT
from benchmarks.rows import Resource
from benchmarks.today import Today

PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "performance.svg"


def machine() -> str:
    """Where and when it was measured, in one line."""
    python = platform.python_version()
    return f"Measured on {date.today():%Y-%m-%d}: {os.cpu_count()} cores, {platform.system()}, Python {python}."


def put(name: str, text: str) -> None:
    """Replace what stands between the markers of `name` in the page."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    replaced, found = pattern.subn(lambda _: f"{begin}\n{text}\n{end}", page)
    if found != 1:
        raise ValueError(f"{PAGE} has no place for {name}")
    PAGE.write_text(replaced, encoding="utf-8")


def draw(figures: Sequence[Figures], today: Sequence[Today]) -> None:
    """The plot of the updates that change every phone."""
    requests, ratios = [], []
    resources: tuple[Resource, ...] = ("FleetPower", "PhonePower")
    for resource in resources:
        rows = _rows(figures, resource)
        requests.append(plot.Series(resource, [(each.scenario.phones, each.posts + each.gets) for each in rows]))
        ratios.append(plot.Series(resource, [(each.scenario.phones, each.ratio) for each in rows]))
    requests.append(plot.Series("one by one, as today", [(each.phones, each.posts + each.gets) for each in today]))
    ratios.append(plot.Series("one by one, as today", [(each.phones, each.ratio) for each in today]))
    sizes = (1, 10, 100, 1000, 10_000)
    panels = [
        plot.Panel("requests", requests, (1, 1e4), (1, 1e5), sizes, (1, 10, 100, 1000, 1e4, 1e5)),
        plot.Panel("wall time / (baseline + longest job)", ratios, (1, 1e4), (1, 1e4), sizes, (1, 10, 100, 1000, 1e4)),
    ]
    PLOT.write_text(plot.draw(panels, "phones"), encoding="utf-8")


def _rows(figures: Sequence[Figures], resource: Resource) -> list[Figures]:
    """The first update of each size that changes every phone: at 50 ms, or where that was not measured, at 20."""
    rows: dict[int, Figures] = {}
    for each in figures:
        plain = not each.scenario.foreign and not each.scenario.account and "default" not in each.scenario.name
        if plain and each.scenario.resource == resource and (each.step.command, each.step.case) == ("up", "all"):
            rows.setdefault(each.scenario.phones, each)
    return [rows[phones] for phones in sorted(rows)]
