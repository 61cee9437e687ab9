"""Phones that somebody else changed: seen and named by the next preview, repaired by the next `up`, for little."""

from __future__ import annotations

import re

import pytest

from tests.engine.harness import MakeCloud, MakeStack, Stack, start, stop, stop_elsewhere, together

RUNNING, FROZEN, STOPPED = 2, 6, 8


@pytest.fixture(params=[True])
def stack(request: pytest.FixtureRequest, new_cloud: MakeCloud, new_stack: MakeStack) -> Stack:
    """A fleet of three and a single phone, all stopped by an `up`."""
    cloud = new_cloud(4)
    *fleet, single = cloud.phone_ids
    program = f"""
        cph.FleetPower("fleet", phone_ids={fleet}, power_state="stopped")
        cph.PhonePower("single", phone_id="{single}", power_state="stopped")
        """
    stack = new_stack(cloud, program, refresh_always=request.param)
    stack.up(no_preview_because="the tests begin with one")
    return stack


both_ways = pytest.mark.parametrize("stack", [False, True], ids=["", "refresh: always"], indirect=True)


@both_ways
def test_drift_is_named_in_the_preview_and_repaired_with_one_request(stack: Stack) -> None:
    a, b, c, single = stack.cloud.phone_ids
    jobs = stack.of("fleet")["job_ids"]
    single_job = stack.of("single")["job_id"]
    stack.cloud.set_status(b, RUNNING)

    preview = stack.preview()
    assert f"1 to stop: {b}" in preview.text
    assert "fleet update" in preview.text
    assert "1 to update" in preview.text
    for other in (a, c, single):
        assert other not in preview.text
    assert ("[diff: ~phones]" in preview.text) == stack.refresh_always

    stack.cloud.set_status(single, RUNNING)
    refreshed = stack.preview("--refresh", "--diff")
    assert re.search(rf'~ {b} *: "running" => "stopped"', refreshed.text), refreshed.text
    assert re.search(r'~ power_state *: "running" => "stopped"', refreshed.text), refreshed.text

    up = stack.up(whole=True)
    assert together(up.posts) == [stop(b, single)]
    assert stack.of("single")["job_id"] not in {None, single_job}
    after = stack.of("fleet")["job_ids"]
    assert {a: after[a], c: after[c]} == {a: jobs[a], c: jobs[c]}
    assert after[b] != jobs[b]
    assert stack.cloud.jobs[after[b]][0] == b
    assert stack.of("fleet")["statuses"] == dict.fromkeys((a, b, c), "stopped")

    stack.preview("--expect-no-changes", "--refresh")


def test_a_refresh_records_what_it_saw_and_the_next_up_repairs_it(stack: Stack) -> None:
    a, b, c, single = stack.cloud.phone_ids
    before = stack.of("fleet")
    stack.cloud.set_status(a, RUNNING)
    stack.cloud.set_status(single, RUNNING)

    stack.refresh()

    fleet = stack.resources["fleet"]
    assert fleet["inputs"]["phones"] == {a: "running", b: "stopped", c: "stopped"}
    assert fleet["outputs"]["statuses"] == {a: "running", b: "stopped", c: "stopped"}
    assert fleet["outputs"]["counts"] == {"running": 1, "stopped": 2}
    assert fleet["outputs"]["job_ids"] == before["job_ids"]
    assert stack.resources["single"]["inputs"]["power_state"] == "running"
    assert stack.of("single")["status"] == "running"

    up = stack.up()
    assert sorted(phone_id for _, ids in up.posts for phone_id in ids) == sorted([a, single])


def test_a_phone_that_is_being_stopped_by_somebody_is_joined(stack: Stack) -> None:
    a, *_ = stack.cloud.phone_ids
    stack.cloud.set_status(a, RUNNING)
    stop_elsewhere(stack.cloud, a, seconds=6)

    preview = stack.preview()
    assert f"1 already on the way: {a} (stopping)" in preview.text

    assert stack.up().posts == []
    assert stack.of("fleet")["statuses"][a] == "stopped"


def test_a_phone_that_froze_is_told_of_and_costs_no_request(stack: Stack) -> None:
    a, *_ = stack.cloud.phone_ids
    stack.cloud.set_status(a, FROZEN)

    preview = stack.preview()
    [warning] = preview.warnings
    assert a in warning
    assert "frozen" in warning

    up = stack.up(rc=1)
    assert up.posts == []
    assert any(a in line and "frozen" in line for line in up.errors)

    stack.cloud.set_status(a, STOPPED)
    assert stack.up().posts == []


def test_declared_running_and_found_stopped_costs_one_restart(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(3)
    a, *_ = cloud.phone_ids
    program = f"""cph.FleetPower("fleet", phone_ids={cloud.phone_ids}, power_state="running")"""
    stack = new_stack(cloud, program, refresh_always=True)
    assert stack.up().posts == []
    cloud.set_status(a, STOPPED)

    assert f"1 to start: {a}" in stack.preview().text
    assert stack.up().posts == [start(a)]
    assert set(stack.of("fleet")["job_ids"]) == {a}
