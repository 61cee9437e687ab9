"""The official SDK understands the simulator, and the simulator understands the official SDK."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from pulumi_cph.simulator import Fault, SteppedClock

HOME = os.environ.get("HOME")


def stop(sdk: ModuleType, client: Any, *ids: str) -> Any:
    body = sdk.StopCloudPhoneRequestBody(phone_ids=list(ids))
    return client.stop_cloud_phone(sdk.StopCloudPhoneRequest(body=body))


def restart(sdk: ModuleType, client: Any, *ids: str) -> Any:
    phones = [sdk.PhoneProperty(phone_id=each) for each in ids]
    body = sdk.RestartCloudPhoneRequestBody(phones=phones)
    return client.restart_cloud_phone(sdk.RestartCloudPhoneRequest(body=body))


def status(sdk: ModuleType, client: Any, phone_id: str) -> int:
    shown = client.show_cloud_phone_detail(sdk.ShowCloudPhoneDetailRequest(phone_id=phone_id))
    number: int = shown.status
    return number


def failure(call: Callable[[], object]) -> Any:
    """The exception with which the service's refusal reaches the SDK's user."""
    exceptions = importlib.import_module("huaweicloudsdkcore.exceptions.exceptions")
    with pytest.raises(exceptions.ServiceResponseException) as caught:
        call()
    return caught.value


def test_importing_it_left_this_process_its_home_directory(sdk: ModuleType) -> None:
    assert os.environ.get("HOME") == HOME
    assert sdk.CphClient


def test_it_lists_phones_page_by_page(sdk: ModuleType, client: Any, simulator: Any) -> None:
    pages = [client.list_cloud_phones(sdk.ListCloudPhonesRequest(offset=n, limit=2)) for n in (0, 2, 4, 6)]
    assert [page.count for page in pages] == [5] * 4
    assert [each.phone_id for page in pages for each in page.phones] == simulator.world.phone_ids[::-1]
    assert [each.status for each in pages[0].phones] == [8, 2]


def test_it_filters_phones(sdk: ModuleType, client: Any) -> None:
    by_status = client.list_cloud_phones(sdk.ListCloudPhonesRequest(status=8))
    assert [each.phone_name for each in by_status.phones] == ["phone-0005"]
    by_name = client.list_cloud_phones(sdk.ListCloudPhonesRequest(phone_name="0003"))
    assert [each.phone_name for each in by_name.phones] == ["phone-0003"]


def test_it_shows_one_phone(sdk: ModuleType, client: Any, simulator: Any) -> None:
    phone_id = simulator.world.phone_ids[0]
    shown = client.show_cloud_phone_detail(sdk.ShowCloudPhoneDetailRequest(phone_id=phone_id))
    assert (shown.phone_id, shown.phone_name, shown.status) == (phone_id, "phone-0001", 2)
    assert shown.access_infos[0].listen_port == 38080
    assert shown.metadata.order_id


def test_it_stops_phones_and_follows_the_jobs(
    sdk: ModuleType, client: Any, simulator: Any, clock: SteppedClock
) -> None:
    first, second = simulator.world.phone_ids[:2]
    answer = stop(sdk, client, first, second)
    assert [each.phone_id for each in answer.jobs] == [first, second]
    assert status(sdk, client, first) == 7

    listed = client.list_jobs(sdk.ListJobsRequest(request_id=answer.request_id)).jobs
    assert [(each.job_id, each.status) for each in listed] == [(each.job_id, 1) for each in answer.jobs]

    clock.step(10)
    listed = client.list_jobs(sdk.ListJobsRequest(request_id=answer.request_id)).jobs
    assert [each.status for each in listed] == [2, 2]
    one = client.show_job(sdk.ShowJobRequest(job_id=answer.jobs[0].job_id))
    assert (one.phone_id, one.status, one.error_code) == (first, 2, None)
    assert [status(sdk, client, each) for each in (first, second)] == [8, 8]


def test_it_powers_a_phone_on(sdk: ModuleType, client: Any, simulator: Any, clock: SteppedClock) -> None:
    off = simulator.world.phone_ids[-1]
    restart(sdk, client, off)
    assert status(sdk, client, off) == 4
    clock.step(10)
    assert status(sdk, client, off) == 2


def test_it_follows_several_requests_at_once(sdk: ModuleType, client: Any, simulator: Any) -> None:
    answers = [stop(sdk, client, each) for each in simulator.world.phone_ids[:2]]
    ids = ",".join(each.request_id for each in answers)
    listed = client.list_jobs(sdk.ListJobsRequest(request_ids=ids)).jobs
    assert {each.job_id for each in listed} == {each.jobs[0].job_id for each in answers}


def test_it_sees_refusals_per_phone(sdk: ModuleType, client: Any, simulator: Any) -> None:
    on, off = simulator.world.phone_ids[0], simulator.world.phone_ids[-1]
    accepted, wrong_state, unknown = stop(sdk, client, on, off, "f" * 32).jobs
    assert (accepted.error_code, bool(accepted.job_id)) == (None, True)
    assert (wrong_state.error_code, wrong_state.job_id) == ("CPS.0141", None)
    assert (unknown.error_code, unknown.error_msg) == ("CPS.0005", "Phone is not found.")


def test_it_sees_a_job_fail(sdk: ModuleType, client: Any, simulator: Any, clock: SteppedClock) -> None:
    phone_id = simulator.world.phone_ids[0]
    simulator.world.failures.add([phone_id], "CPS.0054")
    answer = stop(sdk, client, phone_id)
    clock.step(10)
    (job,) = client.list_jobs(sdk.ListJobsRequest(request_id=answer.request_id)).jobs
    assert (job.status, job.error_code, job.error_msg) == (-1, "CPS.0054", "Handle job timeout.")
    assert status(sdk, client, phone_id) == -9


def test_it_reads_code_message_and_request_id_of_an_error(sdk: ModuleType, client: Any, simulator: Any) -> None:
    error = failure(lambda: status(sdk, client, "f" * 32))
    assert (error.status_code, error.error_code) == (404, "CPS.0005")
    assert error.error_msg == "Phone is not found."
    assert error.request_id == list(simulator.log)[-1].request_id


def test_it_is_refused_with_a_wrong_secret(sdk: ModuleType, connect: Callable[..., Any]) -> None:
    stranger = connect(sk="SKwrong")
    error = failure(lambda: stranger.list_cloud_phones(sdk.ListCloudPhonesRequest()))
    assert (error.status_code, error.error_code) == (401, "APIGW.0301")
    assert "verify aksk signature fail" in error.error_msg


def test_it_is_refused_with_an_unknown_key(sdk: ModuleType, connect: Callable[..., Any]) -> None:
    stranger = connect(ak="AKNOBODY")
    error = failure(lambda: stranger.list_cloud_phones(sdk.ListCloudPhonesRequest()))
    assert "ak not exist" in error.error_msg


def test_names_that_need_quoting_are_signed_alike(sdk: ModuleType, client: Any) -> None:
    found = client.list_cloud_phones(sdk.ListCloudPhonesRequest(phone_name="a b/手机~+&=%"))
    assert found.phones == []


def test_it_sees_injected_errors(sdk: ModuleType, client: Any, simulator: Any) -> None:
    simulator.faults.add(Fault("error", status=503, code="CPS.0042", message="System busy."))
    error = failure(lambda: stop(sdk, client, simulator.world.phone_ids[0]))
    assert (error.status_code, error.error_code) == (503, "CPS.0042")


@pytest.mark.parametrize("region", ["cn-north-4", "ap-southeast-1"])
def test_it_finds_the_project_of_a_region(
    sdk: ModuleType, simulator: Any, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    credentials = importlib.import_module("huaweicloudsdkcore.auth.credentials").BasicCredentials
    regions = importlib.import_module("huaweicloudsdkcore.region.region")
    # The SDK remembers projects by key and region for the whole process, whichever endpoint told them.
    monkeypatch.setattr(credentials, "_CACHE", {})
    monkeypatch.setenv("HUAWEICLOUD_SDK_IAM_ENDPOINT", simulator.endpoint)
    client = (
        sdk.CphClient.new_builder()
        .with_credentials(credentials(simulator.key.access_key, simulator.key.secret_key))
        .with_region(regions.Region(region, simulator.endpoint))
        .build()
    )
    client.list_cloud_phones(sdk.ListCloudPhonesRequest(limit=1))
    looked_up, listed = list(simulator.log)[-2:]
    assert (looked_up.call, looked_up.query) == ("projects", f"name={region}")
    assert simulator.cloud.projects[region] in listed.path
