"""What a program may hand over: wrong values get one sentence at preview, the rest works in every form."""

from __future__ import annotations

import pytest

from tests.engine.harness import MakeCloud, MakeStack, start, stop, together

RUNNING, FROZEN, STOPPED = 2, 6, 8

# Every wrong value is in tests/provider/test_wrong_values.py; these show how it looks to a person.
WRONG = {
    "FleetPower('f', phones={'A': 'off', 'B': 'stopped'})": "phone A: power state 'off' is not one of running, stopped",
    "FleetPower('f', phones={'A': 'stopped', ' A': 'running'})": "phone A is declared twice: running and stopped",
    "FleetPower('f', phone_ids=['A'])": "phone_ids needs power_state: one of running, stopped",
    "PhonePower('p', phone_id='A', power_state='off')": "power state 'off' is not one of running, stopped",
    "PhonePower('p', phone_id='A', power_state='stopped', on_delete='keep')": "'keep' is not one of leave, start, stop",
}


@pytest.mark.parametrize("call", WRONG)
def test_a_wrong_value_gets_one_sentence_at_preview(new_cloud: MakeCloud, new_stack: MakeStack, call: str) -> None:
    cloud = new_cloud(2)
    a, b = cloud.phone_ids
    program = "cph." + call.replace("'A'", f"'{a}'").replace("' A'", f"' {a}'").replace("'B'", f"'{b}'")
    stack = new_stack(cloud, program)

    preview = stack.preview(rc=1)

    [error] = preview.errors
    assert error.endswith(WRONG[call].replace("phone A", f"phone {a}"))
    assert b not in preview.text  # the phones that are not wrong are not printed


@pytest.mark.parametrize(
    "second", ["cph.FleetPower('g', phones={'B': 'stopped', 'A': 'stopped'})", "cph.PhonePower('p', 'A', 'running')"]
)
def test_a_phone_that_two_resources_declare_is_named(new_cloud: MakeCloud, new_stack: MakeStack, second: str) -> None:
    cloud = new_cloud(2)
    a, b = cloud.phone_ids
    program = f"cph.FleetPower('f', phone_ids=['A'], power_state='stopped')\n{second}"
    stack = new_stack(cloud, program.replace("'A'", f"'{a}'").replace("'B'", f"'{b}'"))

    preview = stack.preview(rc=1)

    [error] = preview.errors
    assert f"phone {a}" in error
    assert b not in error
    assert "'f'" in error or "'g'" in error or "'p'" in error


