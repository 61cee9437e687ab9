"""Resources that get another name, phone or region, or are replaced on demand: the phones hardly notice."""

from __future__ import annotations

from tests.engine.harness import MakeCloud, MakeStack, Post, Stack, start, stop, together
from tests.foreign_cloud import ForeignCloud

RUNNING, STOPPED = 2, 8
LATER = "the next up changes it"


def test_a_rename_without_an_alias_sends_nothing_whatever_on_delete_says(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(4)
    a, b, c, d = cloud.phone_ids
    program = """
        cph.FleetPower("fleet-{0}", phone_ids={1}, power_state="stopped", on_delete="start")
        cph.FleetPower("awake-{0}", phone_ids={2}, power_state="running", on_delete="stop")
        cph.PhonePower("single-{0}", phone_id="{3}", power_state="stopped", on_delete="start")
        """
    stack = new_stack(cloud, program.format("old", [a, b], [d], c))
    stack.up(no_preview_because=LATER)

    stack.program = program.format("new", [a, b], [d], c)
    up = stack.up()

    assert up.posts == []
    assert set(stack.resources) == {"fleet-new", "awake-new", "single-new"}
    assert stack.of("fleet-new")["statuses"] == {a: "stopped", b: "stopped"}
    assert [cloud.status(phone_id) for phone_id in (a, b, c, d)] == [STOPPED, STOPPED, STOPPED, RUNNING]


def test_another_phone_id_replaces_the_resource_and_the_old_phone_is_treated_as_on_delete_says(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(4)
    a, b, c, d = cloud.phone_ids
    program = """
        cph.PhonePower("started", phone_id="{}", power_state="stopped", on_delete="start")
        cph.PhonePower("left", phone_id="{}", power_state="stopped")
        """
    stack = new_stack(cloud, program.format(a, c))
    stack.up(no_preview_because=LATER)

    stack.program = program.format(b, d)
    preview = stack.preview("--diff")
    assert "2 to replace" in preview.text
    up = stack.up()

    assert together(up.posts) == [start(a), stop(b, d)]
    assert stack.resources["started"]["id"] == b
    assert [cloud.status(phone_id) for phone_id in (a, b, c, d)] == [RUNNING, STOPPED, STOPPED, STOPPED]


def test_a_replacement_on_demand_does_not_start_the_phones_in_between(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(2)
    a, b = cloud.phone_ids
    program = f"""
        cph.FleetPower("fleet", phone_ids=["{a}"], power_state="stopped", on_delete="start")
        cph.PhonePower("single", phone_id="{b}", power_state="stopped", on_delete="start")
        """
    stack = new_stack(cloud, program)
    stack.up(no_preview_because=LATER)

    up = stack.up("--replace", stack.urn("FleetPower", "fleet"), "--replace", stack.urn("PhonePower", "single"))

    assert "2 replaced" in up.text
    assert up.posts == []
    assert {cloud.status(a), cloud.status(b)} == {STOPPED}


def test_another_region_replaces_the_resource_and_each_phone_is_asked_for_where_it_is(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    north = new_cloud(2)
    east = new_cloud(2, region="cn-east-3", project_id="e" * 32)  # with phones of the same ids
    a, b = north.phone_ids
    program = f"""
        cph.FleetPower("fleet", phone_ids=["{a}"], power_state="stopped", on_delete="start",
            region="{{0.region}}", project_id="{{0.project_id}}")
        cph.PhonePower("single", phone_id="{b}", power_state="stopped", on_delete="start",
            region="{{0.region}}", project_id="{{0.project_id}}")
        """
    stack = new_stack(north, program.format(north), others=[east], config={})
    _reach(stack, north, east)
    stack.up(no_preview_because=LATER)
    assert (_posts(north), _posts(east)) == ([stop(a, b)], [])

    stack.program = program.format(east)
    assert "2 to replace" in stack.preview().text
    north.posts.clear()
    stack.up()

    assert (_posts(north), _posts(east)) == ([start(a, b)], [stop(a, b)])
    assert stack.of("fleet")["region"] == "cn-east-3"
    assert stack.of("single")["project_id"] == "e" * 32


def test_another_region_in_the_configuration_replaces_what_it_means_and_only_that(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    north = new_cloud(2)
    east = new_cloud(2, region="cn-east-3", project_id="e" * 32)
    a, b = north.phone_ids
    program = f"""
        cph.PhonePower("by-configuration", phone_id="{a}", power_state="stopped")
        cph.PhonePower("by-itself", phone_id="{b}", power_state="stopped", region="{north.region}",
            project_id="{north.project_id}")
        """
    stack = new_stack(north, program, others=[east], refresh_always=True)
    stack.config = {"cph:region": north.region, "cph:projectId": north.project_id}
    _reach(stack, north, east)
    stack.up(no_preview_because=LATER)
    recorded = stack.resources["by-configuration"]["inputs"]
    assert (recorded["region"], recorded["project_id"]) == (north.region, north.project_id)
    assert _posts(north) == [stop(a, b)]
    north.posts.clear()

    stack.config = {"cph:region": east.region, "cph:projectId": east.project_id}
    assert "1 to replace" in stack.preview().text
    stack.up()

    assert (_posts(north), _posts(east)) == ([], [stop(a)])
    assert stack.of("by-itself")["region"] == north.region


def _reach(stack: Stack, *clouds: ForeignCloud) -> None:
    """Lead the stack to several regions, each at its own address."""
    assert stack.env is not None
    for cloud in clouds:
        name = cloud.region.upper().replace("-", "_")
        stack.env[f"HUAWEICLOUD_SDK_REGION_CPH_{name}"] = cloud.endpoint


def _posts(cloud: ForeignCloud) -> list[Post]:
    return together([(verb, sorted(ids)) for verb, ids in cloud.posts])
