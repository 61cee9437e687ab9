"""Raw properties of a resource -> what it declares, or one sentence for each thing that is wrong. Pure.

Both resources come to the same form here: phones with a power state, in one place. `PhonePower` is a fleet of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from pulumi_cph.plan import POWERS, Power
from pulumi_cph.rails import Limit, limit
from pulumi_cph.status import is_status

OnDelete = Literal["leave", "start", "stop"]
OnRefused = Literal["fail", "warn"]

ON_DELETE: Final[tuple[OnDelete, ...]] = ("leave", "start", "stop")
ON_REFUSED: Final[tuple[OnRefused, ...]] = ("fail", "warn")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that is not what it should be: the property that holds it, and why, in one sentence."""

    property: str
    reason: str


@dataclass(slots=True)
class Declared:
    """What a resource declares.

    Attributes:
        phones: the phones whose power state is known now.
        kept: phones declared in the status that they were last seen in (`ignore_changes` after a refresh hands those
            back): nothing is wanted of them.
        complete: False while the phones, or some of their power states, are unknown (in a preview).
        max_changes: how many phones may get a request in one operation; None for no bound.
        never_stop: phones that must not be stopped.
        max_in_flight: how many phones may be changed at once; None for no bound.
        region, project_id: as given; None when absent, or unknown.
        place_known: False while region or project id is an unknown value.
    """

    phones: dict[str, Power] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    complete: bool = True
    on_delete: OnDelete = "leave"
    on_refused: OnRefused = "fail"
    max_changes: Limit | None = None
    never_stop: tuple[str, ...] = ()
    max_in_flight: int | None = None
    region: str | None = None
    project_id: str | None = None
    place_known: bool = True

    @property
    def members(self) -> list[str]:
        """Every phone that the resource claims."""
        return [*self.phones, *self.kept]

    @property
    def release(self) -> Power | None:
        """What `on_delete` wants of a phone that leaves; None for nothing."""
        return _RELEASE[self.on_delete]


_RELEASE: Final[dict[OnDelete, Power | None]] = {"leave": None, "start": "running", "stop": "stopped"}


def is_unknown(value: object) -> bool:
    """Whether a property's value is not known yet (in a preview)."""
    return type(value).__name__ == "Unknown"


