"""Where configuration and credentials come from: one table, and the function that reads it.

For the place to act, stack configuration wins over the environment. For credentials the environment wins: a
refresh uses the configuration recorded at the last `up`, so a rotated key that could only come from configuration
would lock the user out. Credentials are taken as a set from one source, never mixed from two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pulumi_cph.api.signing import Credentials, KeyPair, Token

REGIONS: Final = (
    "af-north-1",
    "ap-southeast-1",
    "ap-southeast-3",
    "cn-east-2",
    "cn-east-3",
    "cn-east-4",
    "cn-north-4",
    "cn-north-9",
    "cn-south-1",
    "cn-southwest-2",
    "la-north-2",
    "la-south-2",
    "ru-northwest-2",
)
"""Regions with a public CPH host (official Python SDK 3.1.219)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the settings table: the stack configuration key (under `cph:`), the environment variables in
    their order, the default in words, and the meaning."""

    key: str
    environment: tuple[str, ...]
    default: str
    meaning: str
    secret: bool = False


TABLE: Final = (
    Setting("region", ("HW_REGION_NAME", "HUAWEICLOUD_REGION"), "required", "region of the phones"),
    Setting(
        "projectId",
        ("HW_PROJECT_ID", "HUAWEICLOUD_SDK_PROJECT_ID"),
        "looked up from IAM by region name",
        "project of the phones in that region",
    ),
    Setting("accessKey", ("HW_ACCESS_KEY", "HUAWEICLOUD_SDK_AK"), "", "access key id (AK)", secret=True),
    Setting("secretKey", ("HW_SECRET_KEY", "HUAWEICLOUD_SDK_SK"), "", "secret access key (SK)", secret=True),
    Setting(
        "securityToken",
        ("HW_SECURITY_TOKEN", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
        "",
        "security token of a temporary key",
        secret=True,
    ),
    Setting("authToken", ("HW_AUTH_TOKEN",), "", "project-scoped token, instead of a key", secret=True),
    Setting(
        "endpoint",
        ("CPH_ENDPOINT", "HUAWEICLOUD_SDK_REGION_CPH_<REGION>"),
        "the region's public host",
        "address of the CPH service",
    ),
    Setting("iamEndpoint", ("CPH_IAM_ENDPOINT",), "the region's public host", "address of the IAM service"),
    Setting("batchSize", (), "100", "phones in one request at most, 1 to 100"),
    Setting("timeout", (), "30m", 'how long an operation waits, such as "90s", "30m" or "1h30m"'),
    Setting("maxConcurrency", (), "8", "requests to one endpoint at once, 1 to 64"),
    Setting("requestsPerSecond", (), "150", "requests to one endpoint a second, 1 to 200"),
)
"""Every setting there is; the tables in the documentation are made from it."""

ConfigGet = Callable[[str], object]
"""Reads one key of the stack configuration, such as "cph:region"; None when it is not set."""


class SettingsError(Exception):
    """A setting is missing or wrong. `setting` is its key; the text is one sentence."""

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(message)
        self.setting = setting


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a process.

    Attributes:
        region: the region for resources that name none; None when nothing says.
        project_id: the project in that region; None to look it up.
        endpoint, iam_endpoint: addresses that replace the public hosts; None for those.
        credentials: a key pair or a token.
        batch_size: phones in one request at most.
        timeout: seconds an operation waits.
        max_concurrency: requests to one endpoint at once.
        requests_per_second: requests to one endpoint a second.
        environment: the process environment, for endpoints of single regions.
    """

    region: str | None
    project_id: str | None
    endpoint: str | None
    iam_endpoint: str | None
    credentials: Credentials = field(repr=False)
    batch_size: int
    timeout: float
    max_concurrency: int
    requests_per_second: float
    environment: Mapping[str, str] = field(repr=False)

    def endpoint_for(self, region: str) -> str:
        """The address of the CPH service of a region.

        Raises:
            SettingsError: the region has no published host and no endpoint is set.
        """
        variable = "HUAWEICLOUD_SDK_REGION_CPH_" + region.upper().replace("-", "_")
        # The SDK's variable may hold a comma list; its first address is the one to use.
        named = self.endpoint or self.environment.get(variable, "").split(",")[0].strip()
        return _address("endpoint", named) if named else _public("cph", region)

    def iam_endpoint_for(self, region: str) -> str:
        """The address of the IAM service of a region; raises as `endpoint_for` does."""
        return _address("iamEndpoint", self.iam_endpoint) if self.iam_endpoint else _public("iam", region)


