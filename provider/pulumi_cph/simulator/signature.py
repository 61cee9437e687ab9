"""The gateway's side of AK/SK signatures (SDK-HMAC-SHA256): rebuild what was signed, and compare.

Written from the published rules, and apart from any client's signer. What counts is the list of signed
headers in the request: a header outside it may be anything or missing, and only ``x-sdk-date`` must be in it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from urllib.parse import quote, unquote

from pulumi_cph.simulator.codes import Refused
from pulumi_cph.simulator.wire import Request

ALGORITHM = "SDK-HMAC-SHA256"
INCORRECT = "Incorrect IAM authentication information: "
"""How the message of every APIGW.0301 begins."""

_AUTHORIZATION = re.compile(
    ALGORITHM + r" Access=(?P<key>[^,\s]+), ?SignedHeaders=(?P<headers>[^,\s]+), ?Signature=(?P<signature>\w+)"
)


@dataclass(frozen=True)
class AccessKey:
    """One access key of the account, permanent or temporary."""

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)
    """A temporary key works only together with this token."""


@dataclass(frozen=True)
class Authorization:
    """The header ``Authorization`` of a signed request, taken apart."""

    access_key: str
    signed_headers: tuple[str, ...]
    signature: str

    @classmethod
    def parse(cls, header: str) -> Authorization:
        """Take `header` apart; refused when it is not of this algorithm's form."""
        match = _AUTHORIZATION.fullmatch(header.strip())
        if match is None:
            raise Refused("APIGW.0301", INCORRECT + "authorization format is incorrect")
        return cls(match["key"], tuple(match["headers"].lower().split(";")), match["signature"])


def canonical_request(request: Request, signed_headers: tuple[str, ...]) -> str:
    """What the signature of `request` is about, rebuilt from the headers that are said to be signed."""
    path = "/".join(quote(unquote(segment), safe="~") for segment in request.path.split("/"))
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in request.pairs)
    lines = [f"{name}:{request.headers.get(name, '').strip()}\n" for name in sorted(signed_headers)]
    body_hash = request.headers.get("x-sdk-content-sha256") or hashlib.sha256(request.body).hexdigest()
    return "\n".join(
        (
            request.method.upper(),
            path if path.endswith("/") else path + "/",
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(lines),
            ";".join(sorted(signed_headers)),
            body_hash,
        )
    )


def signature(secret_key: str, date: str, canonical: str) -> str:
    """The signature of a canonical request, in hexadecimal."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{date}\n{digest}"
    return hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def verify(request: Request, keys: Mapping[str, AccessKey], now: float, *, max_skew: float, skew_code: str) -> str:
    """The access key that signed `request`; Refused, with the documented messages, if not signed well.

    `now` in seconds since 1970, `max_skew` in seconds.
    """
    parts = Authorization.parse(request.headers.get("authorization", ""))
    key = keys.get(parts.access_key)
    if key is None:
        raise Refused("APIGW.0301", f"{INCORRECT}Get secretKey failed,ak:{parts.access_key},err:ak not exist")
    date = request.headers.get("x-sdk-date", "")
    _check_date(date, parts.signed_headers, now, max_skew, skew_code)
    canonical = canonical_request(request, parts.signed_headers)
    if not hmac.compare_digest(signature(key.secret_key, date, canonical), parts.signature):
        # The real gateway prints what it made of the request. Signed credentials, such as a security token,
        # are in it: a client must not repeat this message unread.
        told = canonical.replace("\n", "|")
        raise Refused("APIGW.0301", f"{INCORRECT}verify aksk signature fail, canonicalRequest:{told}")
    if key.security_token is not None and request.headers.get("x-security-token") != key.security_token:
        raise Refused("APIGW.0301", f"{INCORRECT}decrypt token fail")
    return key.access_key


def _check_date(date: str, signed_headers: tuple[str, ...], now: float, max_skew: float, skew_code: str) -> None:
    if "x-sdk-date" not in signed_headers:
        raise Refused("APIGW.0301", INCORRECT + "x-sdk-date is not signed")
    try:
        sent = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise Refused("APIGW.0301", INCORRECT + "x-sdk-date is invalid") from None
    if abs(sent - now) > max_skew:
        message = f"{INCORRECT}verify aksk signature fail, the request time {date} is too far from the server's"
        raise Refused(skew_code, message)
