"""What is measured, as data: programs, the commands run on each, and the targets for some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Resource = Literal["FleetPower", "PhonePower"]

Command = Literal["preview", "up", "whole up"]
"""`up` is the update alone (`--skip-preview`); `whole up` has its preview before it, as people run it."""

Case = Literal["all", "none", "some"]
"""What there is to change: every phone, none, or one in a hundred, which drifted."""


@dataclass(frozen=True)
class Step:
    """One command on a stack. Times in seconds; `round_trip` is added to every answer of the cloud."""

    command: Command
    case: Case
    round_trip: float = 0.05
    job_seconds: float = 5.0

    @property
    def name(self) -> str:
        """Within its scenario."""
        return f"{self.command.replace(' ', '-')}-{self.case}-{self.round_trip * 1000:.0f}ms"


@dataclass(frozen=True)
class Scenario:
    """A program, and the commands run one after the other; the first `up` creates, later ones update.

    Attributes:
        account: phones in the account, when more than the program declares.
        parallel: the option `--parallel`; None for the engine's default.
        checkpoints: whether the engine saves the state at every step, as it does by default.
        foreign: against the independent server of the tests: listings shuffled, job lengths that differ by half,
            statuses 2 s late.
        times: how often everything is repeated.
    """

    name: str
    resource: Resource
    phones: int
    steps: tuple[Step, ...]
    account: int | None = None
    parallel: int | None = None
    checkpoints: bool = True
    foreign: bool = False
    times: int = 3


@dataclass(frozen=True)
class Target:
    """What a row must not exceed; None where nothing was asked for. `memory` in MB."""

    posts: int
    gets: int
    ratio: float | None = None
    memory: int | None = None


_EXAMINED: Final = (
    Step("preview", "all"),
    Step("up", "all"),
    Step("preview", "none"),
    Step("up", "none"),
    Step("preview", "some"),
    Step("up", "some"),
    Step("whole up", "all"),
)

SCENARIOS: Final = (
    Scenario("fleet-100", "FleetPower", 100, (Step("up", "all"), Step("preview", "none"))),
    Scenario(
        "fleet-1000",
        "FleetPower",
        1000,
        (*_EXAMINED, Step("up", "all", round_trip=0.005), Step("up", "all", round_trip=0.2)),
    ),
    Scenario(
        "fleet-10000",
        "FleetPower",
        10_000,
        (
            Step("up", "all", 0.02, 10.0),
            Step("preview", "none"),
            Step("preview", "none", round_trip=0.005),
            Step("preview", "none", round_trip=0.2),
            Step("preview", "some"),
            Step("up", "some"),
            Step("whole up", "all", 0.02, 10.0),
        ),
    ),
    Scenario("phone-1", "PhonePower", 1, (Step("up", "all"), Step("preview", "none"))),
    Scenario("phones-100", "PhonePower", 100, (Step("up", "all"), Step("preview", "none")), parallel=100),
    Scenario("phones-100-default", "PhonePower", 100, (Step("up", "all"),), times=1),
    Scenario("phones-1000", "PhonePower", 1000, _EXAMINED, parallel=1000, checkpoints=False),
    Scenario(
        "phones-1000-of-10000",
        "PhonePower",
        1000,
        (Step("up", "all"), Step("preview", "none")),
        account=10_000,
        parallel=1000,
        checkpoints=False,
        times=1,
    ),
    Scenario(
        "phones-3000", "PhonePower", 3000, (Step("up", "all"),), parallel=3000, checkpoints=False, times=1
    ),
    Scenario("foreign-1000", "FleetPower", 1000, (Step("up", "all"), Step("whole up", "all")), foreign=True),
)  # fmt: skip

TARGETS: Final[dict[str, Target]] = {
    "fleet-1000/up-all-50ms": Target(10, 40, 1.15),
    "fleet-1000/whole-up-all-50ms": Target(10, 40, 1.15),
    "fleet-10000/up-all-20ms": Target(100, 250, 1.3, 150),
    "fleet-10000/whole-up-all-20ms": Target(100, 250, 1.3, 150),
    "fleet-10000/preview-none-50ms": Target(0, 55, 2.0, 150),
    "phones-1000/up-all-50ms": Target(14, 60, 1.2),
    "phones-1000/whole-up-all-50ms": Target(14, 60, 1.2),
    "phones-1000/preview-none-50ms": Target(0, 60, 1.3),
    "phones-1000-of-10000/preview-none-50ms": Target(0, 100),
    "foreign-1000/up-all-50ms": Target(10, 80, 1.3),
    "foreign-1000/whole-up-all-50ms": Target(10, 80, 1.3),
}
"""By scenario and step: the targets of the issue. Where it says `up`, both forms of it are held to the figure."""
