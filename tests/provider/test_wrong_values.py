"""Everything that can be wrong in a program's arguments: one sentence, at check, and no request at all.

The arguments go through the real constructors, as what they send is what check gets.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import pulumi
import pytest

import pulumi_cph as cph
from tests.engine.harness import SECRET_KEY
from tests.foreign_cloud import ForeignCloud
from tests.provider.process import ProviderProcess


class Colour(Enum):
    RED = "red"


FOUND = cph.FoundPhone("a", "phone", "server", "running")
F, P = cph.FleetPower, cph.PhonePower
later = pulumi.Output.from_input


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    folder = tmp_path_factory.mktemp("provider")
    with ForeignCloud(1, secret_key=SECRET_KEY) as cloud, ProviderProcess(folder, cloud) as provider:
        yield provider
        assert (cloud.gets, cloud.posts, cloud.violations) == (0, [], [])
        assert provider.heard() == []


Case = tuple[type, Callable[[], dict[str, Any]], str]
WORDS = "is not one of running, stopped"
CASES: list[Case] = [
    (F, lambda: {"phones": {"a": "off", "b": "stopped"}}, f"phone a: power state 'off' {WORDS}"),
    (F, lambda: {"phones": {"a": later("off")}}, f"phone a: power state 'off' {WORDS}"),
    (F, lambda: {"phones": {"a": "Stopped"}}, f"phone a: power state 'Stopped' {WORDS}"),
    (F, lambda: {"phones": {"a": ""}}, f"phone a: power state '' {WORDS}"),
    (F, lambda: {"phones": {"a": True}}, f"phone a: power state True {WORDS}"),
    (F, lambda: {"phones": {"a": "stopping"}}, f"phone a: power state 'stopping' {WORDS}"),
    (F, lambda: {"phones": {"a": None, "b": "stopped"}}, "phone a: power state"),
    (F, lambda: {"phones": {"a": later(None)}}, "phone a: power state"),
    (F, lambda: {"phone_ids": ["a"], "power_state": later(None)}, "power state"),
    (F, lambda: {"phone_ids": ["a", "b", "c"], "power_state": "off"}, f"power state 'off' {WORDS}"),
    (F, lambda: {"phone_ids": ["a"], "power_state": later("off")}, f"phone a: power state 'off' {WORDS}"),
    (F, lambda: {"phones": {"": "stopped"}}, "an id in phones is empty"),
    (F, lambda: {"phone_ids": ["a", " "], "power_state": "stopped"}, "is empty"),
    (F, lambda: {"phones": {"a": "stopped", " a": "running"}}, "phone a is declared twice"),
    (F, lambda: {"phones": {"a": "stopped"}, "phone_ids": ["a"]}, "phones and phone_ids exclude each other"),
    (F, lambda: {"phones": {}, "phone_ids": [], "power_state": "stopped"}, "phones and phone_ids exclude each other"),
    (F, lambda: {"phones": {"a": "stopped"}, "power_state": "stopped"}, "power_state goes with phone_ids"),
    (F, lambda: {"phone_ids": ["a"]}, "phone_ids needs power_state"),
    (F, lambda: {"power_state": "stopped"}, "phones is missing"),
    (F, dict, "phones is missing"),
    (F, lambda: {"phones": ["a"]}, "phones must be a mapping"),
    (F, lambda: {"phones": "a"}, "phones must be a mapping"),
    (F, lambda: {"phone_ids": "abc", "power_state": "stopped"}, "phone_ids"),
    (F, lambda: {"phone_ids": [7], "power_state": "stopped"}, "phone_ids must hold ids of phones, not 7"),
    (F, lambda: {"phone_ids": ["a", None], "power_state": "stopped"}, "phone_ids must hold ids of phones"),
    (F, lambda: {"phone_ids": [FOUND], "power_state": "stopped"}, "must hold ids of phones, not {'FoundPhone'"),
    (F, lambda: {"phone_ids": later([FOUND]), "power_state": "stopped"}, "must hold ids of phones, not {'FoundPhone'"),
    (F, lambda: {"phone_ids": {"a": "running"}, "power_state": "stopped"}, "must hold ids of phones, not {'dict'"),
    (
        F,
        lambda: {"phone_ids": later({"a": "running"}), "power_state": "stopped"},
        "must hold ids of phones, not {'dict'",
    ),
    (F, lambda: {"phone_ids": range(3), "power_state": "stopped"}, "phone_ids must hold ids of phones, not 0"),
    (F, lambda: {"phones": {1: "stopped"}}, "must hold ids of phones, not {'int': '1'}"),
    (F, lambda: {"phones": {None: "stopped"}}, "must hold ids of phones, not {'NoneType': 'None'}"),
    (F, lambda: {"phones": {"\ud800": "stopped"}}, "must hold ids of phones, not {'str'"),
    (F, lambda: {"phones": {"a": Colour.RED}}, "phone a: power state {'Colour'"),
    (F, lambda: {"phones": {"a": "stopped"}, "max_changes": "9" * 400}, "max_changes must be a number of phones"),
    (P, lambda: {"phone_id": b"a", "power_state": "stopped"}, "phone_id must be the id of a phone, not {'bytes'"),
    (F, lambda: {"phones": {"a": "stopped"}, "on_delete": "keep"}, "on_delete 'keep' is not one of leave, start, stop"),
    (F, lambda: {"phones": {"a": "stopped"}, "region": " "}, "region must be"),
    (F, lambda: {"phones": {"a": "stopped"}, "project_id": 7}, "project_id must be"),
    (P, lambda: {"phone_id": "a", "power_state": "off"}, f"power state 'off' {WORDS}"),
    (P, lambda: {"phone_id": "a", "power_state": later("off")}, f"power state 'off' {WORDS}"),
    (P, lambda: {"phone_id": "a", "power_state": None}, "power state nothing"),
    (P, lambda: {"phone_id": "a", "power_state": "frozen"}, f"power state 'frozen' {WORDS}"),
    (P, lambda: {"phone_id": "", "power_state": "stopped"}, "phone_id must be the id of a phone, not ''"),
    (P, lambda: {"phone_id": None, "power_state": "stopped"}, "phone_id must be the id of a phone"),
    (P, lambda: {"phone_id": 7, "power_state": "stopped"}, "phone_id must be the id of a phone"),
    (P, lambda: {"phone_id": "a", "power_state": "stopped", "on_delete": "x"}, "on_delete 'x' is not one of"),
    (P, lambda: {"phone_id": "a", "power_state": "stopped", "on_refused": "x"}, "on_refused 'x' is not one of"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__[0]}-{case[2][:40]}")
def test_a_wrong_value_gets_one_sentence(provider: ProviderProcess, case: Case) -> None:
    make, arguments, sentence = case

    checked = provider.check(make.__name__, "x", sent_by(lambda: make("x", **arguments())))

    [(_, reason)] = checked.failures
    assert sentence in reason
    assert "\n" not in reason
    assert len(reason) < 200


@pytest.mark.parametrize("make", [F, P])
def test_an_unknown_argument_is_a_type_error(make: Any) -> None:
    with pytest.raises(TypeError, match="colour"):
        make("x", power_state="stopped", **{"phone_id": "a"} if make is P else {}, colour="red")


def test_a_missing_argument_of_a_single_phone_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="phone_id"):
        P("x", power_state="stopped")  # type: ignore[call-arg]


def sent_by(program: Callable[[], Any]) -> dict[str, Any]:
    """The properties that a program with one resource sends to the engine."""
    sent: list[dict[str, Any]] = []

    class Recorder(pulumi.runtime.Mocks):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
            sent.append(args.inputs)
            return "id", {}

        def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
            return {}

    loop = asyncio.new_event_loop()
    # The failed outputs are dropped unread; told of that, asyncio would print a traceback from within the collector.
    loop.set_exception_handler(lambda *_: None)
    asyncio.set_event_loop(loop)
    try:
        pulumi.runtime.set_mocks(Recorder())
        with contextlib.suppress(Exception):  # the mocks take wrong values for an engine's answer
            pulumi.runtime.test(program)()
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    [properties] = sent
    return {key: value for key, value in properties.items() if key != "__provider"}
