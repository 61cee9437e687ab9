"""Create, update, read and delete, as the engine calls them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.foreign_cloud import ForeignCloud, hex_id
from tests.provider.process import Failed, Properties, ProviderProcess, urn

RUNNING, FROZEN, STOPPING, STOPPED = 2, 6, 7, 8
MISSING = hex_id("a phone that was never there")


def place(cloud: ForeignCloud) -> dict[str, str]:
    return {"region": cloud.region, "project_id": cloud.project_id}


def single(provider: ProviderProcess, phone_id: str, state: str = "stopped", **options: str) -> Properties:
    """The checked inputs of a resource for one phone, named like the phone."""
    checked = provider.check("PhonePower", phone_id, {"phone_id": phone_id, "power_state": state, **options})
    assert checked.failures == []
    return checked.inputs


def fleet(provider: ProviderProcess, phones: dict[str, str], **options: str) -> Properties:
    """The checked inputs of the fleet "f"."""
    checked = provider.check("FleetPower", "f", {"phones": phones, **options})
    assert checked.failures == []
    return checked.inputs


def test_create_answers_with_every_output(cloud: ForeignCloud, provider: ProviderProcess) -> None:
    a, b, c, *_ = cloud.phone_ids
    inputs = fleet(provider, {a: "stopped", b: "running"})

    id_, outputs = provider.create("FleetPower", "f", inputs)
    single_id, single_outputs = provider.create("PhonePower", c, single(provider, c))

    assert id_ not in ("", a)
    assert single_id == c
    [job_of_a] = [job_id for job_id, job in cloud.jobs.items() if job[0] == a]
    [request_of_a] = [request for request, jobs in cloud.requests.items() if job_of_a in jobs]
    assert outputs == {
        **inputs,
        "statuses": {a: "stopped", b: "running"},
        "counts": {"running": 1, "stopped": 1},
        "job_ids": {a: job_of_a},
        "request_ids": [request_of_a],
        "failures": {},
    }
    assert single_outputs["status"] == "stopped"
    assert single_outputs["job_id"] in cloud.jobs
    assert single_outputs["request_id"] in cloud.requests
    assert {**place(cloud), "phone_id": c, "power_state": "stopped"}.items() <= single_outputs.items()


def test_a_hundred_creates_at_once_share_requests(
    new_cloud: Callable[..., ForeignCloud], new_provider: Callable[..., ProviderProcess]
) -> None:
    cloud = new_cloud(100, job_seconds=1.0, job_spread=0.0)
    provider = new_provider(cloud)
    inputs = {phone_id: single(provider, phone_id) for phone_id in cloud.phone_ids}

    with ThreadPoolExecutor(100) as pool:
        created = list(pool.map(lambda each: provider.create("PhonePower", *each), inputs.items()))

    # One on a machine with time to spare. Four at once, as the SDK has it, would need twenty-five.
    assert 1 <= len(cloud.posts) <= 10
    assert sorted(phone_id for _, ids in cloud.posts for phone_id in ids) == sorted(cloud.phone_ids)
    assert len({outputs["job_id"] for _, outputs in created}) == 100
    assert len({outputs["request_id"] for _, outputs in created}) == len(cloud.posts)


def test_an_update_keeps_the_job_ids_of_phones_it_does_not_change(
    cloud: ForeignCloud, provider: ProviderProcess
) -> None:
    a, b, c, *_ = cloud.phone_ids
    _, before = provider.create("FleetPower", "f", fleet(provider, {a: "stopped", b: "stopped"}))

    after = provider.update("FleetPower", "f", before, fleet(provider, {a: "stopped", b: "running", c: "running"}))

    assert cloud.posts[1:] == [("batch-restart", [b])]
    assert after["job_ids"][a] == before["job_ids"][a]
    assert after["job_ids"][b] not in (None, before["job_ids"][b])
    assert c not in after["job_ids"]
    assert after["request_ids"] != before["request_ids"]
    assert len(after["request_ids"]) == 1


def test_an_update_that_changes_nothing_real_answers_with_all_outputs(
    cloud: ForeignCloud, provider: ProviderProcess
) -> None:
    a, *_ = cloud.phone_ids
    _, before = provider.create("PhonePower", a, single(provider, a))

    after = provider.update("PhonePower", a, before, single(provider, a, on_delete="stop"))

    assert after == {**before, "on_delete": "stop"}


def test_read_shows_in_the_inputs_what_it_saw(
    cloud: ForeignCloud, provider: ProviderProcess, new_provider: Callable[..., ProviderProcess]
) -> None:
    a, b, c, d, e = cloud.phone_ids
    _, outputs = provider.create("FleetPower", "f", fleet(provider, dict.fromkeys((a, b, c), "stopped")))
    _, one = provider.create("PhonePower", d, single(provider, d))
    outputs["phones"][e] = outputs["phones"][MISSING] = "stopped"
    for phone_id, status in ((a, RUNNING), (b, FROZEN), (d, STOPPING), (e, 99)):
        cloud.set_status(phone_id, status)

    refresh = new_provider(cloud)  # a later command: this process has seen nothing yet
    id_, inputs, found = refresh.read("FleetPower", "f", outputs)
    _, one_inputs, one_outputs = refresh.read("PhonePower", d, one)

    assert id_ == "id"
    words = {a: "running", b: "frozen", c: "stopped", e: "unknown-99", MISSING: "missing"}
    assert inputs["phones"] == found["phones"] == found["statuses"] == words
    assert found["counts"] == {"running": 1, "frozen": 1, "stopped": 1, "unknown-99": 1, "missing": 1}
    assert found["job_ids"] == outputs["job_ids"]
    assert found["request_ids"] == outputs["request_ids"]
    assert inputs == {"phones": words, **place(cloud)}
    assert (one_inputs["power_state"], one_outputs["status"]) == ("stopping", "stopping")
    assert one_outputs["job_id"] == one["job_id"]


def test_a_refusal_is_a_partial_failure_with_everything_that_was_reached(
    cloud: ForeignCloud, provider: ProviderProcess
) -> None:
    a, b, *_ = cloud.phone_ids
    cloud.set_status(b, FROZEN)
    inputs = fleet(provider, {a: "stopped", b: "stopped", MISSING: "stopped"})

    with pytest.raises(Failed) as failed:
        provider.create("FleetPower", "f", inputs)

    assert failed.value.partial
    assert failed.value.id
    saved = failed.value.properties
    assert saved["statuses"] == {a: "stopped", b: "frozen", MISSING: "missing"}
    assert set(saved["job_ids"]) == {a}
    assert set(saved["failures"]) == {b, MISSING}
    assert saved["phones"] == inputs["phones"]
    assert len(failed.value.reasons) == 2
    assert "Traceback" not in failed.value.message


def test_delete_treats_only_what_nobody_claims(cloud: ForeignCloud, provider: ProviderProcess) -> None:
    a, b, *_ = cloud.phone_ids
    _, outputs = provider.create(
        "FleetPower", "f", fleet(provider, dict.fromkeys((a, b), "stopped"), on_delete="start")
    )
    cloud.posts.clear()
    fleet(provider, {})  # the program has it no more, and b is in another resource now
    single(provider, b)

    provider.delete("FleetPower", "f", outputs)

    assert cloud.posts == [("batch-restart", [a])]
    [line] = [line for line in provider.lines("info", "f") if "batch-restart" in line]
    assert any(request_id in line for request_id in cloud.requests)


def test_lines_of_an_operation_stand_at_its_resource(cloud: ForeignCloud, provider: ProviderProcess) -> None:
    a, b, *_ = cloud.phone_ids

    provider.create("PhonePower", a, single(provider, a))
    provider.create("PhonePower", b, single(provider, b))

    for phone_id in (a, b):
        plan, accepted = provider.lines("info", phone_id)
        assert plan == f"1 to stop: {phone_id}"
        assert accepted.startswith("batch-stop accepted for 1 phone")
    assert {line.urn for line in provider.heard()} == {urn("PhonePower", a), urn("PhonePower", b)}


def test_a_wait_ends_with_the_resources_own_timeout(
    new_cloud: Callable[..., ForeignCloud], new_provider: Callable[..., ProviderProcess]
) -> None:
    cloud = new_cloud(2, job_seconds=30.0)
    provider = new_provider(cloud, config={"cph:timeout": "2s"})
    a, b = cloud.phone_ids
    inputs = {a: single(provider, a), b: single(provider, b)}

    def create(phone_id: str, timeout: float) -> tuple[float, Failed]:
        began = time.monotonic()
        with pytest.raises(Failed) as failed:
            provider.create("PhonePower", phone_id, inputs[phone_id], timeout=timeout)
        return time.monotonic() - began, failed.value

    with ThreadPoolExecutor(2) as pool:
        (own, own_failure), (general, general_failure) = pool.map(create, (a, b), (1.0, 0.0))

    assert 0.9 < own < 3.0
    assert 1.9 < general < 5.0
    for failure in (own_failure, general_failure):
        assert failure.partial
        assert "time to wait is over" in failure.reasons[0]
        assert failure.properties["status"] == "stopping"
        assert failure.properties["job_id"] in cloud.jobs
