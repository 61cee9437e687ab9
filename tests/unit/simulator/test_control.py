"""The control endpoint, without a network."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from pulumi_cph.simulator import Cloud, Request
from pulumi_cph.simulator.control import control
from tests.unit.simulator.builders import Stage, codes


def ask(stage: Stage, path: str, body: object = None) -> tuple[int, Any]:
    """GET, or POST when there is a body."""
    name, _, query = path.partition("?")
    content = b"" if body is None else json.dumps(body).encode()
    method = "GET" if body is None else "POST"
    response = control(stage.cloud, Request(method, f"/_control/{name}", query, {}, content))
    return response.status, response.json()


def done(stage: Stage, path: str, body: object = None) -> Any:
    status, content = ask(stage, path, body)
    assert status == 200, content
    return content


def test_the_state_counts_phones_jobs_and_requests() -> None:
    stage = Stage(3, running=0.67)
    stage.stop(stage.ids[0])
    state = done(stage, "state")
    region = state["regions"]["cn-north-4"]
    assert (region["phones"], region["by_status"], region["jobs_running"]) == (3, {"2": 1, "7": 1, "8": 1}, 1)
    assert state["requests"] == {"batch-stop": 1} == done(stage, "stats")
    assert state["options"]["job_seconds"] == 10


def test_phones_are_set_added_and_removed() -> None:
    stage = Stage(2)
    first, second = stage.ids
    added = done(stage, "phones", {"set": {first: 6}, "remove": [second], "add": 1})["added"]
    assert [(each["phone_id"], each["status"]) for each in done(stage, "phones")["phones"]] == [
        (first, 6),
        (added[0], 2),
    ]


def test_a_phone_settles_after_a_while() -> None:
    stage = Stage()
    done(stage, "phones", {"set": {stage.ids[0]: 1}, "then": 2, "after": 30})
    assert stage.shown(stage.ids[0]) == 1
    done(stage, "clock", {"step": 30})
    assert stage.shown(stage.ids[0]) == 2


def test_refusals_and_failures_are_ordered_and_cleared() -> None:
    stage = Stage()
    first, second, _ = stage.ids
    done(stage, "refuse", {"phone_ids": [first], "code": "CPS.0042", "times": None})
    done(stage, "fail-jobs", {"phone_ids": [second], "code": "CPS.0054"})
    assert codes(stage.stop(first, second)) == ["CPS.0042", "job"]
    stage.step(10)
    assert stage.shown(second) == -9
    done(stage, "clear", {})
    assert codes(stage.stop(first)) == ["job"]


def test_faults_and_options_are_set() -> None:
    stage = Stage()
    done(stage, "faults", {"kind": "error", "status": 500})
    done(stage, "options", {"post_status": 201})
    assert [stage.stop(stage.ids[0]).status for _ in range(2)] == [500, 201]
    assert done(stage, "faults")["faults"][0]["seen"] == 2
    assert done(stage, "options")["post_status"] == 201


def test_the_log_is_read_and_cleared() -> None:
    stage = Stage()
    stage.get("/phones")
    stage.stop(stage.ids[0])
    assert [each["phones"] for each in done(stage, "log?call=batch-stop")["log"]] == [[stage.ids[0]]]
    done(stage, "clear-log", {})
    assert done(stage, "log")["log"] == []
    assert stage.world.history.requests == []


def test_a_reset_begins_again_with_the_same_phones() -> None:
    stage = Stage()
    ids = stage.ids
    stage.stop(ids[0])
    done(stage, "reset", {})
    assert stage.ids == ids
    assert stage.shown(ids[0]) == 2


@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        ("options", {"nothing": 1}, "no option"),
        ("faults", {"kind": "x"}, "kind is one of"),
        ("phones", {"set": {"f" * 32: 2}}, "CPS.0005"),
        ("phones", {"region": "mars"}, "no region 'mars'"),
        ("refuse", {"phone_ids": []}, "code"),
        ("options", [1], "not a JSON object"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(path: str, body: object, complaint: str) -> None:
    status, content = ask(Stage(), path, body)
    assert (status, complaint in content["error"]) == (400, True), content


def test_an_unknown_call_is_answered_with_the_known_ones() -> None:
    status, content = ask(Stage(), "nothing")
    assert status == 404
    assert "GET /_control/state" in content["calls"]


def test_a_clock_that_runs_by_itself_is_not_stepped() -> None:
    request = Request("POST", "/_control/clock", "", {}, b'{"step": 1}')
    response = control(Cloud(clock=time.time), request)
    assert (response.status, "cannot be stepped" in response.json()["error"]) == (400, True)
