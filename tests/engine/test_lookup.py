"""`get_phones`: programs look phones up and declare what they found."""

from __future__ import annotations

from tests.engine.harness import MakeCloud, MakeStack, stop


def test_found_phones_can_be_declared(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(210)
    server = cloud.row(cloud.phones[cloud.phone_ids[0]], 0.0)["server_id"]
    stack = new_stack(
        cloud,
        f"""
        farm = cph.get_phones(server_id="{server}", name="foreign-0000")
        cph.FleetPower("farm", phone_ids=[phone.phone_id for phone in farm], power_state="stopped")
        pulumi.export("names", sorted(phone.name for phone in farm))
        pulumi.export("all", len(cph.get_phones()))
        """,
    )

    up = stack.up()

    assert up.posts == [stop(*cloud.phone_ids[:10])]
    assert stack.outputs["names"] == [f"foreign-{number:05d}" for number in range(10)]
    assert stack.outputs["all"] == 210


def test_a_look_up_that_fails_is_one_sentence(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    stack = new_stack(new_cloud(1), "cph.get_phones()", violations="^401 ")
    stack.env = {"HW_ACCESS_KEY": stack.cloud.access_key, "HW_SECRET_KEY": "wrong"}

    preview = stack.preview(rc=1)
    assert preview.unauthorized == 1
    [error] = preview.errors
    assert "get_phones" in error
    assert "APIGW.0301" in error

    stack.env = {}
    [error] = stack.preview(rc=1).errors
    assert "no credentials" in error
