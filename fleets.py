"""The fleets of a stack: `pulumi-cph:fleets` in its configuration -> `Fleet`s, or one sentence on what is wrong.

Pure, so that it is tested without Pulumi; `__main__.py` declares what comes out of it. A fleet in configuration::

    pulumi-cph:fleets:
      - name: night-shift
        server_id: "1678567b8bab40f93711234cb80d0764"   # or phone_ids: [...], or name_pattern: "night-*"
        power_state: stopped
        on_delete: start                                # optional, as are:
        on_refused: warn
        max_changes: 20%                                # guard rails: see FleetPower
        never_stop: ["1234567b8bab40ffb711234cb80d0234"]
        max_in_flight: 50
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

POWER_STATES: Final = ("running", "stopped")
ON_DELETE: Final = ("leave", "start", "stop")
SELECTORS: Final = ("phone_ids", "server_id", "name_pattern")
OPTIONS: Final = ("on_refused", "max_changes", "never_stop", "max_in_flight")
"""Handed on as they are: the provider says what is wrong with them."""
KEYS: Final = ("name", *SELECTORS, "power_state", "on_delete", *OPTIONS)


class WrongFleets(Exception):
    """The configuration makes no sense; the text is one sentence that names the fleet and the key."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Phones that are all to be on, or all off. Exactly one of the three ways to say which phones is not None.

    Attributes:
        name: the name of the resource and of the fleet in the exports.
        power_state: "running" or "stopped".
        phone_ids: the phones themselves.
        server_id: all phones of this server.
        name_pattern: all phones with such a name, as a shell would match it: `*`, `?`, `[01]`, `[!01]`.
        on_delete: what becomes of phones that leave the fleet: "leave", "start" or "stop".
        options: more arguments of `FleetPower`, by name, as they were configured.
    """

    name: str
    power_state: str
    phone_ids: tuple[str, ...] | None = None
    server_id: str | None = None
    name_pattern: str | None = None
    on_delete: str = "leave"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def literal(self) -> str | None:
        """The longest text that every name of `name_pattern` contains, to ask the service for; None for none."""
        pieces = re.split(r"\[!?.[^]]*\]|[*?]", self.name_pattern or "")
        return max(pieces, key=len) or None


def parse(value: Any) -> list[Fleet]:
    """The fleets of a stack from the value of `pulumi-cph:fleets`.

    Raises:
        WrongFleets: something in it makes no sense.
    """
    if value is None:
        raise WrongFleets("pulumi-cph:fleets is not set: it lists the fleets of this stack (example: Pulumi.demo.yaml)")
    if not isinstance(value, list):
        raise WrongFleets(f"pulumi-cph:fleets must be a list of fleets, not {value!r}")
    fleets = [_fleet(number, entry) for number, entry in enumerate(value, start=1)]
    for name, times in Counter(fleet.name for fleet in fleets).items():
        if times > 1:
            raise WrongFleets(f"pulumi-cph:fleets: {times} fleets are called {name!r}; each needs a name of its own")
    return fleets


def _fleet(number: int, entry: Any) -> Fleet:
    if not isinstance(entry, Mapping):
        raise WrongFleets(f"pulumi-cph:fleets: entry {number} must be a mapping with {_list(KEYS)}, not {entry!r}")
    name = _text(entry, "name", f"entry {number}")
    where = f"fleet {name!r}"
    if unknown := sorted(set(entry) - set(KEYS)):
        raise WrongFleets(f"pulumi-cph:fleets: {where} has an unknown key {unknown[0]!r}; known are {_list(KEYS)}")
    given = [key for key in SELECTORS if entry.get(key) is not None]
    if len(given) != 1:
        found = _list(given, " and ") if given else "none"
        raise WrongFleets(f"pulumi-cph:fleets: {where} needs one of {_list(SELECTORS)}, and has {found}")
    return Fleet(
        name=name,
        power_state=_choice(entry, "power_state", POWER_STATES, where),
        phone_ids=_ids(entry["phone_ids"], where) if given == ["phone_ids"] else None,
        server_id=_text(entry, "server_id", where) if given == ["server_id"] else None,
        name_pattern=_text(entry, "name_pattern", where) if given == ["name_pattern"] else None,
        on_delete=_choice({"on_delete": "leave", **entry}, "on_delete", ON_DELETE, where),
        options={key: entry[key] for key in OPTIONS if key in entry},
    )


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise WrongFleets(f"pulumi-cph:fleets: {where}: {key} must be a text, not {_show(value)}")
    return value.strip()


def _choice(entry: Mapping[str, Any], key: str, allowed: tuple[str, ...], where: str) -> str:
    value = entry.get(key)
    if value not in allowed:
        raise WrongFleets(f"pulumi-cph:fleets: {where}: {key} must be one of {_list(allowed)}, not {_show(value)}")
    return str(value)


def _ids(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise WrongFleets(f"pulumi-cph:fleets: {where}: phone_ids must be a list of ids, not {_show(value)}")
    for phone_id in value:
        # YAML takes an id of digits, or one like 12e4, for a number, and its digits are lost.
        if not isinstance(phone_id, str) or not phone_id.strip():
            shown = _show(phone_id)
            raise WrongFleets(f"pulumi-cph:fleets: {where}: phone_ids must hold ids in quotes, not {shown}")
    return tuple(dict.fromkeys(phone_id.strip() for phone_id in value))


def _list(words: Iterable[str], glue: str = ", ") -> str:
    return glue.join(words)


def _show(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def totals(
    counts: Iterable[Mapping[str, float]],
    job_ids: Iterable[Mapping[str, str]],
    failures: Iterable[Mapping[str, str]],
) -> dict[str, Any]:
    """The sums over all fleets: phones, phones by status, jobs, failures."""
    by_status: Counter[str] = Counter()
    for fleet in counts:
        by_status.update({status: int(number) for status, number in fleet.items()})
    return {
        "phones": by_status.total(),
        "counts": dict(sorted(by_status.items())),
        "jobs": len({job for fleet in job_ids for job in fleet.values()}),
        "failures": sum(len(fleet) for fleet in failures),
    }
