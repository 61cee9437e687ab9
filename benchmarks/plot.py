"""The plot: requests and ratio over the number of phones, both axes logarithmic. SVG, written by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

Point = tuple[float, float]

_WIDTH, _HEIGHT = 360, 250
_LEFT, _TOP, _BOTTOM, _RIGHT = 60, 46, 46, 20
_COLOURS: Final = ("#2f81f7", "#d29922", "#8b949e")
"""Readable on white and on black alike; so is `currentColor`'s stand-in for lines and text."""

_STYLE: Final = """\
  <style>
    text { font: 12px system-ui, sans-serif; fill: #57606a; }
    .title { font-weight: 600; }
    .grid { stroke: #8b949e; stroke-opacity: 0.3; }
    .line { fill: none; stroke-width: 2; }
    @media (prefers-color-scheme: dark) { text { fill: #9ea7b3; } }
  </style>"""


@dataclass(frozen=True)
class Series:
    """Points that belong together."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Panel:
    """One diagram: its title, and the bounds of its axes."""

    title: str
    series: Sequence[Series]
    x: tuple[float, float]
    y: tuple[float, float]
    x_marks: Sequence[float]
    y_marks: Sequence[float]

    def at(self, point: Point) -> Point:
        """Where a point lies in the drawing of the panel."""
        across, up = (
            (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
            for value, (low, high) in zip(point, (self.x, self.y), strict=True)
        )
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)


def draw(panels: Sequence[Panel], x_label: str) -> str:
    """The panels beside each other, with one legend below."""
    names = list(dict.fromkeys(series.name for panel in panels for series in panel.series))
    colours = dict(zip(names, _COLOURS, strict=False))
    width, height = _WIDTH * len(panels), _HEIGHT + 24
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">', _STYLE]
    lines.append(f"  <title>{' and '.join(panel.title for panel in panels)}, over {x_label}</title>")
    for number, panel in enumerate(panels):
        lines.append(f'  <g transform="translate({number * _WIDTH} 0)">')
        lines += [f"    {line}" for line in _panel(panel, colours, x_label)]
        lines.append("  </g>")
    lines += [f"  {line}" for line in _legend(colours)]
    return "\n".join([*lines, "</svg>", ""])


def _panel(panel: Panel, colours: dict[str, str], x_label: str) -> Iterator[str]:
    yield _text(_LEFT, 24, panel.title, "start", "title")
    for mark in panel.x_marks:
        x, bottom = panel.at((mark, panel.y[0]))
        yield _line("grid", (x, _TOP), (x, bottom))
        yield _text(x, bottom + 16, f"{mark:,.0f}", "middle")
    for mark in panel.y_marks:
        left, y = panel.at((panel.x[0], mark))
        yield _line("grid", (left, y), (_WIDTH - _RIGHT, y))
        yield _text(left - 6, y + 4, f"{mark:,.10g}", "end")
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, x_label, "middle")
    for series in panel.series:
        points = [panel.at(point) for point in series.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline class="line" stroke="{colours[series.name]}" points="{path}"/>'
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colours[series.name]}"/>'


def _legend(colours: dict[str, str]) -> Iterator[str]:
    x = float(_LEFT)
    for name, colour in colours.items():
        yield f'<circle cx="{x:.1f}" cy="{_HEIGHT + 8}" r="4" fill="{colour}"/>'
        yield _text(x + 10, _HEIGHT + 12, name, "start")
        x += 34 + 6.6 * len(name)


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    marked = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{marked}>{text}</text>'


def _line(kind: str, begin: Point, end: Point) -> str:
    (x1, y1), (x2, y2) = begin, end
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
