"""The tables, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks import core
from benchmarks.engine import Figures
from benchmarks.rows import TARGETS, Case, Scenario, Step, Target
from benchmarks.today import Today

_CASES: Mapping[Case, str] = {"all": "all to change", "none": "nothing to do", "some": "1 % drifted"}

_HEADINGS = (
    "case",
    "round trip, ms",
    "POST",
    "GET",
    "wall, s",
    "baseline, s",
    "longest job, s",
    "ratio",
    "after the last job, s",
    "memory, MB (baseline)",
    "target (POST, GET, ratio)",
    "",
)


def engine(figures: Sequence[Figures], today: Sequence[Today]) -> str:
    """The engine benchmark's rows, the targets beside them."""
    lines = [_row(_HEADINGS), _row(["---", *("---:" for _ in _HEADINGS[1:-2]), "---", "---"])]
    lines += [_row(_engine_row(each)) for each in figures]
    lines += [_row(_today_row(each)) for each in today]
    return "\n".join(lines)


def missed(figures: Iterable[Figures]) -> list[str]:
    """The rows that miss their target, each with what it misses."""
    told = []
    for each in figures:
        target = TARGETS.get(each.name)
        if target and (over := _over(each, target)):
            told.append(f"{each.name}: {', '.join(over)}")
    return told


def cores(costs: Sequence[core.Cost]) -> str:
    """The core benchmark: a row for each subject and size, and how the figures grow."""
    headings = ("what", "phones", "CPU, s", "peak memory, MB", "requests", "grows with (seconds, memory)")
    lines = [_row(headings), _row(["---", "---:", "---:", "---:", "---", "---"])]
    for subject in dict.fromkeys(cost.subject for cost in costs):
        ours = [cost for cost in costs if cost.subject == subject]
        for cost in ours:
            asked = ", ".join(f"{number:,} {kind}" for kind, number in sorted(cost.requests.items()))
            grows = _grows(ours) if cost is ours[-1] and len(ours) > 1 else ""
            lines.append(_row((subject, f"{cost.phones:,}", f"{cost.seconds:.3f}", f"{cost.memory:.1f}", asked, grows)))
    return "\n".join(lines)


def _grows(costs: Sequence[core.Cost]) -> str:
    seconds = core.exponent(costs, lambda cost: cost.seconds)
    memory = core.exponent(costs, lambda cost: cost.memory)
    return f"phones^{seconds:.2f}, phones^{memory:.2f}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _engine_row(each: Figures) -> list[str]:
    target = TARGETS.get(each.name)
    verdict = "" if target is None else "**missed**" if _over(each, target) else "met"
    return [
        case(each.scenario, each.step),
        f"{each.step.round_trip * 1000:.0f}",
        str(each.posts),
        str(each.gets),
        f"{each.seconds:.1f}",
        f"{each.baseline:.1f}",
        f"{each.longest_job:.1f}",
        _ratio(each),
        "" if each.after is None else f"{each.after:.1f}",
        "" if each.memory is None else f"{each.memory:.0f} ({each.baseline_memory or 0:.0f})",
        "" if target is None else _target(target),
        verdict,
    ]


def _ratio(each: Figures) -> str:
    """The median, and the range of the repetitions: how far the machine's other work can move it."""
    ratios = [once.ratio for once in each.repetitions]
    span = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
    return f"{each.ratio:.2f}{span}"


def case(scenario: Scenario, step: Step) -> str:
    """The case in words."""
    words = [f"{scenario.resource} {scenario.phones:,}"]
    words += [f"in an account of {scenario.account:,}"] if scenario.account else []
    words += ["on another server"] if scenario.foreign else []
    words += [{"preview": "preview", "up": "up, update alone", "whole up": "up with its preview"}[step.command]]
    words += [_CASES[step.case]]
    if scenario.resource == "PhonePower" and scenario.phones > 1 and scenario.parallel is None:
        words.append("default parallelism")
    return ", ".join(words)


def _target(target: Target) -> str:
    ratio = "" if target.ratio is None else f", {target.ratio}"
    memory = "" if target.memory is None else f"; {target.memory} MB"
    return f"{target.posts}, {target.gets}{ratio}{memory}"


def _over(each: Figures, target: Target) -> list[str]:
    over = []
    if each.posts > target.posts:
        over.append(f"{each.posts} POSTs, not {target.posts}")
    if each.gets > target.gets:
        over.append(f"{each.gets} GETs, not {target.gets}")
    if target.ratio is not None and each.ratio > target.ratio:
        over.append(f"ratio {each.ratio:.2f}, not {target.ratio}")
    if target.memory is not None and (each.memory or 0) > target.memory:
        over.append(f"{each.memory:.0f} MB, not {target.memory}")
    return over


def _today_row(each: Today) -> list[str]:
    how = "measured" if each.measured else "computed"
    return [
        f"today: one phone per request, ten at once, a look every 10 s; {each.phones:,} phones ({how})",
        "50",
        str(each.posts),
        str(each.gets),
        f"{each.seconds:.1f}",
        "",
        f"{each.longest_job:.1f}",
        f"{each.ratio:.1f}",
        *("" for _ in range(4)),
    ]
