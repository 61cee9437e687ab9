"""What the resources' properties declare, and the one sentence for each thing that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.output import Unknown

from pulumi_cph import inputs


def fleet(news: dict[str, Any], olds: dict[str, Any] | None = None) -> inputs.Declared:
    declared, wrong = inputs.fleet(olds or {}, news)
    assert wrong == []
    return declared


def test_phones_are_declared_with_their_power_states() -> None:
    assert fleet({"phones": {"a": "running", "b": "stopped"}}).phones == {"a": "running", "b": "stopped"}


def test_an_empty_fleet_is_legal() -> None:
    declared = fleet({"phones": {}})
    assert (declared.phones, declared.complete) == ({}, True)


def test_space_around_an_id_means_nothing_and_equal_duplicates_are_one_phone() -> None:
    assert fleet({"phones": {" a": "running", "a ": "running"}}).phones == {"a": "running"}


def test_what_is_not_known_yet_makes_the_declaration_incomplete() -> None:
    assert not fleet({"phones": Unknown()}).complete
    partly = fleet({"phones": {"a": Unknown(), "b": "running"}})
    assert (partly.complete, partly.phones) == (False, {"b": "running"})
    assert not fleet({"phones": {}, "region": Unknown()}).place_known


def test_a_status_word_is_accepted_where_it_was_the_old_input() -> None:
    declared = fleet({"phones": {"a": "frozen", "b": "running"}}, {"phones": {"a": "frozen"}})
    assert (declared.phones, declared.kept) == ({"b": "running"}, {"a": "frozen"})
    assert declared.members == ["b", "a"]


@pytest.mark.parametrize(
    ("news", "property_", "reason"),
    [
        ({"phones": {"a": "off"}}, "phones", "phone a: power state 'off' is not one of running, stopped"),
        ({"phones": {"a": True}}, "phones", "phone a: power state True is not one of running, stopped"),
        ({"phones": {"a": None}}, "phones", "phone a: power state nothing is not one of running, stopped"),
        ({"phones": {"a": "frozen"}}, "phones", "phone a: power state 'frozen' is not one of running, stopped"),
        ({"phones": {"": "running"}}, "phones", "an id in phones is empty"),
        ({"phones": {"  ": "running"}}, "phones", "an id in phones is empty"),
        ({"phones": {"a": "running", " a": "stopped"}}, "phones", "phone a is declared twice: stopped and running"),
        ({"phones": ["a", 7.0]}, "phones", "phone_ids must hold ids of phones, not 7"),
        (
            {"phones": "a"},
            "phones",
            "phones must be a mapping of phone id to power state, or phone_ids a list of ids, not 'a'",
        ),
        ({"phones": {}, "phone_ids": []}, "phones", "phones and phone_ids exclude each other: give one of them"),
        (
            {"phones": {}, "power_state": "running"},
            "power_state",
            "power_state goes with phone_ids; in phones every phone has its own",
        ),
        ({"phone_ids": ["a"]}, "power_state", "phone_ids needs power_state: one of running, stopped"),
        ({}, "phones", "phones is missing: phone id -> power state, or phone_ids and power_state"),
        ({"phones": {}, "on_delete": "off"}, "on_delete", "on_delete 'off' is not one of leave, start, stop"),
        ({"phones": {}, "on_refused": 1.0}, "on_refused", "on_refused 1 is not one of fail, warn"),
        ({"phones": {}, "region": 3.0}, "region", "region must be a text, not 3"),
        ({"phones": {}, "project_id": " "}, "project_id", "project_id must be a text, not ' '"),
    ],
)
def test_a_wrong_fleet_gets_one_sentence(news: dict[str, Any], property_: str, reason: str) -> None:
    assert inputs.fleet({}, news)[1] == [inputs.Wrong(property_, reason)]


@pytest.mark.parametrize(
    ("news", "wrong"),
    [
        ({"phone_id": "a", "power_state": "stopped"}, []),
        (
            {"phone_id": "", "power_state": "stopped"},
            [inputs.Wrong("phone_id", "phone_id must be the id of a phone, not ''")],
        ),
        (
            {"phone_id": 5.0, "power_state": "stopped"},
            [inputs.Wrong("phone_id", "phone_id must be the id of a phone, not 5")],
        ),
        (
            {"phone_id": "a", "power_state": "on"},
            [inputs.Wrong("power_state", "power state 'on' is not one of running, stopped")],
        ),
        (
            {"phone_id": Unknown(), "power_state": "on"},
            [inputs.Wrong("power_state", "power state 'on' is not one of running, stopped")],
        ),
    ],
)
def test_a_single_phone_is_a_fleet_of_one(news: dict[str, Any], wrong: list[inputs.Wrong]) -> None:
    declared, found = inputs.phone({}, news)
    assert found == wrong
    if not wrong:
        assert declared.phones == {"a": "stopped"}


@pytest.mark.parametrize(("on_delete", "power"), [("leave", None), ("start", "running"), ("stop", "stopped")])
def test_on_delete_says_what_a_phone_that_leaves_becomes(on_delete: str, power: str | None) -> None:
    assert fleet({"phones": {}, "on_delete": on_delete}).release == power


@pytest.mark.parametrize("flying", [float("inf"), float("nan"), 0, 1.5, True, "3"])
def test_a_bound_that_is_no_whole_number_is_named(flying: object) -> None:
    _, [wrong] = inputs.fleet({}, {"phones": {"a": "stopped"}, "max_in_flight": flying})
    assert wrong.property == "max_in_flight"
    assert "must be a whole number from 1" in wrong.reason
