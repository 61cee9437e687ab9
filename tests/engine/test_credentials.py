"""Settings: who may act, and where. One sentence when that is not known, and the secret key nowhere."""

from __future__ import annotations

import pytest

from tests.engine.harness import MakeCloud, MakeStack, stop

MANY = """
cph.FleetPower("fleet", phone_ids={ids}[:2], power_state="stopped")
for id in {ids}[2:]:
    cph.PhonePower(id, phone_id=id, power_state="stopped")
"""


def test_a_wrong_key_costs_one_request_and_one_sentence(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(6)
    stack = new_stack(
        cloud, MANY.format(ids=cloud.phone_ids), violations="^401 ", secrets=["another/key+that=is&not%right"]
    )
    stack.env = {"HW_ACCESS_KEY": cloud.access_key, "HW_SECRET_KEY": "another/key+that=is&not%right"}

    preview = stack.preview(rc=1)

    assert preview.unauthorized == 1
    assert preview.gets == 0
    [error] = preview.errors
    assert "APIGW.0301" in error
    assert len(error) < 600


def test_a_key_that_is_revoked_before_an_update_costs_one_request(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(3)
    stack = new_stack(cloud, MANY.format(ids=cloud.phone_ids), violations="^401 ", refresh_always=True)
    stack.up()
    cloud.secret_key = "a new one"

    for result in (stack.preview(rc=1), stack.refresh(rc=1)):
        assert result.unauthorized == 1
        [error] = result.errors
        assert "APIGW.0301" in error
    assert stack.of("fleet")["counts"] == {"stopped": 2}


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, ["no credentials", "HW_ACCESS_KEY", "HW_SECRET_KEY", "cph:accessKey", "cph:secretKey", "--secret"]),
        ({"HW_ACCESS_KEY": "A"}, ["HW_ACCESS_KEY is set", "HW_SECRET_KEY is not"]),
    ],
    ids=["none", "half a key"],
)
def test_without_credentials_one_sentence_says_what_would_do(
    new_cloud: MakeCloud, new_stack: MakeStack, env: dict[str, str], words: list[str]
) -> None:
    cloud = new_cloud(4)
    stack = new_stack(cloud, MANY.format(ids=cloud.phone_ids), env=env)

    preview = stack.preview(rc=1)

    [error] = preview.errors
    for word in words:
        assert word in error
    assert (preview.gets, preview.unauthorized) == (0, 0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"cph:region": "cn-nowhere-1"}, ["cn-nowhere-1"]),
        ({"cph:region": "cn-nowhere-1", "cph:endpoint": "", "cph:iamEndpoint": ""}, ["cn-nowhere-1", "cph:endpoint"]),
        ({"cph:region": ""}, ["no region", "cph:region", "HW_REGION_NAME"]),
        ({"cph:timeout": "soon"}, ["cph:timeout", "soon"]),
        ({"cph:batchSize": "1000"}, ["cph:batchSize", "1000"]),
        ({"cph:endpoint": "cph.example.com"}, ["cph:endpoint", "https://"]),
    ],
    ids=["region without project", "region without endpoint", "no region", "timeout", "batchSize", "endpoint"],
)
def test_a_wrong_setting_is_named_in_one_sentence(
    new_cloud: MakeCloud, new_stack: MakeStack, changed: dict[str, str], words: list[str]
) -> None:
    cloud = new_cloud(1)
    stack = new_stack(cloud, f"cph.FleetPower('f', phone_ids={cloud.phone_ids}, power_state='stopped')")
    assert stack.config is not None
    stack.config = {key: value for key, value in {**stack.config, **changed}.items() if value}

    preview = stack.preview(rc=1)

    [error] = preview.errors
    for word in words:
        assert word in error


def test_a_region_that_a_resource_names_is_checked_like_the_configured_one(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(1)
    program = f"cph.PhonePower('p', phone_id='{cloud.phone_ids[0]}', power_state='stopped', region='cn-nowhere-1')"
    stack = new_stack(cloud, program)

    [error] = stack.preview(rc=1).errors

    assert "cn-nowhere-1" in error


def test_a_rotated_key_from_the_environment_wins_over_the_one_recorded_in_configuration(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(2)
    program = f"cph.FleetPower('f', phone_ids={cloud.phone_ids}, power_state='stopped')"
    stack = new_stack(cloud, program, env={}, refresh_always=True)
    stack.set_secret("cph:accessKey", cloud.access_key)
    stack.secrets.remove(cloud.access_key)  # not a secret: it stands in every request
    stack.set_secret("cph:secretKey", cloud.secret_key)
    stack.up(no_preview_because="the key is about to change")

    cloud.secret_key = "a/rotated+key=&%00000000000000000000002"
    stack.secrets.append(cloud.secret_key)
    stack.env = {"HW_ACCESS_KEY": cloud.access_key, "HW_SECRET_KEY": cloud.secret_key}
    cloud.set_status(cloud.phone_ids[0], 2)

    assert stack.up().posts == [stop(cloud.phone_ids[0])]
    stack.refresh()
    assert stack.destroy().unauthorized == 0


def test_a_credential_in_the_configuration_without_secret_is_warned_of(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(1)
    program = f"""
        cph.FleetPower("f", phone_ids={cloud.phone_ids}, power_state="running")
        cph.FleetPower("g", phone_ids=[], power_state="running")
        """
    stack = new_stack(cloud, program)
    assert stack.config is not None
    stack.config["cph:authToken"] = "readable"

    [warning] = stack.preview().warnings

    assert "cph:authToken" in warning
    assert "--secret" in warning


def test_the_sdks_own_variables_lead_to_the_cloud_too(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(1)
    stack = new_stack(
        cloud,
        f"cph.FleetPower('f', phone_ids={cloud.phone_ids}, power_state='stopped')",
        config={},
        env={
            "HUAWEICLOUD_REGION": cloud.region,
            "HUAWEICLOUD_SDK_PROJECT_ID": cloud.project_id,
            "HUAWEICLOUD_SDK_AK": cloud.access_key,
            "HUAWEICLOUD_SDK_SK": cloud.secret_key,
            "HUAWEICLOUD_SDK_REGION_CPH_CN_NORTH_4": cloud.endpoint,
        },
    )

    assert stack.up().posts == [stop(*cloud.phone_ids)]
