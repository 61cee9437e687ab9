"""Long runs: `python -m tests.weather --minutes 30`. Prints what failed, made small, and a table of what struck."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from random import SystemRandom

from tests.weather.run import Report
from tests.weather.scenario import Scenario
from tests.weather.search import go
from tests.weather.shrunk import kind_of, shrunk, spelled

RUNS = 100
"""For each seed."""


class Storm:
    """Runs of many seeds, and what came of them."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.seeds: list[int] = []
        self.failures: dict[str, tuple[int, Scenario, str]] = {}
        self.most_fair_ups = 0
        self.simulated = 0.0

    def blow(self, number: int) -> None:
        """The runs of one seed."""
        self.seeds.append(number)
        go(RUNS, number, self._well, lambda _, scenario, message: self._failed(number, scenario, message))

    def _well(self, report: Report) -> None:
        self.counts.update(report.counts)
        self.most_fair_ups = max(self.most_fair_ups, report.fair_ups)
        self.simulated += report.seconds

    def _failed(self, number: int, scenario: Scenario, message: str) -> None:
        self.counts["run", "runs"] += 1
        if kind_of(message) not in self.failures:
            self.failures[kind_of(message)] = number, scenario, message
            print(f"seed {number}: {message}\n  run({spelled(shrunk(scenario))})", flush=True)

    def table(self, seconds: float) -> str:
        """What happened, for docs/reliability.md."""
        runs = self.counts["run", "runs"]
        lines = [
            f"{runs} runs in {seconds / 60:.1f} minutes ({60 * runs / seconds:.0f} a minute), {len(self.seeds)} seeds",
            f"{self.simulated / 3600:.0f} simulated hours; at most {self.most_fair_ups} ups after the weather cleared",
            f"{len(self.failures)} kinds of failure",
        ]
        for what in sorted({what for what, _ in self.counts} - {"run"}):
            kinds = ((kind, times) for (each, kind), times in self.counts.items() if each == what)
            counted = ", ".join(f"{kind} {times}" for kind, times in sorted(kinds, key=lambda kind: -kind[1]))
            lines.append(f"{what}: {counted}")
        return "\n".join(lines)


def main() -> int:
    """Run for some minutes; the exit code is 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.weather", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, help="the first seed; chance without it")
    chosen = parser.parse_args()
    first = chosen.seed if chosen.seed is not None else SystemRandom().randrange(10**9)
    storm, begun = Storm(), time.monotonic()
    print(f"seeds from {first} on, {RUNS} runs each", flush=True)
    try:
        for number in range(first, first + 10**9):
            storm.blow(number)
            if time.monotonic() - begun > 60 * chosen.minutes:
                break
    except KeyboardInterrupt:
        print("interrupted")
    print(storm.table(time.monotonic() - begun))
    return 1 if storm.failures else 0


if __name__ == "__main__":
    sys.exit(main())
