"""The baseline: resources of the same shape as the project's, by a provider that does nothing.

A program that uses them costs what Pulumi itself costs. Inputs, outputs and their sizes are those of `FleetPower`
and `PhonePower`; nothing of the project is imported here.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pulumi import Input, ResourceOptions
from pulumi.dynamic import (
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

DRIFTED = "BENCHMARK_DRIFTED"
"""The environment variable that names a file: ids (a JSON list) of phones that are to count as changed."""

_PLACE = {"region": "cn-north-4", "project_id": "0f0e1617c10d4d0c9fa7f6e1d2c3b4a5"}


@lru_cache(maxsize=1)
def _drifted() -> frozenset[str]:
    name = os.environ.get(DRIFTED)
    return frozenset(json.loads(Path(name).read_text())) if name else frozenset()


def _id() -> str:
    return uuid.uuid4().hex


class _NothingProvider(ResourceProvider):
    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        return CheckResult({**{key: value for key, value in news.items() if value is not None}, **_PLACE}, [])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        changed = self.phones(_olds) != self.phones(_news)
        return DiffResult(changes=changed or not _drifted().isdisjoint(self.phones(_news)), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(_id(), {**props, **self.outputs(props)})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult({**_news, **self.outputs(_news)})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_, props)

    def phones(self, props: Mapping[str, Any]) -> dict[str, str]:
        """Phone id -> power state, as they stand in a resource's properties."""
        raise NotImplementedError

    def outputs(self, props: Mapping[str, Any]) -> dict[str, Any]:
        """What the project's provider would add to the properties."""
        raise NotImplementedError


class FleetNothing(_NothingProvider):
    """Serves `FleetPower`."""

    def phones(self, props: Mapping[str, Any]) -> dict[str, str]:
        phones: dict[str, str] = props["phones"]
        return phones

    def outputs(self, props: Mapping[str, Any]) -> dict[str, Any]:
        phones = self.phones(props)
        return {
            "statuses": dict(phones),
            "counts": {"stopped": len(phones)},
            "job_ids": {phone_id: _id() for phone_id in phones},
            "request_ids": [_id() for _ in range(0, len(phones), 100)],
            "failures": {},
        }


class PhoneNothing(_NothingProvider):
    """Serves `PhonePower`."""

    def phones(self, props: Mapping[str, Any]) -> dict[str, str]:
        return {props["phone_id"]: props["power_state"]}

    def outputs(self, props: Mapping[str, Any]) -> dict[str, Any]:
        return {"status": props["power_state"], "job_id": _id(), "request_id": _id()}


class FleetPower(Resource, module="nothing", name="FleetPower"):
    """Declared like the project's `FleetPower`."""

    def __init__(
        self, resource_name: str, phones: Input[Mapping[str, Input[str]]], opts: ResourceOptions | None = None
    ) -> None:
        inputs = dict.fromkeys(
            ("on_delete", "on_refused", "max_changes", "never_stop", "max_in_flight", "region", "project_id")
        )
        outputs = dict.fromkeys(("statuses", "counts", "job_ids", "request_ids", "failures"))
        super().__init__(FleetNothing(), resource_name, {"phones": phones, **inputs, **outputs}, opts)


class PhonePower(Resource, module="nothing", name="PhonePower"):
    """Declared like the project's `PhonePower`."""

    def __init__(
        self, resource_name: str, phone_id: Input[str], power_state: Input[str], opts: ResourceOptions | None = None
    ) -> None:
        inputs = dict.fromkeys(("on_delete", "on_refused", "region", "project_id"))
        outputs = dict.fromkeys(("status", "job_id", "request_id"))
        props = {"phone_id": phone_id, "power_state": power_state, **inputs, **outputs}
        super().__init__(PhoneNothing(), resource_name, props, opts)
