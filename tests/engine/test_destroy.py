"""What becomes of phones whose resource goes: `on_delete` says it, and only of phones that nobody else declares."""

from __future__ import annotations

import pytest

from tests.engine.harness import MakeCloud, MakeStack, start, stop, together

FROZEN = 6
LATER = "it is destroyed at once"


@pytest.mark.parametrize(("declared", "verb"), [("stopped", start), ("running", stop)])
def test_destroy_does_what_on_delete_says(
    new_cloud: MakeCloud, new_stack: MakeStack, declared: str, verb: object
) -> None:
    assert callable(verb)
    cloud = new_cloud(16, initial=declared)
    ways = [None, "leave", "start", "stop"]
    fleets = dict(zip(ways, zip(cloud.phone_ids[:8:2], cloud.phone_ids[1:8:2], strict=True), strict=True))
    singles = dict(zip(ways, cloud.phone_ids[8:12], strict=True))
    program = f"""
        for way, phones in {fleets}.items():
            cph.FleetPower(f"fleet-{{way}}", phone_ids=phones, power_state="{declared}", on_delete=way)
        for way, phone in {singles}.items():
            cph.PhonePower(f"single-{{way}}", phone_id=phone, power_state="{declared}", on_delete=way)
        """
    stack = new_stack(cloud, program, refresh_always=declared == "running")
    assert stack.up(no_preview_because=LATER).posts == []

    destroy = stack.destroy()

    way = "start" if declared == "stopped" else "stop"
    assert together(destroy.posts) == [verb(*fleets[way], singles[way])]
    # A delete has nowhere to save a job: its request is in the log.
    for request_id in cloud.requests:
        assert request_id in destroy.text


def test_destroy_asks_for_no_phone_that_is_there_already_or_gone(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(3, initial="stopped")
    a, b, c = cloud.phone_ids
    program = f"""
        cph.FleetPower("f", phone_ids={[a, b]}, power_state="stopped", on_delete="start")
        cph.PhonePower("p", phone_id="{c}", power_state="stopped", on_delete="start")
        """
    stack = new_stack(cloud, program)
    stack.up(no_preview_because=LATER)
    cloud.set_status(a, 2)
    cloud.phone_ids.remove(c)
    del cloud.phones[c]

    assert stack.destroy().posts == [start(b)]


def test_a_destroy_that_cannot_start_a_frozen_phone_says_so_and_can_be_repeated(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(2, initial="stopped")
    a, b = cloud.phone_ids
    stack = new_stack(cloud, f"cph.FleetPower('f', phone_ids={[a, b]}, power_state='stopped', on_delete='start')")
    stack.up(no_preview_because=LATER)
    cloud.set_status(a, FROZEN)

    destroy = stack.destroy(rc=1)
    assert destroy.posts == [start(b)]
    [error] = destroy.errors
    assert f"phone {a}" in error
    assert "frozen" in error
    assert "f" in stack.resources

    cloud.set_status(a, 8)
    assert stack.destroy().posts == [start(a)]
