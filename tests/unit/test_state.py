"""How the resources' properties look in the state."""

from __future__ import annotations

from pulumi_cph.state import FleetShape, PhoneShape, Result

RESULT = Result(
    statuses={"a": "stopped", "b": "running"}, job_ids={"a": "j"}, requests={"a": "r"}, sent=["r"], failures={}
)


def test_a_fleet_s_outputs_are_by_phone() -> None:
    assert FleetShape().outputs(RESULT) == {
        "statuses": {"a": "stopped", "b": "running"},
        "counts": {"running": 1, "stopped": 1},
        "job_ids": {"a": "j"},
        "request_ids": ["r"],
        "failures": {},
    }


def test_a_fleet_s_earlier_result_comes_back_from_its_outputs() -> None:
    assert FleetShape().earlier(FleetShape().outputs(RESULT)) == Result(
        statuses=RESULT.statuses, job_ids=RESULT.job_ids, sent=["r"]
    )


def test_a_phone_s_outputs_are_plain_and_come_back() -> None:
    outputs = PhoneShape().outputs(Result(statuses={"a": "stopped"}, job_ids={"a": "j"}, requests={"a": "r"}))
    assert outputs == {"status": "stopped", "job_id": "j", "request_id": "r"}
    earlier = PhoneShape().earlier({"phone_id": "a", **outputs})
    assert (earlier.statuses, earlier.job_ids, earlier.requests) == ({"a": "stopped"}, {"a": "j"}, {"a": "r"})


def test_inputs_keep_what_was_given_and_nothing_else() -> None:
    props = {"phones": {"a": "running"}, "on_delete": "stop", "region": "r", "on_refused": None, "statuses": {}}
    assert FleetShape().with_phones(props, {"a": "stopped"}) == {
        "phones": {"a": "stopped"},
        "on_delete": "stop",
        "region": "r",
    }
