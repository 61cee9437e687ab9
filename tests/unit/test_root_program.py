"""Stack configuration -> fleets, or one sentence."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleets import Fleet, WrongFleets, parse, totals

ROOT = Path(__file__).resolve().parents[2]


def one(**changes: Any) -> dict[str, Any]:
    """A fleet as it should be in configuration, with changes; a key changed to None is left out."""
    entry = {"name": "night", "phone_ids": ["a", "b"], "power_state": "stopped", **changes}
    return {key: value for key, value in entry.items() if value is not None}


def test_a_fleet_of_phone_ids_keeps_their_order_and_each_once() -> None:
    [fleet] = parse([one(phone_ids=["b", "a", " b "])])
    assert fleet == Fleet("night", "stopped", phone_ids=("b", "a"))


def test_a_fleet_is_a_server_or_a_name_pattern_too() -> None:
    by_server = one(name="s", phone_ids=None, server_id="1678", on_delete="start")
    by_name = one(name="n", phone_ids=None, name_pattern="night-*", power_state="running")
    assert parse([by_server, by_name]) == [
        Fleet("s", "stopped", server_id="1678", on_delete="start"),
        Fleet("n", "running", name_pattern="night-*"),
    ]


def test_the_other_options_of_a_fleet_are_handed_on_as_they_are() -> None:
    options = {"on_refused": "warn", "max_changes": "20%", "never_stop": ["a"], "max_in_flight": 5}
    [fleet] = parse([one(**options)])
    assert fleet.options == options


def test_no_fleets_and_a_fleet_without_phones_are_legal() -> None:
    assert parse([]) == []
    assert parse([one(phone_ids=[])]) == [Fleet("night", "stopped", phone_ids=())]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "is not set: it lists the fleets of this stack (example: Pulumi.demo.yaml)"),
        ({"name": "night"}, "must be a list of fleets, not {'name': 'night'}"),
        ("night", "must be a list of fleets, not 'night'"),
        (["night"], "entry 1 must be a mapping with name, phone_ids, server_id, name_pattern, power_state"),
        ([one(), one(name=None)], "entry 2: name must be a text, not nothing"),
        ([one(name=7)], "entry 1: name must be a text, not 7"),
        ([one(name=" ")], "entry 1: name must be a text, not ' '"),
        ([one(), one()], "2 fleets are called 'night'; each needs a name of its own"),
        ([one(phone_id="a")], "fleet 'night' has an unknown key 'phone_id'; known are name, phone_ids"),
        ([one(phone_ids=None)], "fleet 'night' needs one of phone_ids, server_id, name_pattern, and has none"),
        ([one(server_id="s")], "needs one of phone_ids, server_id, name_pattern, and has phone_ids and server_id"),
        ([one(power_state=None)], "fleet 'night': power_state must be one of running, stopped, not nothing"),
        ([one(power_state=["stopped"])], "power_state must be one of running, stopped, not ['stopped']"),
        ([one(power_state=False)], "fleet 'night': power_state must be one of running, stopped, not False"),
        ([one(on_delete="restart")], "fleet 'night': on_delete must be one of leave, start, stop, not 'restart'"),
        ([one(phone_ids="a")], "fleet 'night': phone_ids must be a list of ids, not 'a'"),
        ([one(phone_ids=["a", 120000.0])], "fleet 'night': phone_ids must hold ids in quotes, not 120000.0"),
        ([one(phone_ids=["a", ""])], "fleet 'night': phone_ids must hold ids in quotes, not ''"),
        ([one(phone_ids=None, server_id=31)], "fleet 'night': server_id must be a text, not 31"),
        ([one(phone_ids=None, name_pattern="")], "fleet 'night': name_pattern must be a text, not ''"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_sentence_that_names_it(value: Any, sentence: str) -> None:
    with pytest.raises(WrongFleets) as caught:
        parse(value)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("pulumi-cph:fleets")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("phone-0[01]*", "phone-0"),
        ("*-farm-a", "-farm-a"),
        ("n?ght-*", "ght-"),
        ("exactly this", "exactly this"),
        ("[!ab]x", "x"),
        ("a[]]bc", "bc"),
        ("a[!]x]bc", "bc"),
        ("*", None),
        ("[ab]?", None),
        (None, None),
    ],
)
def test_the_service_is_asked_for_the_longest_text_that_every_name_has(
    pattern: str | None, literal: str | None
) -> None:
    assert Fleet("f", "stopped", name_pattern=pattern).literal == literal


@pytest.mark.parametrize("pattern", ["[ab", "a[!b", "x[]*"])
def test_an_open_bracket_is_an_ordinary_character_as_in_a_shell(pattern: str) -> None:
    literal = Fleet("f", "stopped", name_pattern=pattern).literal
    name = pattern.replace("*", "-more")
    assert fnmatchcase(name, pattern)
    assert literal is not None
    assert literal in name


def test_totals_add_up_over_fleets() -> None:
    counts = [{"stopped": 2.0, "frozen": 1.0}, {"stopped": 3.0}, {}]
    assert totals(counts, [{"a": "j1", "b": "j2"}, {"c": "j3"}], [{"d": "frozen it is frozen"}, {}]) == {
        "phones": 6,
        "counts": {"frozen": 1, "stopped": 5},
        "jobs": 3,
        "failures": 1,
    }
    assert totals([], [], []) == {"phones": 0, "counts": {}, "jobs": 0, "failures": 0}


def test_the_demo_stack_is_well_formed() -> None:
    config = yaml.safe_load((ROOT / "Pulumi.demo.yaml").read_text())["config"]
    assert [fleet.name for fleet in parse(config["pulumi-cph:fleets"])] == ["night-shift", "on-call"]


def test_the_allowed_words_are_those_of_the_provider() -> None:
    import fleets
    from pulumi_cph import inputs, plan, state

    assert fleets.POWER_STATES == plan.POWERS
    assert fleets.ON_DELETE == inputs.ON_DELETE
    assert {"on_delete", *fleets.OPTIONS} == set(state.OPTIONS)


def test_the_parsing_needs_no_pulumi() -> None:
    tree = ast.parse((ROOT / "fleets.py").read_text())
    imports = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    imports |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    assert not {name for name in imports if name and name.startswith("pulumi")}
