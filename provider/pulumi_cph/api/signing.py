"""Credentials, and the signature SDK-HMAC-SHA256 that Huawei Cloud's gateway asks for. No I/O, no clock.

The algorithm is the published one, tried against the official SDK by the tests: a hash over method, path,
query, chosen headers and body, signed with the secret key; there is no key derivation and no scope.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final
from urllib.parse import quote, unquote, urlsplit

_ALGORITHM: Final = "SDK-HMAC-SHA256"


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """An access key (AK) and its secret (SK); temporary ones come with a security token.

    Raises ValueError, without the value, for one that cannot stand in a header: empty, or with blanks.
    """

    access_key: str
    secret_key: str
    security_token: str | None = None

    def __post_init__(self) -> None:
        _check("access key", self.access_key)
        _check("secret key", self.secret_key)
        if self.security_token is not None:
            _check("security token", self.security_token)

    def __repr__(self) -> str:
        return "KeyPair(***)" if self.security_token is None else "KeyPair(***, with a security token)"

    def secrets(self) -> tuple[str, ...]:
        """Everything that must not appear in a message. The access key is among it."""
        given = (self.access_key, self.secret_key, self.security_token)
        return tuple(secret for secret in given if secret is not None)


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A project-scoped IAM token. Raises ValueError as `KeyPair` does."""

    token: str

    def __post_init__(self) -> None:
        _check("token", self.token)

    def __repr__(self) -> str:
        return "Token(***)"

    def secrets(self) -> tuple[str, ...]:
        """Everything that must not appear in a message."""
        return (self.token,)


Credentials = KeyPair | Token


def authorize(
    credentials: Credentials, *, method: str, url: str, headers: Mapping[str, str], body: bytes, at: datetime
) -> dict[str, str]:
    """`headers` and those that prove who asks: a signature, or the token."""
    if isinstance(credentials, Token):
        return {**headers, "Host": urlsplit(url).netloc, "X-Auth-Token": credentials.token}
    return sign(credentials, method=method, url=url, headers=headers, body=body, at=at)


def sign(
    key: KeyPair, *, method: str, url: str, headers: Mapping[str, str], body: bytes, at: datetime
) -> dict[str, str]:
    """`headers` with Host, X-Sdk-Date, Authorization and, for temporary keys, X-Security-Token.

    Every header given is signed, so what a proxy may change (User-Agent) is added afterwards. The query in
    `url` must be `canonical_query`'s, as it is signed the way it is sent. `at` must be aware; the gateway
    accepts 15 minutes of difference.
    """
    target = urlsplit(url)
    signed = {**headers, "Host": target.netloc, "X-Sdk-Date": _stamp(at)}
    if key.security_token is not None:
        signed["X-Security-Token"] = key.security_token
    lines = sorted((name.lower(), value.strip()) for name, value in signed.items())
    names = ";".join(name for name, _ in lines)
    canonical = "\n".join(
        (
            method.upper(),
            canonical_path(target.path),
            target.query,
            "".join(f"{name}:{value}\n" for name, value in lines),
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    to_sign = "\n".join((_ALGORITHM, signed["X-Sdk-Date"], _digest(canonical)))
    signature = hmac.new(key.secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    authorization = f"{_ALGORITHM} Access={key.access_key}, SignedHeaders={names}, Signature={signature}"
    return {**signed, "Authorization": authorization}


def canonical_query(parameters: Iterable[tuple[str, str]]) -> str:
    """The query string that is signed, and sent exactly so: sorted by name and value, a blank is %20."""
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(parameters))


def canonical_path(path: str) -> str:
    """The path as it is signed: decoded, encoded again segment by segment, and ending in a slash.

    The request itself is sent without that slash.
    """
    encoded = "/".join(encode(segment) for segment in unquote(path).split("/"))
    return encoded if encoded.endswith("/") else encoded + "/"


def encode(text: str) -> str:
    """Percent-encoding of all but the unreserved characters, the slash included. Upper-case hex, UTF-8."""
    return quote(text, safe="~")


def sendable(value: str) -> bool:
    """Whether `value` can stand in a header unchanged: printable ASCII without blanks, and not empty."""
    return value != "" and value.isascii() and value.isprintable() and " " not in value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _stamp(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def _check(what: str, value: str) -> None:
    # requests would refuse such a header with the value in its message.
    if not sendable(value):
        raise ValueError(f"the {what} is empty or contains characters that cannot be sent (a line end?)")
