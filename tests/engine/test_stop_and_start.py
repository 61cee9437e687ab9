"""The main job: phones declared stopped are stopped, those declared running run, and their job ids come out."""

from __future__ import annotations

import json

import pytest

from tests.engine.harness import MakeCloud, MakeStack, start, stop, stop_elsewhere

RUNNING, STOPPED = 2, 8


@pytest.mark.parametrize("refresh_always", [False, True], ids=["", "refresh: always"])
def test_a_fleet_is_stopped_and_its_job_ids_come_out(
    new_cloud: MakeCloud, new_stack: MakeStack, refresh_always: bool
) -> None:
    cloud = new_cloud(130)
    stack = new_stack(
        cloud,
        f"""
        fleet = cph.FleetPower("fleet", phone_ids={cloud.phone_ids}, power_state=cph.PowerState.STOPPED)
        pulumi.export("jobs", fleet.job_ids)
        pulumi.export("counts", fleet.counts)
        """,
        refresh_always=refresh_always,
    )

    preview = stack.preview()
    assert "130 to stop" in preview.text

    up = stack.up(whole=True)
    assert [len(ids) for _, ids in up.posts] == [100, 30]
    assert {verb for verb, _ in up.posts} == {"batch-stop"}
    assert {cloud.status(phone_id) for phone_id in cloud.phone_ids} == {STOPPED}

    fleet = stack.of("fleet")
    assert set(fleet["job_ids"]) == set(cloud.phone_ids)
    assert {cloud.jobs[job_id][0] for job_id in fleet["job_ids"].values()} == set(cloud.phone_ids)
    assert set(fleet["request_ids"]) == set(cloud.requests)
    assert fleet["counts"] == {"stopped": 130}
    assert fleet["failures"] == {}
    assert stack.outputs == {"jobs": fleet["job_ids"], "counts": {"stopped": 130}}
    assert stack.resources["fleet"]["inputs"]["phones"] == dict.fromkeys(cloud.phone_ids, "stopped")
    assert fleet["region"] == cloud.region
    assert fleet["project_id"] == cloud.project_id

    assert stack.up(no_preview_because="it was empty a moment ago").posts == []
    assert stack.of("fleet") == fleet


def test_single_phones_share_requests_and_each_has_its_own_job_id(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(25)
    stack = new_stack(
        cloud,
        f"""
        powers = [cph.PhonePower("p-" + id, phone_id=id, power_state="stopped") for id in {cloud.phone_ids}]
        pulumi.export("jobs", pulumi.Output.all(*[power.job_id for power in powers]))
        """,
    )

    up = stack.up("--parallel", "40")
    assert len(up.posts) <= 4
    assert sorted(phone_id for _, ids in up.posts for phone_id in ids) == sorted(cloud.phone_ids)

    outputs = [resource["outputs"] for resource in stack.resources.values()]
    assert len({each["job_id"] for each in outputs}) == 25
    assert all(cloud.jobs[each["job_id"]][0] == each["phone_id"] for each in outputs)
    assert {each["request_id"] for each in outputs} == set(cloud.requests)
    assert {each["status"] for each in outputs} == {"stopped"}
    assert {resource["id"] for resource in stack.resources.values()} == set(cloud.phone_ids)
    assert sorted(stack.outputs["jobs"]) == sorted(cloud.jobs)


def test_running_brings_phones_back_and_restarts_none_that_runs(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(4, initial="stopped")
    a, b, c, d = cloud.phone_ids
    cloud.set_status(b, RUNNING)
    cloud.set_status(d, RUNNING)
    stack = new_stack(
        cloud,
        f"""
        cph.FleetPower("fleet", phones={{"{a}": "running", "{b}": cph.PowerState.RUNNING}})
        cph.PhonePower("c", phone_id="{c}", power_state="running")
        cph.PhonePower("d", phone_id="{d}", power_state="running")
        """,
    )

    up = stack.up()

    assert sorted(phone_id for _, ids in up.posts for phone_id in ids) == sorted([a, c])
    assert {verb for verb, _ in up.posts} == {"batch-restart"}
    assert set(stack.of("fleet")["job_ids"]) == {a}
    assert stack.of("c")["job_id"] in cloud.jobs
    assert stack.of("d").get("job_id") is None
    assert stack.of("d")["status"] == "running"


def test_a_changed_power_state_costs_one_request_for_the_phone_that_changed(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(3)
    a, b, c = cloud.phone_ids
    program = 'cph.FleetPower("fleet", phones={})'
    states = {a: "stopped", b: "stopped", c: "running"}
    stack = new_stack(cloud, program.format(states))
    assert stack.up().posts == [stop(a, b)]
    jobs = stack.of("fleet")["job_ids"]

    states[a] = "running"
    stack.program = program.format(states)
    preview = stack.preview("--diff")
    assert f'"{a}"' in preview.text or a in preview.text
    assert '"stopped" => "running"' in preview.text
    assert stack.up().posts == [start(a)]

    after = stack.of("fleet")["job_ids"]
    assert after[b] == jobs[b]
    assert after[a] != jobs[a]
    assert after[a] in cloud.jobs
    assert c not in after


def test_a_phone_on_its_way_is_joined_and_not_asked_again(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(2)
    a, b = cloud.phone_ids
    stack = new_stack(cloud, f"""cph.FleetPower("fleet", phone_ids=["{a}", "{b}"], power_state="stopped")""")
    stop_elsewhere(cloud, a, seconds=8.0)

    up = stack.up()

    assert up.posts == [stop(b)]
    assert set(stack.of("fleet")["job_ids"]) == {b}
    assert stack.of("fleet")["statuses"] == {a: "stopped", b: "stopped"}


def test_an_empty_fleet_is_legal_and_costs_nothing(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(1)
    stack = new_stack(
        cloud,
        """
        cph.FleetPower("by-map", phones={})
        cph.FleetPower("by-list", phone_ids=[], power_state="stopped")
        """,
    )

    assert stack.up().posts == []
    assert stack.of("by-map")["counts"] == {}
    assert stack.resources["by-list"]["inputs"]["phones"] == {}
    assert stack.destroy().posts == []


def test_the_plan_stands_at_the_resource_in_a_preview(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(3)
    a, b, _ = cloud.phone_ids
    cloud.set_status(b, STOPPED)
    stack = new_stack(cloud, f"""cph.FleetPower("fleet", phone_ids={cloud.phone_ids}, power_state="stopped")""")

    found = stack.preview("--json")

    diagnostics = json.loads(found.text)["diagnostics"]
    [line] = [each for each in diagnostics if each["severity"] == "info"]
    assert line["urn"] == stack.urn("FleetPower", "fleet")
    assert line["message"].startswith("2 to stop: ")
    assert a in line["message"]
    assert "1 already there" in line["message"]
