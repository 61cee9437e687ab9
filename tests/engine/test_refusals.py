"""Phones that cannot be helped, requests and jobs that fail, waits that end: the rest is done, all is said, all is
saved, and the next `up` takes up only what is left."""

from __future__ import annotations

import pytest

from tests.engine.harness import MakeCloud, MakeStack, stop, together
from tests.foreign_cloud import hex_id

RUNNING, FROZEN, STOPPED = 2, 6, 8
MISSING = hex_id("a phone that was never there")


@pytest.mark.parametrize("refresh_always", [False, True], ids=["", "refresh: always"])
def test_frozen_and_missing_phones_do_not_keep_the_others_from_being_stopped(
    new_cloud: MakeCloud, new_stack: MakeStack, refresh_always: bool
) -> None:
    cloud = new_cloud(4)
    a, b, c, d = cloud.phone_ids
    cloud.set_status(b, FROZEN)
    cloud.set_status(d, FROZEN)
    program = """
        cph.FleetPower("fleet", phone_ids={}, power_state="stopped")
        cph.PhonePower("single", phone_id="{}", power_state="stopped")
        cph.PhonePower("frozen", phone_id="{}", power_state="stopped")
        """
    stack = new_stack(cloud, program.format([a, b, MISSING], c, d), refresh_always=refresh_always)

    preview = stack.preview()
    assert "to stop: " + a in preview.text
    for phone_id, word in ((b, "frozen"), (d, "frozen"), (MISSING, "no such phone")):
        assert any(phone_id in line and word in line for line in preview.warnings)
    assert len(preview.warnings) == 3

    up = stack.up(rc=1, whole=True)
    assert together(up.posts) == [stop(a, c)]
    for phone_id, word in ((b, "frozen"), (d, "frozen"), (MISSING, "no such phone")):
        assert any(phone_id in line and word in line for line in up.errors)
    assert len(up.errors) == 3

    fleet = stack.of("fleet")
    assert set(fleet["job_ids"]) == {a}
    assert fleet["statuses"] == {a: "stopped", b: "frozen", MISSING: "missing"}
    assert fleet["counts"] == {"frozen": 1, "missing": 1, "stopped": 1}
    assert set(fleet["failures"]) == {b, MISSING}
    assert stack.of("frozen")["status"] == "frozen"
    assert stack.of("single")["job_id"] in cloud.jobs

    cloud.set_status(b, RUNNING)
    cloud.set_status(d, STOPPED)
    stack.program = program.format([a, b], c, d)
    again = stack.up()
    assert again.posts == [stop(b)]
    assert again.warnings == []
    assert stack.of("fleet")["failures"] == {}
    assert stack.of("fleet")["job_ids"][a] == fleet["job_ids"][a]
    assert set(stack.of("fleet")["job_ids"]) == {a, b}
    assert "initErrors" not in stack.resources["fleet"]


