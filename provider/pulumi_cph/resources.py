"""What a program declares: `PhonePower` for one phone, `FleetPower` for many.

Constructors raise TypeError alone; every wrong value is a check failure of the provider, with one sentence, at
preview.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from pulumi_cph.provider import FleetPowerProvider, PhonePowerProvider


class PowerState(str, Enum):
    """The power states that can be declared. The plain words "running" and "stopped" do as well."""

    RUNNING = "running"
    STOPPED = "stopped"


class PhonePower(Resource, module="cph", name="PhonePower"):
    """The power state of one cloud phone.

    A phone that is already there costs no request; one on its way there is waited for. A running phone is never
    restarted. For more than a few phones use `FleetPower`: it needs fewer requests and far less of the engine.

    Args:
        resource_name: the name of the resource in the program.
        phone_id: id of the phone; another one replaces the resource.
        power_state: `"running"` or `"stopped"`.
        on_delete: what to do with the phone when the resource is deleted, renamed or replaced and no other resource
            claims the phone: `"leave"` (default), `"start"` or `"stop"`. With `--target`, or when another resource is
            declared only after this one was created, its claim may not be known in time.
        on_refused: `"fail"` (default) or `"warn"`: what a phone that cannot be changed (frozen, abnormal, missing, or
            refused by the service) does to the operation.
        region: region of the phone; default `cph:region`. Another one replaces the resource.
        project_id: project of the phone; default `cph:projectId`, else looked up by the region's name. Another one
            replaces the resource.
        opts: Pulumi's resource options; `custom_timeouts` bounds the wait (default `cph:timeout`).

    Raises:
        TypeError: an argument is missing or unknown.
    """

    phone_id: pulumi.Output[str]
    power_state: pulumi.Output[str]
    on_delete: pulumi.Output[str]
    on_refused: pulumi.Output[str]
    region: pulumi.Output[str]
    """The region, resolved."""
    project_id: pulumi.Output[str]
    """The project id, resolved."""
    status: pulumi.Output[str]
    """The phone's published status as a word: creating, running, resetting, restarting, frozen, stopping, stopped,
    reset-failed, restart-failed, abnormal, create-failed, stop-failed, `unknown-<n>`, or missing."""
    job_id: pulumi.Output[str | None]
    """Id of the job that last changed the phone; None if it was there already."""
    request_id: pulumi.Output[str | None]
    """Id of the request that started the job."""

    def __init__(
        self,
        resource_name: str,
        phone_id: pulumi.Input[str],
        power_state: pulumi.Input[str | PowerState],
        on_delete: pulumi.Input[str] | None = None,
        on_refused: pulumi.Input[str] | None = None,
        region: pulumi.Input[str] | None = None,
        project_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        _warn_of_readable_keys()
        props: dict[str, Any] = {
            "phone_id": phone_id,
            "power_state": power_state,
            "on_delete": on_delete,
            "on_refused": on_refused,
            "region": region,
            "project_id": project_id,
            "status": None,
            "job_id": None,
            "request_id": None,
        }
        super().__init__(PhonePowerProvider(), resource_name, _carried(props), opts)


class FleetPower(Resource, module="cph", name="FleetPower"):
    """The power states of many cloud phones, changed with as few requests as the API allows.

    Either `phones`, or `phone_ids` and `power_state`. An empty fleet is legal. Membership changes in place.

    Args:
        resource_name: the name of the resource in the program.
        phones: phone id -> `"running"` or `"stopped"`.
        phone_ids: ids of phones that all get `power_state`; an id that stands there twice counts once.
        power_state: `"running"` or `"stopped"`, for all of `phone_ids`.
        on_delete: what to do with phones that leave the fleet (taken out, or the resource is deleted, renamed or
            replaced) and that no other resource claims: `"leave"` (default), `"start"` or `"stop"`. With `--target`,
            or when another resource is declared only after this one was updated, its claim may not be known in time.
        on_refused: `"fail"` (default) or `"warn"`: what phones that cannot be changed (frozen, abnormal, missing, or
            refused by the service) do to the operation. The others are changed either way.
        max_changes: guard rail: the preview fails if more phones than this would get a request; a number, or a share
            of the fleet such as `"20%"`. `CPH_MAX_CHANGES` in the environment replaces it for one run.
        never_stop: guard rail: ids of phones; the preview fails if one of them would be stopped.
        max_in_flight: how many phones may be changed at once, from 1; default no bound. Phones of different servers
            take turns, and no new ones are begun once more than half of at least ten have failed.
        region: region of the phones; default `cph:region`. Another one replaces the resource.
        project_id: project of the phones; default `cph:projectId`, else looked up by the region's name. Another one
            replaces the resource.
        opts: Pulumi's resource options; `custom_timeouts` bounds the wait (default `cph:timeout`).

    Raises:
        TypeError: an argument is missing or unknown.
    """

    phones: pulumi.Output[dict[str, str]]
    on_delete: pulumi.Output[str]
    on_refused: pulumi.Output[str]
    max_changes: pulumi.Output[int | str | None]
    never_stop: pulumi.Output[list[str] | None]
    max_in_flight: pulumi.Output[int | None]
    region: pulumi.Output[str]
    """The region, resolved."""
    project_id: pulumi.Output[str]
    """The project id, resolved."""
    statuses: pulumi.Output[dict[str, str]]
    """Phone id -> published status as a word (see `PhonePower.status`)."""
    counts: pulumi.Output[dict[str, int]]
    """Status -> number of phones."""
    job_ids: pulumi.Output[dict[str, str]]
    """Phone id -> id of the job that last changed it; phones that were there already are not in it."""
    request_ids: pulumi.Output[list[str]]
    """Ids of the requests that the last operation sent."""
    failures: pulumi.Output[dict[str, str]]
    """Phone id -> "CODE message" for phones that are not where they should be; empty when all is well."""

    def __init__(
        self,
        resource_name: str,
        phones: pulumi.Input[Mapping[str, pulumi.Input[str | PowerState]]] | None = None,
        phone_ids: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        power_state: pulumi.Input[str | PowerState] | None = None,
        on_delete: pulumi.Input[str] | None = None,
        on_refused: pulumi.Input[str] | None = None,
        max_changes: pulumi.Input[int | str] | None = None,
        never_stop: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        max_in_flight: pulumi.Input[int] | None = None,
        region: pulumi.Input[str] | None = None,
        project_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        _warn_of_readable_keys()
        props: dict[str, Any] = {
            **_one_form(phones, phone_ids, power_state),
            "on_delete": on_delete,
            "on_refused": on_refused,
            "max_changes": max_changes,
            "never_stop": never_stop,
            "max_in_flight": max_in_flight,
            "region": region,
            "project_id": project_id,
            "statuses": None,
            "counts": None,
            "job_ids": None,
            "request_ids": None,
            "failures": None,
        }
        super().__init__(FleetPowerProvider(), resource_name, _carried(props), opts)


def _one_form(phones: Any, phone_ids: Any, power_state: Any) -> dict[str, Any]:
    """`phones`, whichever way they were given: state, previews and `ignore_changes` know this form only.

    What cannot be one form (both ways at once, half of one) goes to the check as it is, which says so.
    """
    if phones is None and phone_ids is not None and power_state is not None:
        together = pulumi.Output.all(_carried(phone_ids), _carried(power_state))
        return {"phones": together.apply(lambda both: _all_alike(both[0], both[1]))}
    return {"phones": _without_gaps(phones), "phone_ids": phone_ids, "power_state": power_state}


def _all_alike(phone_ids: Any, power_state: Any) -> Any:
    # What is not a list of ids goes to the check as it is, which names what is wrong with it.
    phone_ids = _carried(phone_ids)
    if isinstance(phone_ids, Mapping):
        # Not as it is: it would pass for `phones`, whatever `power_state` says.
        return [_told(phone_ids)]
    if not isinstance(phone_ids, list) or not all(isinstance(phone_id, str) for phone_id in phone_ids):
        return phone_ids
    return {phone_id: _or_empty(power_state) for phone_id in phone_ids}


def _without_gaps(phones: Any) -> Any:
    """`phones` without None among the power states: the SDK drops those, and the phone would silently leave."""
    if isinstance(phones, pulumi.Output):
        return phones.apply(_without_gaps)
    if not isinstance(phones, Mapping):
        return phones
    return {
        phone_id: state.apply(_or_empty) if isinstance(state, pulumi.Output) else _or_empty(state)
        for phone_id, state in phones.items()
    }


def _carried(value: Any) -> Any:
    """The value in a form that the SDK can carry to the check, which names what is wrong with it.

    Whatever gives ids one by one becomes a list; what cannot be carried is told in words.
    """
    if value is None or isinstance(value, bool | int | float | PowerState | pulumi.Output | Awaitable):
        return value
    if isinstance(value, str):
        return value if _is_text(value) else _told(value)
    if isinstance(value, Mapping):
        if odd := [key for key in value if not _is_text(key)]:
            return [_told(odd[0])]
        return {key: _carried(each) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return [_carried(each) for each in value]
    return _told(value)


def _is_text(value: object) -> bool:
    """Whether it is a text that can be sent: one with half of a surrogate pair cannot."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value


def _told(value: object) -> dict[str, str]:
    return {type(value).__name__: ascii(value)[:100]}


def _or_empty(state: Any) -> Any:
    return "" if state is None else state


_warned: set[str] = set()


def _warn_of_readable_keys() -> None:
    """A credential that was set without `--secret` stands readable in the stack's state and file: say so, once."""
    from pulumi.runtime import get_config, is_config_secret

    for key in ("cph:accessKey", "cph:secretKey", "cph:securityToken", "cph:authToken"):
        if key not in _warned and get_config(key) and not is_config_secret(key):
            _warned.add(key)
            pulumi.log.warn(
                f"{key} stands readable in the stack's configuration and state; set it again with "
                f"`pulumi config set --secret {key} ...`, or use the environment"
            )
