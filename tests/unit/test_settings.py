"""Where settings come from: what wins, what is missing, what is wrong."""

from __future__ import annotations

import pytest

from pulumi_cph import settings as st
from pulumi_cph.api.signing import KeyPair, Token

KEY = {"HW_ACCESS_KEY": "AKENV", "HW_SECRET_KEY": "SKENV"}


def read(config: dict[str, str] | None = None, **environment: str) -> st.Settings:
    return st.read((config or {}).get, {**KEY, **environment})


def test_the_place_comes_from_configuration_before_the_environment() -> None:
    settings = read({"cph:region": "cn-east-3"}, HW_REGION_NAME="cn-north-4")
    assert settings.region == "cn-east-3"


@pytest.mark.parametrize("variable", ["HW_REGION_NAME", "HUAWEICLOUD_REGION"])
def test_the_place_comes_from_the_environment_where_configuration_is_silent(variable: str) -> None:
    assert st.read({}.get, {**KEY, variable: "cn-north-4"}).region == "cn-north-4"


def test_credentials_come_from_the_environment_before_configuration() -> None:
    settings = read({"cph:accessKey": "AKCONF", "cph:secretKey": "SKCONF"})
    assert settings.credentials == KeyPair("AKENV", "SKENV", None)


def test_credentials_come_from_configuration_where_the_environment_has_none() -> None:
    settings = st.read({"cph:accessKey": "AKCONF", "cph:secretKey": "SKCONF", "cph:securityToken": "ST"}.get, {})
    assert settings.credentials == KeyPair("AKCONF", "SKCONF", "ST")


def test_parts_of_two_keys_are_never_mixed() -> None:
    config = {"cph:accessKey": "AKCONF", "cph:secretKey": "SKCONF"}
    settings = st.read(config.get, {"HW_ACCESS_KEY": "AKENV", "HW_SECURITY_TOKEN": "OLD"})
    assert settings.credentials == KeyPair("AKCONF", "SKCONF", None)


def test_the_sdk_s_variables_do_as_well() -> None:
    environment = {"HUAWEICLOUD_SDK_AK": "A", "HUAWEICLOUD_SDK_SK": "S", "HUAWEICLOUD_SDK_SECURITY_TOKEN": "T"}
    assert st.read({}.get, environment).credentials == KeyPair("A", "S", "T")


def test_a_token_does_instead_of_a_key() -> None:
    assert st.read({}.get, {"HW_AUTH_TOKEN": "TOKEN"}).credentials == Token("TOKEN")


def test_no_credentials_is_one_sentence_that_names_every_way() -> None:
    with pytest.raises(st.SettingsError) as caught:
        st.read({}.get, {})
    text = str(caught.value)
    assert "\n" not in text
    for name in ("HW_ACCESS_KEY", "HW_SECRET_KEY", "HUAWEICLOUD_SDK_AK", "HW_AUTH_TOKEN", "cph:accessKey"):
        assert name in text


@pytest.mark.parametrize(
    ("environment", "there", "missing"),
    [
        ({"HW_ACCESS_KEY": "A"}, "HW_ACCESS_KEY is set", "HW_SECRET_KEY is not"),
        ({"HUAWEICLOUD_SDK_SK": "S"}, "HUAWEICLOUD_SDK_SK is set", "HUAWEICLOUD_SDK_AK is not"),
    ],
)
def test_half_a_key_is_named(environment: dict[str, str], there: str, missing: str) -> None:
    with pytest.raises(st.SettingsError, match=f"{there}, but {missing}"):
        st.read({}.get, environment)


def test_credentials_are_not_in_the_settings_repr() -> None:
    assert "SKENV" not in repr(read())


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("90s", 90), ("90", 90), ("1h30m", 5400), ("1.5h", 5400), ("2m30s", 150)]
)
def test_a_timeout_is_read_in_seconds(text: str, seconds: float) -> None:
    assert read({"cph:timeout": text}).timeout == seconds


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timeout", "soon"),
        ("timeout", "0"),
        ("timeout", "-5m"),
        ("batchSize", "0"),
        ("batchSize", "101"),
        ("batchSize", "1.5"),
        ("maxConcurrency", "2.5"),
        ("batchSize", "many"),
        ("maxConcurrency", "65"),
        ("requestsPerSecond", "201"),
        ("requestsPerSecond", "nan"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_key_and_value(key: str, value: str) -> None:
    with pytest.raises(st.SettingsError, match=f"cph:{key} must be .*'{value}'") as caught:
        read({f"cph:{key}": value})
    assert caught.value.setting == key


def test_defaults_are_those_of_the_table() -> None:
    settings = read()
    assert (settings.batch_size, settings.timeout, settings.max_concurrency) == (100, 1800, 8)
    defaults = {setting.key: setting.default for setting in st.TABLE}
    assert (defaults["batchSize"], defaults["timeout"], defaults["maxConcurrency"]) == ("100", "30m", "8")
    assert settings.requests_per_second == float(defaults["requestsPerSecond"])


def test_a_region_has_its_public_hosts() -> None:
    settings = read()
    assert settings.endpoint_for("cn-north-4") == "https://cph.cn-north-4.myhuaweicloud.com"
    assert settings.iam_endpoint_for("cn-north-4") == "https://iam.cn-north-4.myhuaweicloud.com"


def test_an_unknown_region_without_an_endpoint_is_an_error_that_names_it() -> None:
    with pytest.raises(st.SettingsError, match="region 'mars-1' has no published CPH service") as caught:
        read().endpoint_for("mars-1")
    assert caught.value.setting == "region"


@pytest.mark.parametrize(
    ("config", "environment", "address"),
    [
        ({"cph:endpoint": "http://127.0.0.1:1/"}, {"CPH_ENDPOINT": "http://b"}, "http://127.0.0.1:1"),
        ({}, {"CPH_ENDPOINT": "http://b", "HUAWEICLOUD_SDK_REGION_CPH_CN_NORTH_4": "http://c"}, "http://b"),
        ({}, {"HUAWEICLOUD_SDK_REGION_CPH_CN_NORTH_4": "http://c,http://d"}, "http://c"),
        ({}, {"HUAWEICLOUD_SDK_REGION_CPH_CN_EAST_3": "http://c"}, "https://cph.cn-north-4.myhuaweicloud.com"),
    ],
)
def test_an_endpoint_can_be_set(config: dict[str, str], environment: dict[str, str], address: str) -> None:
    assert read(config, **environment).endpoint_for("cn-north-4") == address


@pytest.mark.parametrize(
    "address",
    [
        "cph.example",
        "ftp://host",
        "https://user:pw@host",
        "https://host?x=1",
        "http://[::1",
        "http://:80",
        "http://host:99999",
        "http://host:abc",
        "http://h%zz",
        "http://h\u00fc.example",
    ],
)
def test_an_endpoint_must_be_a_plain_address(address: str) -> None:
    with pytest.raises(st.SettingsError, match="cph:endpoint must be an address") as caught:
        read({"cph:endpoint": address}).endpoint_for("cn-north-4")
    assert "pw" not in str(caught.value)


def test_a_key_that_cannot_be_sent_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(st.SettingsError, match=r"the credentials from HW_\.\.\. cannot be used") as caught:
        read(HW_SECRET_KEY="two words")
    assert "two words" not in str(caught.value)


def test_half_a_key_is_named_by_the_first_source_that_has_one() -> None:
    with pytest.raises(st.SettingsError, match="HW_ACCESS_KEY is set, but HW_SECRET_KEY is not"):
        st.read({}.get, {"HW_ACCESS_KEY": "ak", "HUAWEICLOUD_SDK_SK": "sk"})
