"""`python -m benchmarks`: all benchmarks, which takes about half an hour; the figures go into docs/performance.md.

With `--quick`, or with some rows only, the tables are printed and nothing is written.
"""

from __future__ import annotations

import argparse
import json
import signal
from pathlib import Path
from typing import Any

from benchmarks import core, document, engine, tables, today
from benchmarks.rows import SCENARIOS, Scenario, Step

QUICK = ("fleet-100", "phones-100")


def main() -> None:
    """Run what the command line asks for."""
    # A shell's background jobs ignore SIGINT, and so do their children: then the engine, which ends plugins with it,
    # waits 5 s for each command's end. In wall time and baseline alike, that makes every ratio look better than it is.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = _arguments()
    complete = not arguments.quick and not arguments.rows and arguments.times is None
    results: dict[str, Any] = {}
    if arguments.what in ("engine", "all"):
        results["engine"] = _engine(arguments, write=complete)
    if arguments.what in ("core", "all"):
        results["core"] = _core(quick=arguments.quick, write=complete)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("engine", "core", "all"), default="all")
    names = ", ".join(scenario.name for scenario in SCENARIOS)
    parser.add_argument("--rows", metavar="NAME,...", help=f"only these of the engine benchmark: {names}, today")
    parser.add_argument("--quick", action="store_true", help="small cases, once: does it work at all?")
    parser.add_argument("--times", type=int, metavar="N", help="repeat everything so often (3; 1 for long ones)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single measurement")
    arguments = parser.parse_args()
    known = {scenario.name for scenario in SCENARIOS} | {"today"}
    arguments.rows = arguments.rows.split(",") if arguments.rows else []
    if unknown := sorted(set(arguments.rows) - known):
        parser.error(f"there are no rows {', '.join(unknown)}")
    return arguments


def _engine(arguments: argparse.Namespace, *, write: bool) -> list[dict[str, Any]]:
    wanted = arguments.rows or (QUICK if arguments.quick else [*(each.name for each in SCENARIOS), "today"])
    figures = [
        each
        for scenario in SCENARIOS
        if scenario.name in wanted
        for each in engine.measure(scenario, times=_times(scenario, arguments), say=_say)
    ]
    then = _today() if "today" in wanted else []
    table = tables.engine(figures, then)
    print(f"\n{table}\n")
    for line in tables.missed(figures):
        print(f"missed: {line}")
    if write:
        document.put("engine", f"{document.machine()}\n\n{table}")
        document.draw(figures, then)
    return [each.as_dict() for each in figures]


def _times(scenario: Scenario, arguments: argparse.Namespace) -> int:
    return arguments.times or (1 if arguments.quick else scenario.times)


def _today() -> list[today.Today]:
    measured = today.measure(today.PHONES, Step("up", "all"))
    return [measured, measured.scaled(1_000), measured.scaled(10_000)]


def _core(*, quick: bool, write: bool) -> list[dict[str, Any]]:
    sizes = core.SIZES[:2] if quick else core.SIZES
    costs = core.measure(sizes, lambda cost: _say(f"{cost.subject}, {cost.phones:,} phones: {cost.seconds:.3f} s"))
    table = tables.cores(costs)
    print(f"\n{table}\n")
    if write:
        document.put("core", table)
    return [vars(cost) for cost in costs]


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
