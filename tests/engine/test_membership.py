"""Phones that join, leave and change their resource. A phone that another resource takes over is asked for nothing
more than its new declaration needs."""

from __future__ import annotations

import pytest

from tests.engine.harness import MakeCloud, MakeStack, start, stop, together

RUNNING, STOPPED = 2, 8
LATER = "the next up changes it"


def test_phones_are_added_to_a_fleet_and_taken_out_in_place(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(12)
    ways = dict(zip([None, "start", "stop"], (cloud.phone_ids[at : at + 4] for at in (0, 4, 8)), strict=True))
    program = """
        for way, (a, b, c, d) in {}.items():
            cph.FleetPower(f"fleet-{{way}}", phones={}, on_delete=way)
        """
    stack = new_stack(cloud, program.format(ways, "{a: 'stopped', b: 'stopped', d: 'running'}"))
    stack.up(no_preview_because=LATER)
    before = {way: stack.of(f"fleet-{way}")["job_ids"] for way in ways}

    stack.program = program.format(ways, "{b: 'stopped', c: 'stopped'}")
    up = stack.up()

    added = [c for _, _, c, _ in ways.values()]
    assert together(up.posts) == [start(ways["start"][0]), stop(*added, ways["stop"][3])]
    for way, (a, b, c, d) in ways.items():
        fleet = stack.of(f"fleet-{way}")
        assert fleet["statuses"] == {b: "stopped", c: "stopped"}
        assert set(fleet["job_ids"]) == {b, c}
        assert fleet["job_ids"][b] == before[way][b]
        assert cloud.status(a) == (RUNNING if way == "start" else STOPPED)
        assert cloud.status(d) == (STOPPED if way == "stop" else RUNNING)


@pytest.mark.parametrize("order", ["loser first", "winner first"])
def test_a_phone_moved_between_fleets_gets_no_request_more_than_its_new_fleet_needs(
    new_cloud: MakeCloud, new_stack: MakeStack, order: str
) -> None:
    cloud = new_cloud(6)
    a, b, c, d, e, f = cloud.phone_ids

    def program(night: list[str], day: list[str], other: list[str]) -> str:
        lines = [
            f"cph.FleetPower('night', phone_ids={night}, power_state='stopped', on_delete='start')",
            f"cph.FleetPower('day', phone_ids={day}, power_state='running', on_delete='stop')",
            f"cph.FleetPower('other', phone_ids={other}, power_state='stopped', on_delete='stop')",
        ]
        return "\n".join(lines if order == "loser first" else reversed(lines))

    stack = new_stack(cloud, program([a, b, c], [d, e], [f]))
    assert together(stack.up(no_preview_because=LATER).posts) == [stop(a, b, c, f)]

    # b goes on stopped in another fleet, c shall run, d shall stop; none is asked twice, b and e not at all.
    stack.program = program([a, d], [c, e], [b, f])
    up = stack.up()

    assert together(up.posts) == [start(c), stop(d)]
    assert stack.of("night")["statuses"] == {a: "stopped", d: "stopped"}
    assert stack.of("day")["statuses"] == {c: "running", e: "running"}
    assert stack.of("other")["statuses"] == {b: "stopped", f: "stopped"}
    assert max(len(accepted) for accepted in cloud.accepted.values()) == 2


def test_a_phone_moves_between_a_fleet_and_a_resource_of_its_own(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(3)
    a, b, c = cloud.phone_ids
    fleet = "cph.FleetPower('fleet', phone_ids={}, power_state='stopped', on_delete='start')\n"
    single = "cph.PhonePower('single', phone_id={!r}, power_state='stopped', on_delete='start')\n"
    stack = new_stack(cloud, fleet.format([a, b]) + single.format(c))
    stack.up(no_preview_because=LATER)

    stack.program = fleet.format([a, c]) + single.format(b)
    up = stack.up()
    assert up.posts == []
    assert stack.resources["single"]["id"] == b
    assert stack.of("fleet")["statuses"] == {a: "stopped", c: "stopped"}

    stack.program = fleet.format([a, b, c])
    assert stack.up(no_preview_because=LATER).posts == []
    assert set(stack.resources) == {"fleet"}

    stack.program = single.format(b)
    assert stack.up().posts == [start(a, c)]
    assert {cloud.status(a), cloud.status(c)} == {RUNNING}
    assert cloud.status(b) == STOPPED


def test_two_single_phones_swap_places_without_a_request(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(2)
    a, b = cloud.phone_ids
    program = """
        cph.PhonePower("one", phone_id="{}", power_state="{}", on_delete="start")
        cph.PhonePower("two", phone_id="{}", power_state="{}", on_delete="start")
        """
    stack = new_stack(cloud, program.format(a, "stopped", b, "stopped"))
    assert together(stack.up(no_preview_because=LATER).posts) == [stop(a, b)]

    stack.program = program.format(b, "stopped", a, "stopped")
    assert stack.up(no_preview_because=LATER).posts == []
    assert (stack.resources["one"]["id"], stack.resources["two"]["id"]) == (b, a)

    # Swapped once more, and one of them shall run.
    stack.program = program.format(a, "running", b, "stopped")
    assert stack.up().posts == [start(a)]
    assert stack.of("one")["status"] == "running"
    assert stack.of("two")["status"] == "stopped"


def test_two_fleets_of_one_program_share_requests(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(30)
    first, second = cloud.phone_ids[:15], cloud.phone_ids[15:]
    stack = new_stack(
        cloud,
        f"""
        cph.FleetPower("first", phone_ids={first}, power_state="stopped")
        cph.FleetPower("second", phone_ids={second}, power_state="stopped")
        """,
    )

    up = stack.up()

    assert together(up.posts) == [stop(*cloud.phone_ids)]
    assert set(stack.of("first")["job_ids"]) == set(first)
    assert set(stack.of("second")["job_ids"]) == set(second)
    for name in ("first", "second"):
        fleet = stack.of(name)
        assert set(fleet["request_ids"]) <= set(cloud.requests)
        assert fleet["request_ids"]


@pytest.mark.parametrize("refresh_always", [False, True], ids=["", "refresh: always"])
def test_a_phone_that_leaves_and_cannot_be_started_is_taken_up_again(
    new_cloud: MakeCloud, new_stack: MakeStack, refresh_always: bool
) -> None:
    cloud = new_cloud(3, initial="stopped")
    a, b, c = cloud.phone_ids
    program = "cph.FleetPower('fleet', phone_ids={}, power_state='stopped', on_delete='start')"
    stack = new_stack(cloud, program.format([a, b]), refresh_always=refresh_always)
    stack.up(no_preview_because=LATER)
    cloud.set_status(a, 6)
    cloud.set_status(c, RUNNING)

    stack.program = program.format([b, c])
    up = stack.up(rc=1)
    assert together(up.posts) == [stop(c)]
    [error] = up.errors
    assert a in error
    assert "frozen" in error

    cloud.set_status(a, STOPPED)
    assert stack.up().posts == [start(a)]
    assert stack.of("fleet")["statuses"] == {b: "stopped", c: "stopped"}
    assert stack.of("fleet")["failures"] == {}
