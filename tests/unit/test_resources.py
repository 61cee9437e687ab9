"""The public surface: its names, its tokens, and what constructors do."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import dill
import pytest

import pulumi_cph as cph
from pulumi_cph import resources
from pulumi_cph.provider import FleetPowerProvider, PhonePowerProvider


def test_the_public_names_are_frozen() -> None:
    assert sorted(cph.__all__) == ["FleetPower", "FoundPhone", "PhonePower", "PowerState", "__version__", "get_phones"]


@pytest.mark.parametrize(
    ("resource", "token"),
    [(cph.PhonePower, "dynamic/cph:PhonePower"), (cph.FleetPower, "dynamic/cph:FleetPower")],
)
def test_the_type_tokens_are_frozen(resource: Any, token: str) -> None:
    assert resource._resource_type_name == token


@pytest.mark.parametrize("provider", [PhonePowerProvider, FleetPowerProvider])
def test_a_provider_is_pickled_by_reference_and_has_nothing_of_its_own(provider: Any) -> None:
    instance = provider()
    assert vars(instance) == {}
    assert instance.serialize_as_secret_always is False
    content = dill.dumps(instance, protocol=pickle.DEFAULT_PROTOCOL, recurse=True)
    assert len(content) < 100
    assert b"pulumi_cph.provider" in content


@pytest.mark.parametrize("resource", [cph.PhonePower, cph.FleetPower])
def test_an_unknown_argument_is_a_type_error(resource: Any) -> None:
    with pytest.raises(TypeError, match="colour"):
        resource("name", colour="red")


@pytest.mark.parametrize("public", [cph.PhonePower, cph.FleetPower, cph.PowerState, cph.get_phones, cph.FoundPhone])
def test_everything_public_is_documented(public: Any) -> None:
    doc = inspect.getdoc(public)
    assert doc
    parameters = inspect.signature(public.__init__ if inspect.isclass(public) else public).parameters
    if public not in (cph.PowerState, cph.FoundPhone):
        for name in parameters:
            assert name == "self" or f"{name}:" in doc, f"{name} is not described"


@pytest.mark.parametrize(
    ("phone_ids", "form"),
    [
        (["a", "b", "a"], {"a": "stopped", "b": "stopped"}),
        (("a",), {"a": "stopped"}),
        ([], {}),
        (["a", 7], ["a", 7]),
        ({"a": 1}.keys(), {"a": "stopped"}),
        ((phone_id for phone_id in "ab"), {"a": "stopped", "b": "stopped"}),
        ({"a"}, {"a": "stopped"}),
        ({"a": "running"}, [{"dict": "{'a': 'running'}"}]),
        ("a", "a"),
    ],
)
def test_phone_ids_and_power_state_become_phones(phone_ids: Any, form: Any) -> None:
    assert resources._all_alike(phone_ids, "stopped") == form


def test_power_states_are_plain_words() -> None:
    assert cph.PowerState.RUNNING == "running"
    assert cph.PowerState.STOPPED == "stopped"


def test_a_power_state_that_is_none_is_kept_for_the_check_to_name() -> None:
    assert resources._without_gaps({"a": None, "b": "running"}) == {"a": "", "b": "running"}
    assert resources._all_alike(["a"], None) == {"a": ""}
