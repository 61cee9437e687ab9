"""Injected faults: which requests they strike, whether the world acts first, and what goes over the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_cph.simulator import Fault
from pulumi_cph.simulator.faults import FOREIGN_ID, HUGE, KINDS
from pulumi_cph.simulator.wire import DROPPED_BEFORE_ANSWER
from tests.unit.simulator.builders import Stage, outcome


def stage_with(**fault: Any) -> Stage:
    stage = Stage()
    stage.cloud.faults.add(Fault.from_json(fault))
    return stage


def test_an_error_takes_the_place_of_the_answer() -> None:
    stage = stage_with(
        kind="error", status=503, code="APIGW.0613", message="IAM unavailable", headers={"retry-after": "3"}
    )
    response = stage.stop(stage.ids[0])
    assert outcome(response) == (503, "APIGW.0613")
    assert response.headers["retry-after"] == "3"
    assert stage.world.status(stage.ids[0]) == 2, "the world has not acted"


@pytest.mark.parametrize(("acted", "status"), [(False, 2), (True, 7)])
@pytest.mark.parametrize("kind", ["error", "drop", "html", "redirect"])
def test_the_world_acts_before_the_fault_when_told(kind: str, acted: bool, status: int) -> None:
    stage = stage_with(kind=kind, acted=acted)
    stage.stop(stage.ids[0])
    assert stage.world.status(stage.ids[0]) == status


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"error", "drop", "html", "redirect"}))
def test_the_world_always_acts_before_its_answer_is_changed(kind: str) -> None:
    stage = stage_with(kind=kind)
    stage.stop(stage.ids[0])
    assert stage.world.status(stage.ids[0]) == 7


def test_a_drop_sends_nothing() -> None:
    stage = stage_with(kind="drop")
    assert stage.get("/phones").sent == DROPPED_BEFORE_ANSWER
    (entry,) = stage.cloud.log
    assert (entry.status, entry.fault) == (0, "drop")


def test_a_cut_sends_half_of_the_body_and_a_truncated_answer_is_half_a_body() -> None:
    whole = Stage().get("/phones").body
    cut = stage_with(kind="cut").get("/phones")
    assert (cut.body, cut.sent) == (whole, len(whole) // 2)
    truncated = stage_with(kind="truncated").get("/phones")
    assert (truncated.body, truncated.sent) == (whole[: len(whole) // 2], None)


def test_delay_and_slowness_are_told_not_performed() -> None:
    assert stage_with(kind="delay", seconds=90).get("/phones").delay == 90
    assert stage_with(kind="slow").get("/phones").bytes_per_second == 1


def test_other_bodies() -> None:
    assert stage_with(kind="html", status=502).get("/phones").body.startswith(b"<html>")
    redirect = stage_with(kind="redirect", location="http://elsewhere.invalid/").get("/phones")
    assert (redirect.status, redirect.headers["location"]) == (302, "http://elsewhere.invalid/")
    huge = stage_with(kind="huge").get("/phones")
    assert len(huge.body) > HUGE
    assert list(huge.json()) == ["padding"]


def test_changed_bodies() -> None:
    def changed(kind: str) -> dict[str, Any]:
        stage = stage_with(kind=kind)
        answer: dict[str, Any] = stage.stop(*stage.ids[:2]).json()
        return answer

    assert "jobs" not in changed("no-jobs")
    assert len(changed("duplicate-entries")["jobs"]) == 4
    foreign = changed("foreign-entries")["jobs"]
    assert [each["phone_id"] == FOREIGN_ID for each in foreign] == [True, False, False]
    assert isinstance(changed("wrong-types")["jobs"], dict)
    assert stage_with(kind="lying-count").get("/phones").json()["count"] == 10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["/phones", "/phones/none", "/jobs?request_id=none"])
def test_every_fault_can_strike_every_answer(kind: str, path: str) -> None:
    stage = stage_with(kind=kind)
    stage.get(path)
    assert [entry.fault for entry in stage.cloud.log] == [kind]


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({}, [1, 0, 0, 0]),
        ({"times": 2}, [1, 1, 0, 0]),
        ({"times": None}, [1, 1, 1, 1]),
        ({"skip": 2}, [0, 0, 1, 0]),
        ({"call": "batch-stop"}, [0, 0, 1, 0]),
        ({"call": "batch-stop", "skip": 1}, [0, 0, 0, 1]),
        ({"method": "POST", "times": None}, [0, 0, 1, 1]),
        ({"phone_ids": ["other"], "times": None}, [0, 0, 0, 0]),
        ({"phone_ids": ["second"], "times": None}, [0, 1, 0, 1]),
    ],
)
def test_a_fault_strikes_the_requests_it_is_about(rule: dict[str, Any], struck: list[int]) -> None:
    stage = stage_with(kind="error", **rule)
    stage.get("/phones")
    stage.get("/phones/second")
    stage.stop("first")
    stage.stop("first", "second")
    assert [int(entry.fault == "error") for entry in stage.cloud.log] == struck


def test_faults_strike_one_after_the_other() -> None:
    stage = Stage()
    for status in (500, 502):
        stage.cloud.faults.add(Fault("error", status=status))
    assert [stage.get("/phones").status for _ in range(3)] == [500, 502, 200]


def test_a_request_that_is_not_let_in_uses_no_fault_up() -> None:
    stage = Stage(signature_required=True)
    stage.cloud.faults.add(Fault("drop"))
    assert outcome(stage.get("/phones")) == (401, "APIGW.0301")
    assert [each["seen"] for each in stage.cloud.faults.as_list()] == [0]


def test_a_fault_survives_json() -> None:
    fault = Fault("delay", call="list-jobs", phone_ids=("a",), times=None, seconds=2.5)
    assert Fault.from_json(json.loads(json.dumps(fault.as_dict()))) == fault


@pytest.mark.parametrize(
    ("values", "complaint"), [({"kind": "bang"}, "kind is one of"), ({"kind": "drop", "x": 1}, "'x'")]
)
def test_a_fault_that_makes_no_sense_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Fault.from_json(values)
