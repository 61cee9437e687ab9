"""The engine benchmark: every step of a scenario, with a provider that does nothing and with the project's.

The two take turns, step by step, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import clouds
from benchmarks.project import Project, Run
from benchmarks.rows import Command, Scenario, Step

_COMMANDS: Mapping[Command, tuple[str, ...]] = {
    "preview": ("preview",),
    "up": ("up", "--yes", "--skip-preview"),
    "whole up": ("up", "--yes"),
}
_OTHER = {"running": "stopped", "stopped": "running"}
_DRIFTING = 100
"""One phone in so many drifts."""


@dataclass(frozen=True)
class Once:
    """One repetition of a step: seconds, MB; `after` is from the last job's end to the resource being done."""

    seconds: float
    baseline: float
    longest_job: float
    requests: Mapping[str, int]
    posts: int
    gets: int
    after: float | None
    memory: float | None
    baseline_memory: float | None

    @property
    def ratio(self) -> float:
        return self.seconds / (self.baseline + self.longest_job)


@dataclass(frozen=True)
class Figures:
    """All repetitions of a step. Requests and memory are the most that were seen, times the median."""

    scenario: Scenario
    step: Step
    repetitions: list[Once] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.scenario.name}/{self.step.name}"

    @property
    def posts(self) -> int:
        return max(once.posts for once in self.repetitions)

    @property
    def gets(self) -> int:
        return max(once.gets for once in self.repetitions)

    @property
    def ratio(self) -> float:
        return median(once.ratio for once in self.repetitions)

    @property
    def seconds(self) -> float:
        return median(once.seconds for once in self.repetitions)

    @property
    def baseline(self) -> float:
        return median(once.baseline for once in self.repetitions)

    @property
    def longest_job(self) -> float:
        return median(once.longest_job for once in self.repetitions)

    @property
    def after(self) -> float | None:
        return median(once.after or 0.0 for once in self.repetitions) if self.repetitions[0].after else None

    @property
    def memory(self) -> float | None:
        return max((once.memory for once in self.repetitions if once.memory), default=None)

    @property
    def baseline_memory(self) -> float | None:
        return max((once.baseline_memory for once in self.repetitions if once.baseline_memory), default=None)

    def as_dict(self) -> dict[str, Any]:
        """Everything, JSON-able."""
        return {"name": self.name, "repetitions": [asdict(once) for once in self.repetitions]}


def measure(scenario: Scenario, *, times: int, say: Callable[[str], None]) -> list[Figures]:
    """Run all steps of `scenario`, `times` times over; `say` hears of each as it is done."""
    figures = [Figures(scenario, step) for step in scenario.steps]
    with _cloud(scenario) as cloud:
        for _ in range(times):
            cloud.reset()
            for each, once in zip(figures, _repetition(scenario, cloud), strict=True):
                each.repetitions.append(once)
                say(_line(each.name, once))
    return figures


@contextlib.contextmanager
def _cloud(scenario: Scenario) -> Iterator[clouds.Cloud]:
    with tempfile.TemporaryDirectory(prefix="pulumi-cph-benchmark-") as name:
        start = clouds.foreign if scenario.foreign else clouds.simulator
        with start(Path(name), scenario.account or scenario.phones) as cloud:
            yield cloud


def _repetition(scenario: Scenario, cloud: clouds.Cloud) -> Iterator[Once]:
    phone_ids = cloud.phone_ids[: scenario.phones]
    drifting = phone_ids[::_DRIFTING]
    with tempfile.TemporaryDirectory(prefix="pulumi-cph-benchmark-") as name:
        nothing = _project(Path(name) / "nothing", scenario, cloud, "benchmarks.nothing", phone_ids)
        ours = _project(Path(name) / "ours", scenario, cloud, "pulumi_cph", phone_ids)
        power = "running"
        for step in scenario.steps:
            wanted = _OTHER[power] if step.case == "all" else power
            drifted = drifting if step.case == "some" else []
            if step.case != "all" and not scenario.foreign:
                cloud.set_power(drifting, _OTHER[power] if drifted else power)
            baseline = _run(nothing, scenario, step, wanted, drifted)
            cloud.begin(step)
            real = _run(ours, scenario, step, wanted)
            tally = cloud.tally()
            if step.command != "preview":
                power = wanted
            yield Once(
                seconds=real.seconds,
                baseline=baseline.seconds,
                longest_job=tally.longest_job,
                requests=dict(tally.requests),
                posts=tally.posts,
                gets=tally.gets,
                after=real.ended - tally.last_end if real.ended and tally.last_end else None,
                memory=real.memory,
                baseline_memory=baseline.memory,
            )


def _project(folder: Path, scenario: Scenario, cloud: clouds.Cloud, module: str, phone_ids: list[str]) -> Project:
    config = {"cph:region": "cn-north-4", "cph:endpoint": cloud.endpoint, "cph:iamEndpoint": cloud.endpoint}
    return Project(folder, module=module, resource=scenario.resource, phone_ids=phone_ids, config=config, env=cloud.env)


def _run(project: Project, scenario: Scenario, step: Step, power: str, drifted: Iterable[str] = ()) -> Run:
    parallel = [f"--parallel={scenario.parallel}"] if scenario.parallel else []
    env = {} if scenario.checkpoints else {"PULUMI_SKIP_CHECKPOINTS": "true"}
    return project.run(*_COMMANDS[step.command], *parallel, power=power, drifted=drifted, env=env)


def _line(name: str, once: Once) -> str:
    asked = " ".join(f"{call}={number}" for call, number in sorted(once.requests.items()))
    after = f", {once.after:.2f} s after the last job" if once.after is not None else ""
    memory = f", {once.memory:.0f} MB ({once.baseline_memory or 0:.0f})" if once.memory else ""
    return (
        f"{name}: POST {once.posts}, GET {once.gets}, {once.seconds:.2f} s, baseline {once.baseline:.2f} s, "
        f"job {once.longest_job:.1f} s, ratio {once.ratio:.2f}{after}{memory} [{asked}]"
    )
