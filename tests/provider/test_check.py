"""Check and diff, as the engine calls them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.foreign_cloud import ForeignCloud
from tests.provider.process import UNKNOWN, ProviderProcess, urn

RUNNING, FROZEN, STOPPING, STOPPED = 2, 6, 7, 8


def test_checked_inputs_have_one_form_and_the_place_resolved(cloud: ForeignCloud, provider: ProviderProcess) -> None:
    a, b, *_ = cloud.phone_ids
    place = {"region": cloud.region, "project_id": cloud.project_id}

    fleet = provider.check("FleetPower", "f", {"phones": {f" {a}": "stopped", a: "stopped"}, "on_delete": "leave"})
    single = provider.check("PhonePower", "p", {"phone_id": f"{b} ", "power_state": "running"})

    assert (fleet.failures, single.failures) == ([], [])
    assert fleet.inputs == {"phones": {a: "stopped"}, "on_delete": "leave", **place}
    assert single.inputs == {"phone_id": b, "power_state": "running", **place}


@pytest.mark.parametrize(
    ("type_", "news"),
    [
        ("FleetPower", {"phones": UNKNOWN}),
        ("FleetPower", {"phones": {"a": UNKNOWN, "b": "stopped"}}),
        ("FleetPower", {"phones": {"a": "stopped"}, "region": UNKNOWN}),
        ("FleetPower", {"phones": {"a": "stopped"}, "project_id": UNKNOWN}),
        ("FleetPower", {"phones": {"a": "stopped"}, "on_delete": UNKNOWN}),
        ("PhonePower", {"phone_id": UNKNOWN, "power_state": "stopped"}),
        ("PhonePower", {"phone_id": "a", "power_state": UNKNOWN}),
        ("PhonePower", {"phone_id": UNKNOWN, "power_state": UNKNOWN, "region": UNKNOWN}),
    ],
)
def test_unknown_values_come_back_untouched(
    cloud: ForeignCloud, provider: ProviderProcess, type_: str, news: dict[str, object]
) -> None:
    checked = provider.check(type_, "x", news)

    assert checked.failures == []
    assert {key: checked.inputs[key] for key in news} == news
    if UNKNOWN not in (news.get("region"), news.get("project_id")):
        assert checked.inputs["region"] == cloud.region
    assert provider.diff(type_, "x", {**checked.inputs, **dict.fromkeys(news, "other")}, checked.inputs).changes


def test_what_is_wrong_beside_an_unknown_value_is_said_all_the_same(provider: ProviderProcess) -> None:
    checked = provider.check("FleetPower", "f", {"phones": {"a": UNKNOWN, "b": "off"}})

    [(_, reason)] = checked.failures
    assert reason == "phone b: power state 'off' is not one of running, stopped"


def test_the_plan_is_said_once_and_at_the_resource(cloud: ForeignCloud, provider: ProviderProcess) -> None:
    a, b, c, d, e = cloud.phone_ids
    for phone_id, status in ((b, STOPPED), (c, STOPPING), (d, FROZEN), (e, 4)):
        cloud.set_status(phone_id, status)

    checked = provider.check("FleetPower", "f", {"phones": dict.fromkeys(cloud.phone_ids, "stopped")})
    provider.diff("FleetPower", "f", checked.inputs, checked.inputs)

    [plan, warning] = provider.heard(2)
    assert plan.urn == warning.urn == urn("FleetPower", "f")
    assert (plan.severity, warning.severity) == ("info", "warning")
    assert f"1 to stop: {a}" in plan.message
    assert f"1 already on the way: {c} (stopping)" in plan.message
    assert f"1 to change once settled: {e} (restarting)" in plan.message
    assert "1 already there" in plan.message
    assert d in warning.message
    assert "frozen" in warning.message


def test_nothing_is_said_when_all_is_well(cloud: ForeignCloud, provider: ProviderProcess) -> None:
    checked = provider.check("FleetPower", "f", {"phones": dict.fromkeys(cloud.phone_ids, "running")})

    assert not provider.diff("FleetPower", "f", checked.inputs, checked.inputs).changes
    assert provider.heard() == []


def test_one_look_serves_every_resource(cloud: ForeignCloud, provider: ProviderProcess) -> None:
    for phone_id in cloud.phone_ids:
        checked = provider.check("PhonePower", phone_id, {"phone_id": phone_id, "power_state": "stopped"})
        provider.diff("PhonePower", phone_id, checked.inputs, checked.inputs)

    assert cloud.gets == 2  # the project's id, and one page of the listing


def test_a_refused_key_costs_one_request_however_many_resources_ask(
    cloud: ForeignCloud, new_provider: Callable[..., ProviderProcess]
) -> None:
    provider = new_provider(cloud, env={"HW_ACCESS_KEY": cloud.access_key, "HW_SECRET_KEY": "wrong"})

    answers = [
        provider.check("PhonePower", f"p{number}", {"phone_id": phone_id, "power_state": "stopped"})
        for number, phone_id in enumerate(cloud.phone_ids * 10)
    ]

    assert cloud.unauthorized == 1
    assert all("APIGW.0301" in reason for answer in answers for _, reason in answer.failures)
    assert all(len(answer.failures) == 1 for answer in answers)


def test_settings_that_do_not_suffice_are_a_failure_of_the_check(
    cloud: ForeignCloud, new_provider: Callable[..., ProviderProcess]
) -> None:
    provider = new_provider(cloud, env={})

    [(_, reason)] = provider.check("PhonePower", "p", {"phone_id": "a", "power_state": "stopped"}).failures

    assert reason.startswith("no credentials: ")


def test_a_phone_is_claimed_by_one_resource_until_that_resource_gives_it_up(
    cloud: ForeignCloud, provider: ProviderProcess
) -> None:
    a, b, *_ = cloud.phone_ids
    assert provider.check("FleetPower", "f", {"phones": {a: "stopped", b: "stopped"}}).failures == []

    [(_, reason)] = provider.check("PhonePower", "p", {"phone_id": a, "power_state": "stopped"}).failures
    assert f"phone {a}" in reason
    assert "'f'" in reason

    # The same resource checked again (as in a replacement) claims it still; then it gives it up.
    assert provider.check("FleetPower", "f", {"phones": {a: "stopped", b: "stopped"}}).failures == []
    assert provider.check("FleetPower", "f", {"phones": {b: "stopped"}}).failures == []
    assert provider.check("PhonePower", "p", {"phone_id": a, "power_state": "stopped"}).failures == []


def test_a_status_word_is_accepted_only_where_it_was_recorded(cloud: ForeignCloud, provider: ProviderProcess) -> None:
    a, b, *_ = cloud.phone_ids
    seen = {"phones": {a: "frozen"}}

    assert provider.check("FleetPower", "f", seen, seen).failures == []
    [(_, reason)] = provider.check("FleetPower", "f", seen, {"phones": {a: "stopped"}}).failures
    assert "'frozen'" in reason
    single = {"phone_id": b, "power_state": "stopping"}
    assert provider.check("PhonePower", "p", single, single).failures == []
    assert provider.check("PhonePower", "p", single, {**single, "power_state": "stopped"}).failures


def test_diff_sees_drift_and_says_nothing(cloud: ForeignCloud, provider: ProviderProcess) -> None:
    a, b, *_ = cloud.phone_ids
    inputs = {
        "phones": {a: "running", b: "running"},
        "region": cloud.region,
        "project_id": cloud.project_id,
    }
    assert not provider.diff("FleetPower", "f", inputs, inputs).changes

    single = {**inputs, "phone_id": a, "power_state": "stopped"}
    del single["phones"]
    assert provider.diff("PhonePower", "p", single, single).changes
    assert provider.heard() == []


def test_diff_tells_what_replaces_and_that_absent_is_the_default(
    cloud: ForeignCloud, provider: ProviderProcess
) -> None:
    a, b, *_ = cloud.phone_ids
    place = {"region": cloud.region, "project_id": cloud.project_id}
    fleet = {"phones": {a: "running"}, **place}
    single = {"phone_id": a, "power_state": "running", **place}

    def fleet_diff(**news: object) -> tuple[bool, list[str]]:
        diffed = provider.diff("FleetPower", "f", fleet, {**fleet, **news})
        return diffed.changes, diffed.replaces

    assert fleet_diff(on_delete="leave") == (False, [])
    assert fleet_diff(on_delete="stop") == (True, [])
    assert fleet_diff(phones={a: "running", b: "running"}) == (True, [])
    assert fleet_diff(phones={}) == (True, [])
    assert fleet_diff(region="cn-east-3") == (True, ["region"])
    assert fleet_diff(project_id="another") == (True, ["project_id"])
    assert provider.diff("PhonePower", "p", single, {**single, "phone_id": b}).replaces == ["phone_id"]
    assert provider.diff("PhonePower", "p", single, {**single, "on_refused": "fail"}).changes is False
    assert provider.diff("PhonePower", "p", single, {**single, "on_refused": "warn"}).changes is True
