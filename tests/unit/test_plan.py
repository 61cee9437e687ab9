"""What is to be done with each phone: the table, and what is made of it."""

from __future__ import annotations

import pytest

from pulumi_cph import status as st
from pulumi_cph.plan import POWERS, decide, in_turn, on_path, plan, verb_for

TABLE = {
    # status: (running wanted, stopped wanted)
    st.RUNNING: ("already", "stop"),
    st.STOPPED: ("start", "already"),
    st.STOPPING: ("wait", "join"),
    st.RESTARTING: ("join", "wait"),
    st.CREATING: ("join", "wait"),
    st.RESETTING: ("join", "wait"),
    st.STOP_FAILED: ("refuse", "stop"),
    st.RESTART_FAILED: ("start", "refuse"),
    st.FROZEN: ("refuse", "refuse"),
    st.ABNORMAL: ("refuse", "refuse"),
    st.RESET_FAILED: ("refuse", "refuse"),
    st.CREATE_FAILED: ("refuse", "refuse"),
    st.MISSING: ("refuse", "refuse"),
    "unknown-5": ("refuse", "refuse"),
}


@pytest.mark.parametrize("status", TABLE)
def test_what_a_status_allows(status: str) -> None:
    decisions = [decide(power, status) for power in ("running", "stopped")]

    assert tuple(decision.action for decision in decisions) == TABLE[status]
    for decision in decisions:
        assert bool(decision.reason) == (decision.action == "refuse"), "a refusal has a reason, nothing else has"


def test_every_published_number_has_a_row_in_the_table() -> None:
    words = {st.word_of(number) for number in (0, 1, 2, 3, 4, 6, 7, 8, -5, -6, -7, -8, -9)}

    assert words | {st.MISSING, "unknown-5"} == TABLE.keys()


@pytest.mark.parametrize("number", [5, 9, 10, -1, -10, 99])
def test_a_number_that_is_not_published_is_never_taken_for_stopped(number: int) -> None:
    word = st.word_of(number)

    assert word == f"unknown-{number}"
    assert {decide(power, word).action for power in POWERS} == {"refuse"}


def test_a_running_phone_is_never_started_whatever_is_wanted() -> None:
    assert {decide(power, st.RUNNING).action for power in POWERS}.isdisjoint({"start", "wait"})


def test_the_statuses_between_a_request_and_its_end_are_on_the_path() -> None:
    on = {power: {status for status in TABLE if on_path(power, status)} for power in POWERS}

    assert on == {"running": {st.RESTARTING, st.RUNNING}, "stopped": {st.STOPPING, st.STOPPED}}


def test_each_power_state_has_its_call() -> None:
    assert {power: verb_for(power) for power in POWERS} == {"running": "start", "stopped": "stop"}


def test_a_plan_keeps_the_order_and_takes_an_unseen_phone_for_missing() -> None:
    made = plan({"b": "stopped", "a": "running", "c": "stopped"}, {"a": st.RUNNING, "b": st.RUNNING})

    assert [(s.phone_id, s.decision.action) for s in made.steps] == [
        ("b", "stop"),
        ("a", "already"),
        ("c", "refuse"),
    ]


def test_changes_are_the_phones_that_get_a_request_now_or_once_settled() -> None:
    made = plan(
        {"off": "stopped", "on": "running", "later": "running", "joined": "stopped", "there": "stopped"},
        {
            "off": st.RUNNING,
            "on": st.STOPPED,
            "later": st.STOPPING,
            "joined": st.STOPPING,
            "there": st.STOPPED,
        },
    )

    assert [step.phone_id for step in made.changes] == ["off", "on", "later"]
    assert not made.quiet


def test_a_plan_is_quiet_when_every_phone_is_where_it_should_be() -> None:
    made = plan({"a": "stopped", "b": "running"}, {"a": st.STOPPED, "b": st.RUNNING})

    assert made.quiet
    assert made.summary() == ""


def test_a_joined_phone_is_no_change_but_not_quiet_either() -> None:
    made = plan({"a": "stopped"}, {"a": st.STOPPING})

    assert (made.changes, made.quiet) == ([], False)
    assert made.summary() == "1 already on the way: a (stopping)"


def test_the_summary_names_few_phones_of_many() -> None:
    phones = [f"p{n}" for n in range(7)]
    made = plan(
        {**dict.fromkeys(phones, "stopped"), "there": "stopped", "cold": "stopped"},
        {**dict.fromkeys(phones, st.RUNNING), "there": st.STOPPED, "cold": st.FROZEN},
    )

    assert made.summary(most=3) == "7 to stop: p0, p1, p2 and 4 more; 1 already there"


@pytest.mark.parametrize(
    ("phones", "servers", "expected"),
    [
        ("abcd", {"a": "1", "b": "1", "c": "2", "d": "2"}, "acbd"),
        ("abcd", {"a": "1", "b": "1", "c": "1", "d": "2"}, "adbc"),
        ("abc", {}, "abc"),
        ("", {"a": "1"}, ""),
    ],
)
def test_phones_of_different_servers_come_in_turn(phones: str, servers: dict[str, str], expected: str) -> None:
    assert "".join(in_turn(phones, servers)) == expected
