"""How the two resources look in the state: the properties of `PhonePower` and of `FleetPower`. Pure.

Operations work with phones; a `Shape` turns a resource's properties into phones and back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pulumi_cph import inputs as ip

OPTIONS: Final = ("on_delete", "on_refused", "max_changes", "never_stop", "max_in_flight")
"""Inputs besides phones and place; a change of one is an update without requests."""

_PLACE: Final = ("region", "project_id")


@dataclass(slots=True)
class Result:
    """What an operation reached, phone by phone; the source of a resource's outputs.

    Attributes:
        statuses: phone id -> status word.
        job_ids: phone id -> job that last changed it.
        requests: phone id -> request that started that job.
        sent: ids of the requests of this operation, in order.
        failures: phone id -> "CODE message".
    """

    statuses: dict[str, str] = field(default_factory=dict)
    job_ids: dict[str, str] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


class Shape(Protocol):
    """One resource's way to say which phones, in which state."""

    identity: tuple[str, ...]
    """Properties of which a change replaces the resource."""

    def declared(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[ip.Declared, list[ip.Wrong]]:
        """What the properties declare, and what is wrong with them."""

    def phones(self, props: Mapping[str, Any]) -> dict[str, str]:
        """The phones of recorded properties, with their recorded power state or status word."""

    def with_phones(self, props: Mapping[str, Any], phones: Mapping[str, str]) -> dict[str, Any]:
        """The inputs among `props`, with these power states (or status words) for the phones."""

    def earlier(self, props: Mapping[str, Any]) -> Result:
        """What recorded outputs say of earlier operations."""

    def outputs(self, result: Result) -> dict[str, Any]:
        """The output properties that say `result`."""


def _options(props: Mapping[str, Any]) -> dict[str, Any]:
    return {key: props[key] for key in (*OPTIONS, *_PLACE) if props.get(key) is not None}


class FleetShape:
    """`FleetPower`: `phones`, and outputs by phone id."""

    identity: tuple[str, ...] = ("region", "project_id")

    def declared(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[ip.Declared, list[ip.Wrong]]:
        return ip.fleet(olds, news)

    def phones(self, props: Mapping[str, Any]) -> dict[str, str]:
        phones = props.get("phones")
        return {str(key): str(value) for key, value in phones.items()} if isinstance(phones, Mapping) else {}

    def with_phones(self, props: Mapping[str, Any], phones: Mapping[str, str]) -> dict[str, Any]:
        return {**_options(props), "phones": dict(phones)}

    def earlier(self, props: Mapping[str, Any]) -> Result:
        return Result(
            statuses=dict(props.get("statuses") or {}),
            job_ids=dict(props.get("job_ids") or {}),
            sent=list(props.get("request_ids") or []),
            failures=dict(props.get("failures") or {}),
        )

    def outputs(self, result: Result) -> dict[str, Any]:
        return {
            "statuses": result.statuses,
            "counts": dict(sorted(Counter(result.statuses.values()).items())),
            "job_ids": result.job_ids,
            "request_ids": result.sent,
            "failures": result.failures,
        }


class PhoneShape:
    """`PhonePower`: `phone_id` and `power_state`, and plain outputs."""

    identity: tuple[str, ...] = ("phone_id", "region", "project_id")

    def declared(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[ip.Declared, list[ip.Wrong]]:
        return ip.phone(olds, news)

    def phones(self, props: Mapping[str, Any]) -> dict[str, str]:
        return {str(props["phone_id"]): str(props.get("power_state"))} if props.get("phone_id") else {}

    def with_phones(self, props: Mapping[str, Any], phones: Mapping[str, str]) -> dict[str, Any]:
        [(phone_id, state)] = phones.items()
        return {**_options(props), "phone_id": phone_id, "power_state": state}

    def earlier(self, props: Mapping[str, Any]) -> Result:
        phone_id, result = str(props.get("phone_id")), Result()
        for key, target in (
            ("status", result.statuses),
            ("job_id", result.job_ids),
            ("request_id", result.requests),
        ):
            if props.get(key) is not None:
                target[phone_id] = str(props[key])
        return result

    def outputs(self, result: Result) -> dict[str, Any]:
        [(phone_id, status)] = result.statuses.items()
        return {
            "status": status,
            "job_id": result.job_ids.get(phone_id),
            "request_id": result.requests.get(phone_id),
        }


SHAPES: Final[dict[str, Shape]] = {"phone": PhoneShape(), "fleet": FleetShape()}
"""The shapes by the names that the provider classes have for them."""