def test_a_refused_phone_may_be_only_a_warning(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(4)
    a, b, c, d = cloud.phone_ids
    cloud.set_status(a, FROZEN)
    cloud.set_status(c, FROZEN)
    program = f"""
        for id in {[a, b, MISSING]}:
            cph.PhonePower(id, phone_id=id, power_state="stopped", on_refused="warn")
        cph.FleetPower("fleet", phone_ids={[c, d]}, power_state="stopped", on_refused="warn")
        """
    stack = new_stack(cloud, program)

    up = stack.up()
    assert together(up.posts) == [stop(b, d)]
    assert any(c in line and "frozen" in line for line in up.warnings)
    assert set(stack.of("fleet")["failures"]) == {c}
    assert any(a in line and "frozen" in line for line in up.warnings)
    assert any(MISSING in line for line in up.warnings)
    assert stack.of(a)["status"] == "frozen"
    assert stack.of(MISSING)["status"] == "missing"

    stack.preview("--expect-no-changes", "--refresh")
    stack.refresh()
    stack.preview("--expect-no-changes")

    cloud.set_status(a, RUNNING)
    cloud.set_status(c, RUNNING)
    assert together(stack.up().posts) == [stop(a, c)]
    assert stack.of(a)["status"] == "stopped"
    assert stack.of("fleet")["failures"] == {}


def test_a_job_that_fails_names_phone_code_and_message(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(3)
    a, b, c = cloud.phone_ids
    program = f"""
        cph.FleetPower("fleet", phone_ids={[a, b]}, power_state="stopped")
        cph.PhonePower("single", phone_id="{c}", power_state="stopped")
        """
    stack = new_stack(cloud, program)
    cloud.fail_jobs([b, c], "CPS.0054", "Handle job timeout.")

    up = stack.up(rc=1)
    assert together(up.posts) == [stop(a, b, c)]
    for phone_id in (b, c):
        assert any(all(w in line for w in (phone_id, "CPS.0054", "Handle job timeout.")) for line in up.errors)
    assert not any(a in line for line in up.errors)
    fleet, single = stack.of("fleet"), stack.of("single")
    assert fleet["statuses"] == {a: "stopped", b: "stop-failed"}
    assert "CPS.0054 Handle job timeout." in fleet["failures"][b]
    assert set(fleet["job_ids"]) == {a, b}
    assert single["status"] == "stop-failed"
    assert single["job_id"] in cloud.jobs

    cloud.clear_faults()
    for phone_id in (b, c):
        cloud.set_status(phone_id, RUNNING)
    again = stack.up()
    assert together(again.posts) == [stop(b, c)]
    after = stack.of("fleet")["job_ids"]
    assert after[a] == fleet["job_ids"][a]
    assert after[b] != fleet["job_ids"][b]
    assert stack.of("fleet")["failures"] == {}


def test_a_phone_refused_inside_an_accepted_request_is_named(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(3)
    a, b, c = cloud.phone_ids
    program = f"""
        cph.FleetPower("fleet", phone_ids={[a, b]}, power_state="stopped")
        cph.PhonePower("single", phone_id="{c}", power_state="stopped", on_refused="warn")
        """
    stack = new_stack(cloud, program)
    cloud.refuse([b, c], "CPS.1028", "Server is frozen.")

    up = stack.up(rc=1)
    [error] = up.errors
    assert all(word in error for word in (b, "CPS.1028", "Server is frozen."))
    assert any(c in line and "CPS.1028" in line for line in up.warnings)
    fleet = stack.of("fleet")
    assert set(fleet["job_ids"]) == {a}
    assert fleet["statuses"] == {a: "stopped", b: "running"}
    assert fleet["failures"][b].startswith("CPS.1028 Server is frozen.")
    assert "initErrors" not in stack.resources["single"]

    cloud.clear_faults()
    assert together(stack.up().posts) == [stop(b, c)]
    assert stack.of("fleet")["job_ids"][a] == fleet["job_ids"][a]


def test_a_wait_that_ends_shows_the_phones_as_stopping_and_the_next_up_joins_them(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(2, job_seconds=9.0, job_spread=0.0)
    a, b = cloud.phone_ids
    program = f"""
        cph.FleetPower("fleet", phone_ids=["{a}"], power_state="stopped",
            opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="2s")))
        cph.PhonePower("single", phone_id="{b}", power_state="stopped")
        """
    stack = new_stack(cloud, program)
    assert stack.config is not None
    stack.config["cph:timeout"] = "3s"

    up = stack.up(rc=1)
    assert together(up.posts) == [stop(a, b)]
    assert len(up.errors) == 2
    for phone_id in (a, b):
        [line] = [line for line in up.errors if phone_id in line]
        assert "time to wait is over" in line
    fleet, single = stack.of("fleet"), stack.of("single")
    assert fleet["statuses"] == {a: "stopping"}
    assert single["status"] == "stopping"
    assert fleet["job_ids"][a] in cloud.jobs
    assert single["job_id"] in cloud.jobs

    del stack.config["cph:timeout"]
    again = stack.up()
    assert again.posts == []
    assert stack.of("fleet")["statuses"] == {a: "stopped"}
    assert stack.of("fleet")["job_ids"] == fleet["job_ids"]
    assert stack.of("fleet")["failures"] == {}
    assert stack.of("single")["job_id"] == single["job_id"]
    assert stack.of("single")["status"] == "stopped"
