"""What to do with each phone: desired power state x observed status -> action.

Pure, without I/O or clock, and the only place that knows which statuses allow what. Everything that depends on
a phone's status (the preview's plan, the guard rails, the dispatcher's decisions) asks this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pulumi_cph import status as st

Power = Literal["running", "stopped"]
"""The power states a program can declare."""

POWERS: Final[tuple[Power, ...]] = ("running", "stopped")

Verb = Literal["stop", "start"]
"""The two calls: batch-stop, and batch-restart (the API's way to power on)."""

Action = Literal["stop", "start", "join", "wait", "already", "refuse"]
"""`stop`, `start`: a request is needed. `join`: on its way there, wait for it. `wait`: on its way elsewhere,
decide again when it has settled. `already`: nothing to do. `refuse`: no request can help; the reason says why."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An action, and for `refuse` the reason in words (else empty)."""

    action: Action
    reason: str = ""


def _refused(reason: str) -> dict[Power, Decision]:
    decision = Decision("refuse", reason)
    return {"running": decision, "stopped": decision}


_TABLE: Final[dict[str, dict[Power, Decision]]] = {
    st.RUNNING: {"running": Decision("already"), "stopped": Decision("stop")},
    st.STOPPED: {"running": Decision("start"), "stopped": Decision("already")},
    st.STOPPING: {"running": Decision("wait"), "stopped": Decision("join")},
    st.RESTARTING: {"running": Decision("join"), "stopped": Decision("wait")},
    # A phone that was created or reset comes up running.
    st.CREATING: {"running": Decision("join"), "stopped": Decision("wait")},
    st.RESETTING: {"running": Decision("join"), "stopped": Decision("wait")},
    # The same call may be tried again after it failed: a time-out inside the cloud is no verdict on the phone.
    # The opposite call is not: whether such a phone runs is not known, and a running phone is never restarted.
    st.STOP_FAILED: {
        "running": Decision("refuse", "whether it runs is not known, and a running phone is never restarted"),
        "stopped": Decision("stop"),
    },
    st.RESTART_FAILED: {
        "running": Decision("start"),
        "stopped": Decision("refuse", "only a running phone can be stopped"),
    },
    st.FROZEN: _refused("billing or security; the account's owner must have it unfrozen"),
    st.ABNORMAL: _refused("something is wrong with the phone itself; reset it or open a ticket"),
    st.RESET_FAILED: _refused("reset it again or open a ticket"),
    st.CREATE_FAILED: _refused("it was never created completely; open a ticket"),
    st.MISSING: _refused("no such phone in this region and project"),
}

_UNKNOWN: Final = Decision("refuse", "this status is not published")

_ON_PATH: Final[dict[Power, frozenset[str]]] = {
    "running": frozenset({st.RESTARTING, st.RUNNING}),
    "stopped": frozenset({st.STOPPING, st.STOPPED}),
}


def decide(power: Power, status: str) -> Decision:
    """What to do with a phone that shows `status` (a word of `status.word_of`, or `missing`)."""
    row = _TABLE.get(status)
    return row[power] if row else _UNKNOWN


def on_path(power: Power, status: str) -> bool:
    """Whether `status` is one that a phone shows between our request for `power` and its end."""
    return status in _ON_PATH[power]


def verb_for(power: Power) -> Verb:
    """The call that brings a phone to `power`."""
    return "stop" if power == "stopped" else "start"


@dataclass(frozen=True, slots=True)
class Step:
    """One phone of a plan."""

    phone_id: str
    power: Power
    status: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions for a set of phones, in the order in which they were declared."""

    steps: tuple[Step, ...]

    def having(self, *actions: Action) -> list[Step]:
        """The steps with one of `actions`."""
        return [step for step in self.steps if step.decision.action in actions]

    @property
    def changes(self) -> list[Step]:
        """The phones that would get a request: now, or (`wait`) once they have settled."""
        return self.having("stop", "start", "wait")

    @property
    def quiet(self) -> bool:
        """Whether every phone is where it should be."""
        return all(step.decision.action == "already" for step in self.steps)

    def summary(self, most: int = 5) -> str:
        """The plan in one line; at most `most` phones are named for each action. Empty when it is quiet."""
        parts = []
        for action, words in _SUMMARY.items():
            steps = self.having(action)
            if steps:
                parts.append(f"{len(steps)} {words}: {_named(steps, most)}")
        already = len(self.having("already"))
        if parts and already:
            parts.append(f"{already} already there")
        return "; ".join(parts)


_SUMMARY: Final[dict[Action, str]] = {
    "stop": "to stop",
    "start": "to start",
    "join": "already on the way",
    "wait": "to change once settled",
}


def _named(steps: list[Step], most: int) -> str:
    names = ", ".join(
        step.phone_id if step.decision.action in ("stop", "start") else f"{step.phone_id} ({step.status})"
        for step in steps[:most]
    )
    return names if len(steps) <= most else f"{names} and {len(steps) - most} more"


def plan(desired: Mapping[str, Power], observed: Mapping[str, str]) -> Plan:
    """The decisions for every phone of `desired`; one that is not in `observed` counts as missing."""
    return Plan(tuple(_step(phone_id, power, observed) for phone_id, power in desired.items()))


def _step(phone_id: str, power: Power, observed: Mapping[str, str]) -> Step:
    status = observed.get(phone_id, st.MISSING)
    return Step(phone_id, power, status, decide(power, status))


def in_turn(phone_ids: Iterable[str], server_of: Mapping[str, str]) -> list[str]:
    """The phones with those of different servers in turn, so that no host has to bear many changes at once."""
    by_server: dict[str, list[str]] = {}
    for phone_id in phone_ids:
        by_server.setdefault(server_of.get(phone_id, ""), []).append(phone_id)
    rows = list(by_server.values())
    longest = max(map(len, rows), default=0)
    return [row[turn] for turn in range(longest) for row in rows if turn < len(row)]
