"""What a run of the weather test consists of: plain values, so that a failing one can be pasted into a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pulumi_cph.plan import Power

Later = Literal["stays", "flips", "leaves", "moves"]
"""What the program says of a phone from its second version on: the same, the other power state, not in its fleet
any more, or in the next fleet."""


@dataclass(frozen=True)
class Phone:
    """One phone. `status`: how it begins, None for one that does not exist; `fleet`: None for one that the program
    does not mention. A transitional status settles after `settles` seconds."""

    status: int | None = 2
    fleet: int | None = 0
    power: Power = "stopped"
    later: Later = "stays"
    settles: float = 5.0


@dataclass(frozen=True)
class Fleet:
    """One resource."""

    on_delete: Literal["leave", "start", "stop"] = "leave"
    on_refused: Literal["fail", "warn"] = "fail"
    max_in_flight: int | None = None
    dropped: bool = False
    """Whether the program's second version has no such resource any more."""


MishapKind = Literal[
    # as the simulator's faults (see `simulator.faults`)
    "error",
    "drop",
    "cut",
    "delay",
    "slow",
    "html",
    "redirect",
    "truncated",
    "huge",
    "wrong-types",
    "no-jobs",
    "duplicate-entries",
    "foreign-entries",
    "lying-count",
    # what only the way between can do
    "unreachable",
    "hang",
    "acts-late",
    "echo",
]
"""`unreachable`: no connection, nothing was sent. `hang`: no answer within the client's patience. `acts-late`: the
connection is lost, and the server acts `seconds` after that. `echo`: an error that repeats the request's headers."""

WIRE_KINDS: frozenset[MishapKind] = frozenset({"unreachable", "hang", "acts-late", "echo"})


@dataclass(frozen=True)
class Mishap:
    """What goes wrong with some requests. Fields as those of `simulator.faults.Fault`."""

    kind: MishapKind
    call: str | None = None
    skip: int = 0
    times: int | None = 1
    acted: bool = False
    status: int = 503
    code: str = "CPS.0042"
    seconds: float = 1.0
    retry_after: int | None = None


@dataclass(frozen=True)
class Trouble:
    """Phones that are refused, or whose jobs fail: `phones` by number (None: all), `times` per phone (None: always)."""

    kind: Literal["refused", "job-fails"]
    code: str = "CPS.0042"
    phones: frozenset[int] | None = None
    times: int | None = 1
    lasting: bool = False
    """Whether it is still there when the weather has cleared."""


@dataclass(frozen=True)
class Change:
    """Somebody else changes a phone: `what` is a status number, "gone", or a power call made at the console."""

    at: float
    phone: int
    what: int | Literal["gone", "stop", "restart"]


EndingKind = Literal["interrupted", "killed", "orphaned"]


@dataclass(frozen=True)
class Ending:
    """How an `up` is cut short, `after` seconds: Ctrl-C, or death without a word, or the engine is gone (which
    the process notices two seconds late)."""

    kind: EndingKind
    after: float
    sent: bool = True
    """Whether what is on its way when the process is killed still reaches the service."""


@dataclass(frozen=True)
class Up:
    """One `pulumi up` in the weather."""

    timeout: float = 60.0
    ending: Ending | None = None
    gap: float = 5.0
    """Seconds between its end and the next one's begin."""


Key = Literal["good", "token", "temporary", "wrong-secret", "unknown", "skewed", "withdrawn"]
"""The credentials during the weather; `withdrawn`: good until `Scenario.withdrawn_at`."""


@dataclass(frozen=True)
class Scenario:
    """A run: phones, program, weather."""

    phones: tuple[Phone, ...] = (Phone(),)
    fleets: tuple[Fleet, ...] = (Fleet(),)
    ups: tuple[Up, ...] = (Up(),)
    second_version_from: int = 1
    """The number of the `up` (from 0) from which on the program's second version holds."""
    mishaps: tuple[Mishap, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    changes: tuple[Change, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    """Those of `simulator.Options` that are not the default."""
    key: Key = "good"
    withdrawn_at: float = 10.0
    batch_size: int = 3
    phones_page: int = 200
    jobs_page: int = 100
    latency: float = 0.05
    """Seconds that a request takes at most, to the server and again back."""
    lateness: float = 0.0
    """Seconds that its answer then waits at most until the dispatcher hears of it."""
    seed: int = 0