def test_an_unknown_argument_is_a_type_error(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    stack = new_stack(
        new_cloud(1),
        """
        for make in (cph.FleetPower, cph.PhonePower):
            try:
                make("x", power_state="stopped", colour="red")
            except TypeError as error:
                print("TypeError:", error)
        """,
    )

    text = stack.preview().text
    for name in ("FleetPower", "PhonePower"):
        assert f"TypeError: {name}.__init__() got an unexpected keyword argument" in text


def test_equal_duplicates_are_one_phone_and_spaces_do_not_matter(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(3)
    a, b, c = cloud.phone_ids
    stack = new_stack(
        cloud,
        f"""
        cph.FleetPower("by-list", phone_ids=["{a}", "{a}"], power_state="stopped")
        cph.FleetPower("by-map", phones={{"{b}": "stopped", " {b} ": "stopped"}})
        cph.PhonePower("single", phone_id=" {c} ", power_state="stopped")
        """,
    )

    up = stack.up()

    assert sorted(phone_id for _, ids in up.posts for phone_id in ids) == sorted([a, b, c])
    assert stack.resources["by-list"]["inputs"]["phones"] == {a: "stopped"}
    assert stack.resources["by-map"]["inputs"]["phones"] == {b: "stopped"}
    assert stack.resources["single"]["id"] == c


def test_both_forms_of_a_fleet_are_the_same_in_the_state(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(2)
    a, b = cloud.phone_ids
    stack = new_stack(cloud, f"cph.FleetPower('f', phone_ids={[a, b]}, power_state='stopped')")
    stack.up()
    assert "phone_ids" not in stack.resources["f"]["inputs"]
    assert "power_state" not in stack.resources["f"]["inputs"]

    stack.program = (
        f"cph.FleetPower('f', phones={{'{b}': 'stopped', '{a}': cph.PowerState.STOPPED}}, on_delete='leave')"
    )
    stack.preview("--expect-no-changes")


UNKNOWN = """
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Later(ResourceProvider):
    def create(self, props):
        return CreateResult("later", {{"ids": props["wanted"], "first": props["wanted"][0], "state": "stopped"}})

class Phones(Resource):
    ids: pulumi.Output
    first: pulumi.Output
    state: pulumi.Output
    def __init__(self, name, wanted):
        super().__init__(Later(), name, {{"wanted": wanted, "ids": None, "first": None, "state": None}})

later = Phones("later", {ids})
by_list = cph.FleetPower("by-list", phone_ids=later.ids, power_state="stopped")
cph.FleetPower("by-map", phones=later.first.apply(lambda _: {{"{a}": "stopped"}}))
cph.FleetPower("by-state", phones={{"{b}": later.state, "{c}": "running"}})
cph.PhonePower("by-id", phone_id=later.first.apply(lambda _: "{d}"), power_state=later.state)
cph.PhonePower("by-region", phone_id="{e}", power_state="stopped", region=later.first.apply(lambda _: "{region}"))
pulumi.export("jobs", by_list.job_ids)
"""


def test_what_is_unknown_at_preview_is_looked_at_when_it_is_known(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(8)
    x, y, a, b, c, d, e, _ = cloud.phone_ids
    program = UNKNOWN.format(ids=[x, y], a=a, b=b, c=c, d=d, e=e, region=cloud.region)
    stack = new_stack(cloud, program)

    preview = stack.preview()
    assert "7 to create" in preview.text
    assert preview.warnings == []

    up = stack.up()

    assert sorted(phone_id for _, ids in up.posts for phone_id in ids) == sorted([x, y, a, b, d, e])
    assert set(stack.outputs["jobs"]) == {x, y}
    assert stack.of("by-state")["statuses"] == {b: "stopped", c: "running"}
    assert stack.of("by-region")["region"] == cloud.region


@pytest.mark.parametrize("form", ["phones", "phone_ids"])
def test_ignored_changes_of_phones_leave_them_as_they_are_seen(
    new_cloud: MakeCloud, new_stack: MakeStack, form: str
) -> None:
    cloud = new_cloud(3)
    a, b, c = cloud.phone_ids

    def program(ids: list[str], state: str) -> str:
        fleet = (
            f"phone_ids={ids}, power_state='{state}'" if form == "phone_ids" else f"phones={dict.fromkeys(ids, state)}"
        )
        return f"cph.FleetPower('f', {fleet}, opts=pulumi.ResourceOptions(ignore_changes=['phones']))"

    stack = new_stack(cloud, program([a, b], "stopped"))
    stack.up()

    stack.program = program([a, b, c], "running")
    assert stack.up().posts == []

    cloud.set_status(a, RUNNING)
    cloud.set_status(b, FROZEN)
    stack.refresh()
    assert stack.resources["f"]["inputs"]["phones"] == {a: "running", b: "frozen"}
    assert stack.up().posts == []
    assert {cloud.status(phone_id) for phone_id in (a, c)} == {RUNNING}


def test_an_ignored_power_state_leaves_a_single_phone_as_it_is_seen(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(1)
    [a] = cloud.phone_ids
    program = """
        cph.PhonePower("p", phone_id="{}", power_state="{}",
            opts=pulumi.ResourceOptions(ignore_changes=["power_state"]))
        """
    stack = new_stack(cloud, program.format(a, "stopped"), refresh_always=True)
    stack.up(no_preview_because="the next up looks at more")

    stack.program = program.format(a, "running")
    assert stack.up().posts == []
    for status in (7, FROZEN):
        cloud.set_status(a, status)
        assert stack.up(no_preview_because="the next up is one").posts == []
    stack.preview("--expect-no-changes")


def test_options_that_change_are_recorded_without_a_request(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(2, initial="stopped")
    a, b = cloud.phone_ids
    program = """
        cph.FleetPower("f", phone_ids=["{}"], power_state="stopped", on_delete={!r})
        cph.PhonePower("p", phone_id="{}", power_state="stopped", on_delete={!r})
        """
    stack = new_stack(cloud, program.format(a, None, b, None))
    stack.up(no_preview_because="the next up is one")
    stack.program = program.format(a, "leave", b, "leave")
    stack.preview("--expect-no-changes")

    stack.program = program.format(a, "start", b, "start")
    assert "2 to update" in stack.preview().text
    assert stack.up().posts == []
    assert stack.resources["f"]["inputs"]["on_delete"] == "start"

    assert together(stack.destroy().posts) == [start(a, b)]


def test_phones_from_a_secret_stay_secret_and_are_compared_all_the_same(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(2)
    a, b = cloud.phone_ids
    program = f"""
        cph.FleetPower("f", phone_ids=pulumi.Output.secret(["{a}"]), power_state="stopped")
        cph.PhonePower("p", phone_id=pulumi.Output.secret("{b}"), power_state="stopped")
        """
    stack = new_stack(cloud, program)

    assert together(stack.up().posts) == [stop(a, b)]
    assert a not in str(stack.resources["f"]["inputs"]["phones"])
    cloud.set_status(a, RUNNING)
    assert stack.up().posts == [stop(a)]
