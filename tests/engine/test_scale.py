"""Many phones: the resource graph of the engine and the SDK bear them, and requests stay few."""

from __future__ import annotations

from tests.engine.harness import MakeCloud, MakeStack


def test_thousands_of_single_phones_can_be_previewed(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(3000)
    stack = new_stack(
        cloud,
        f"""
        for id in {cloud.phone_ids}:
            cph.PhonePower(id, phone_id=id, power_state="stopped")
        """,
    )

    preview = stack.preview()

    assert "3001 to create" in preview.text
    assert preview.gets <= 60  # twice the fifteen pages, and a look serves for thirty seconds


def test_a_fleet_of_thousands_costs_a_request_for_each_hundred_and_a_preview_a_page_for_each_two_hundred(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(3000, job_seconds=1.0, status_lag=0.5)
    stack = new_stack(cloud, f"cph.FleetPower('f', phone_ids={cloud.phone_ids}, power_state='stopped')")

    up = stack.up(no_preview_because="it is counted below")
    assert sorted(len(ids) for _, ids in up.posts) == [100] * 30
    assert len(set(stack.of("f")["job_ids"].values())) == 3000

    preview = stack.preview("--expect-no-changes")
    assert preview.gets <= 17  # IAM, and fifteen pages