def fleet(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[Declared, list[Wrong]]:
    """What a `FleetPower` declares. `olds` are its inputs of the last operation."""
    declared, wrong = _common(news)
    _rails(declared, wrong, news)
    phones = news.get("phones")
    if (problem := _two_ways(news)) is not None:
        wrong.append(problem)
    elif is_unknown(phones):
        declared.complete = False
    elif not isinstance(phones, Mapping):
        wrong.append(_no_mapping(phones))
    else:
        old = olds.get("phones")
        _add_phones(declared, wrong, phones, old if isinstance(old, Mapping) else {})
    return declared, wrong


def phone(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[Declared, list[Wrong]]:
    """What a `PhonePower` declares. `olds` are its inputs of the last operation."""
    declared, wrong = _common(news)
    phone_id, state = news.get("phone_id"), news.get("power_state")
    if is_unknown(phone_id):
        declared.complete = False
        phone_id = ""
    elif not isinstance(phone_id, str) or not phone_id.strip():
        wrong.append(Wrong("phone_id", f"phone_id must be the id of a phone, not {_show(phone_id)}"))
        phone_id = ""
    if not _add_phone(declared, phone_id.strip(), state, olds.get("power_state")):
        wrong.append(Wrong("power_state", _no_state(state)))
    return declared, wrong


def _two_ways(news: Mapping[str, Any]) -> Wrong | None:
    has = {key for key in ("phones", "phone_ids", "power_state") if news.get(key) is not None}
    if {"phones", "phone_ids"} <= has:
        return Wrong("phones", "phones and phone_ids exclude each other: give one of them")
    if {"phones", "power_state"} <= has:
        return Wrong("power_state", "power_state goes with phone_ids; in phones every phone has its own")
    if "phone_ids" in has:
        return Wrong("power_state", "phone_ids needs power_state: one of running, stopped")
    if "phones" not in has:
        return Wrong("phones", "phones is missing: phone id -> power state, or phone_ids and power_state")
    return None


def _no_mapping(phones: object) -> Wrong:
    entries = phones if isinstance(phones, list) else []
    if odd := [entry for entry in entries if not isinstance(entry, str)]:
        return Wrong("phones", f"phone_ids must hold ids of phones, not {_show(odd[0])}")
    return Wrong(
        "phones",
        f"phones must be a mapping of phone id to power state, or phone_ids a list of ids, not {_show(phones)}",
    )


def _add_phones(declared: Declared, wrong: list[Wrong], phones: Mapping[Any, Any], olds: Mapping[str, Any]) -> None:
    no_state: dict[str, list[str]] = {}
    # The engine hands mappings over in no order; lines and requests should not vary from run to run.
    for key, state in sorted(phones.items()):
        phone_id = str(key).strip()
        before = declared.phones.get(phone_id)
        if not phone_id:
            wrong.append(Wrong("phones", "an id in phones is empty"))
        elif not _add_phone(declared, phone_id, state, olds.get(phone_id)):
            no_state.setdefault(_no_state(state), []).append(phone_id)
        elif before is not None and declared.phones.get(phone_id, before) != before:
            wrong.append(Wrong("phones", f"phone {phone_id} is declared twice: {before} and {state}"))
    # One sentence for a mistake, however many phones it was made for.
    for reason, phone_ids in list(no_state.items())[:_NAMED]:
        wrong.append(Wrong("phones", f"{_named(phone_ids)}: {reason}"))


def _add_phone(declared: Declared, phone_id: str, state: Any, old: Any) -> bool:
    """Declare one phone (a phone id that is not known yet is empty); False if `state` is no power state."""
    if is_unknown(state):
        declared.complete = False
    elif state in POWERS:
        declared.phones.update({phone_id: cast(Power, str(state))} if phone_id else {})
    elif is_status(state) and state == old:
        declared.kept.update({phone_id: str(state)} if phone_id else {})
    else:
        return False
    return True


_NAMED: Final = 5


def _no_state(state: object) -> str:
    return f"power state {_show(state)} is not one of running, stopped"


def _named(phone_ids: list[str]) -> str:
    more = f" and {len(phone_ids) - _NAMED} more" if len(phone_ids) > _NAMED else ""
    return f"phone{'s' if len(phone_ids) > 1 else ''} {', '.join(phone_ids[:_NAMED])}{more}"


def _common(news: Mapping[str, Any]) -> tuple[Declared, list[Wrong]]:
    declared, wrong = Declared(), list[Wrong]()
    declared.on_delete = cast(OnDelete, _choice(news, "on_delete", ON_DELETE, wrong))
    declared.on_refused = cast(OnRefused, _choice(news, "on_refused", ON_REFUSED, wrong))
    for key in ("region", "project_id"):
        value = news.get(key)
        if is_unknown(value):
            declared.place_known = False
        elif value is not None and (not isinstance(value, str) or not value.strip()):
            wrong.append(Wrong(key, f"{key} must be a text, not {_show(value)}"))
        elif value is not None:
            setattr(declared, key, value.strip())
    return declared, wrong


def _rails(declared: Declared, wrong: list[Wrong], news: Mapping[str, Any]) -> None:
    most, never, flying = (news.get(key) for key in ("max_changes", "never_stop", "max_in_flight"))
    if most is not None and not is_unknown(most):
        declared.max_changes = limit(most)
        if declared.max_changes is None:
            reason = f'max_changes must be a number of phones or a share such as "20%", not {_show(most)}'
            wrong.append(Wrong("max_changes", reason))
    if isinstance(never, list) and all(isinstance(phone_id, str) for phone_id in never):
        declared.never_stop = tuple(phone_id.strip() for phone_id in never)
    elif never is not None and not is_unknown(never) and not (isinstance(never, list) and any(map(is_unknown, never))):
        wrong.append(Wrong("never_stop", f"never_stop must be a list of phone ids, not {_show(never)}"))
    if isinstance(flying, int | float) and not isinstance(flying, bool) and flying >= 1 and flying % 1 == 0:
        declared.max_in_flight = int(flying)
    elif flying is not None and not is_unknown(flying):
        wrong.append(Wrong("max_in_flight", f"max_in_flight must be a whole number from 1, not {_show(flying)}"))


def _choice(news: Mapping[str, Any], key: str, allowed: tuple[str, ...], wrong: list[Wrong]) -> str:
    value = news.get(key)
    if value is None or is_unknown(value):
        return allowed[0]
    if value not in allowed:
        wrong.append(Wrong(key, f"{key} {_show(value)} is not one of {', '.join(allowed)}"))
        return allowed[0]
    return str(value)


def _show(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        # The engine knows no whole numbers; the program does.
        value = int(value)
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