def _public(service: str, region: str) -> str:
    if region not in REGIONS:
        known = ", ".join(REGIONS)
        raise SettingsError(
            "region",
            f"region {region!r} has no published CPH service ({known}); for another one set cph:endpoint and "
            "cph:iamEndpoint",
        )
    return f"https://{service}.{region}.myhuaweicloud.com"


def _address(key: str, value: str) -> str:
    match = re.fullmatch(r"https?://(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?(?:/[^?#\s]*)?", value, re.ASCII)
    if not match or int(match[1] or 443) not in range(1, 65_536):
        raise SettingsError(key, f"cph:{key} must be an address such as https://host, without query or user name")
    return value.rstrip("/")


def read(config: ConfigGet, environment: Mapping[str, str]) -> Settings:
    """The settings from stack configuration and environment.

    Raises:
        SettingsError: there are no credentials, or a value is not what it should be.
    """

    def place(key: str) -> str | None:
        return _text(config(f"cph:{key}")) or _from_environment(key, environment)

    return Settings(
        region=place("region"),
        project_id=place("projectId"),
        endpoint=place("endpoint"),
        iam_endpoint=place("iamEndpoint"),
        credentials=_credentials(config, environment),
        batch_size=_whole("batchSize", config, default=100, low=1, high=100),
        timeout=_timeout(config),
        max_concurrency=_whole("maxConcurrency", config, default=8, low=1, high=64),
        requests_per_second=_number("requestsPerSecond", config, default=150, low=1, high=200),
        environment=environment,
    )


def _text(value: object) -> str | None:
    return str(value).strip() or None if value is not None else None


def _from_environment(key: str, environment: Mapping[str, str]) -> str | None:
    names = next(setting.environment for setting in TABLE if setting.key == key)
    return next((value for name in names if (value := environment.get(name, "").strip())), None)


_Source = Literal["HW_", "HUAWEICLOUD_SDK_", "cph:"]
_CREDENTIAL_NAMES: Final[dict[_Source, tuple[str, str, str, str]]] = {
    "HW_": ("HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN", "HW_AUTH_TOKEN"),
    "HUAWEICLOUD_SDK_": ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN", ""),
    "cph:": ("cph:accessKey", "cph:secretKey", "cph:securityToken", "cph:authToken"),
}


def _credentials(config: ConfigGet, environment: Mapping[str, str]) -> Credentials:
    half = None
    for source, names in _CREDENTIAL_NAMES.items():
        get = config if source == "cph:" else environment.get
        access, secret, security, token = (_text(get(name)) if name else None for name in names)
        try:
            if access and secret:
                return KeyPair(access, secret, security)
            if token:
                return Token(token)
        except ValueError as error:
            raise SettingsError("accessKey", f"the credentials from {source}... cannot be used: {error}") from None
        if access or secret:
            half = half or ((names[0], names[1]) if access else (names[1], names[0]))
    if half:
        raise SettingsError("accessKey", f"{half[0]} is set, but {half[1]} is not: a key has two parts")
    raise SettingsError(
        "accessKey",
        "no credentials: set HW_ACCESS_KEY and HW_SECRET_KEY (or HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or "
        "HW_AUTH_TOKEN) in the environment, or cph:accessKey and cph:secretKey (or cph:authToken) with "
        "`pulumi config set --secret`",
    )


def _number(key: str, config: ConfigGet, *, default: float, low: float, high: float) -> float:
    text = _text(config(f"cph:{key}"))
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise SettingsError(key, f"cph:{key} must be a number from {low:g} to {high:g}, not {text!r}")
    return value


def _whole(key: str, config: ConfigGet, *, default: int, low: int, high: int) -> int:
    value = _number(key, config, default=default, low=low, high=high)
    if value != int(value):
        raise SettingsError(key, f"cph:{key} must be a whole number from {low} to {high}, not '{value:g}'")
    return int(value)


_DURATION: Final = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def _timeout(config: ConfigGet) -> float:
    text = _text(config("cph:timeout")) or "30m"
    match = _DURATION.fullmatch(text)
    hours, minutes, seconds = (float(part or 0) for part in match.groups()) if match else (0.0, 0.0, 0.0)
    total = 3600 * hours + 60 * minutes + seconds
    if not total > 0:
        raise SettingsError("timeout", f'cph:timeout must be a time such as "90s", "30m" or "1h30m", not {text!r}')
    return total
