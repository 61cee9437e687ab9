"""An answer that is no success, as the error it means.

Understands the shapes that the service, its gateway and both kinds of IAM calls use, and is content with any
text. Decides the class, cleans the text, and adds what the text does not say: that the local clock is wrong,
or that a token has expired.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Final

from .decoding import error_code, invalid
from .errors import ApiError, AuthenticationError, RequestRejected, ServerError, Throttled
from .redaction import Redaction, one_line
from .transport import HttpResponse

CLOCK_TOLERANCE: Final = timedelta(minutes=15)
"""How far X-Sdk-Date may be from the gateway's clock."""

# Refusals of the credentials that come, or may come, with a status other than 401. Sending them again counts
# towards the lock of the key like any other.
_AUTHENTICATION_CODES: Final = frozenset(
    f"{family}.{number}"
    for family, numbers in (
        ("APIGW", "0301 0303 0305 0307 0311"),
        ("IAM", "0061 0062 0066 0067 1104 1105 1106 1107 1108"),
    )
    for number in numbers.split()
)
_REASONS_BY_CODE: Final = {
    "APIGW.0307": "the token has expired or is of another region",
    "IAM.0066": "the token has expired",
    "IAM.1105": "the access key has expired",
    "IAM.1108": "the security token of the temporary access key has expired",
}
_REASONS_BY_TEXT: Final = (
    (re.compile(r"(?i)token must be updated"), "the token has expired or is of another region"),
    (re.compile(r"(?i)token[\w\s]*expire"), "the token or temporary access key has expired"),
    (
        re.compile(r"(?i)failed to reach the limit"),
        "the access key is locked for 5 minutes after failed attempts",
    ),
)
_REQUEST_ID_HEADERS: Final = ("X-Request-Id", "X-IAM-Trace-Id")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
_SECONDS: Final = re.compile(r"\d{1,9}(\.\d{1,9})?")


def failure(call: str, response: HttpResponse, redaction: Redaction, now: datetime) -> ApiError:
    """The error that `response`, an answer to `call` with a status other than success, means.

    `now` is the local time, aware: it is compared with the server's.
    """
    status = response.status
    if status < 400:
        return _unexpected(call, response, redaction)
    found = next(_statements(response.body), {})
    code = error_code(_first(found, "error_code", "errorCode", "code"))
    text = _first(found, "error_msg", "errorMsg", "message")
    said = redaction.line(text if isinstance(text, str) else "" if found else _plain_text(response.body))
    refused = status == 401 or code in _AUTHENTICATION_CODES
    reasons = _reasons(code, said, response.headers, now) if refused else []
    return _class_of(status, refused)(
        one_line(": ".join([*reasons, said or _phrase(status)])),
        call=call,
        code=code,
        http_status=status,
        request_id=_request_id(found, response.headers, redaction),
        retry_after=_retry_after(response.headers, now),
    )


def _unexpected(call: str, response: HttpResponse, redaction: Redaction) -> ApiError:
    """For statuses below 400. Redirects are not followed: the signature holds for one address only."""
    what = f"HTTP {response.status} {_phrase(response.status)}"
    if 300 <= response.status < 400:
        target = redaction.line(response.headers.get("Location", ""), 100)
        what = f"a redirect to {target or 'nowhere'} (is the endpoint right?)"
    error = invalid(call, what)
    error.http_status = response.status
    error.request_id = _request_id({}, response.headers, redaction)
    return error


def _class_of(status: int, refused: bool) -> type[ApiError]:
    if refused:
        return AuthenticationError
    if status == 429:
        return Throttled
    return ServerError if status >= 500 else RequestRejected


def _statements(body: bytes) -> Iterator[Mapping[str, object]]:
    """The objects that may hold code and message: the body, then what is one level down."""
    try:
        outer = json.loads(body)
    except (ValueError, RecursionError):
        return
    if not isinstance(outer, dict):
        return
    for candidate in (outer, *outer.values()):
        if isinstance(candidate, dict) and _first(
            candidate, "error_code", "errorCode", "code", "error_msg", "errorMsg", "message"
        ):
            # The request id stands outside also when the rest does not.
            yield {**{key: outer[key] for key in ("request_id",) if key in outer}, **candidate}


def _first(found: Mapping[str, object], *keys: str) -> object:
    return next((found[key] for key in keys if found.get(key) not in (None, "")), None)


def _plain_text(body: bytes) -> str:
    text = body[:50_000].decode("utf-8", "replace")
    if text.lstrip()[:1] in ("{", "["):
        return ""  # JSON that says nothing we know, such as encoded_authorization_message: not for people
    return re.sub(r"<[^>]*>", " ", text)


def _reasons(code: str | None, said: str, headers: Mapping[str, str], now: datetime) -> list[str]:
    """What a refusal is about, in words the service does not use."""
    by_text = (reason for pattern, reason in _REASONS_BY_TEXT if pattern.search(said))
    reason = _REASONS_BY_CODE.get(code or "") or next(by_text, None)
    server = _date(headers.get("Date", ""))
    skew = now - server if server else timedelta()
    reasons = [reason] if reason else []
    if abs(skew) > CLOCK_TOLERANCE:
        minutes = round(abs(skew).total_seconds() / 60)
        direction = "ahead of" if skew > timedelta() else "behind"
        allowed = CLOCK_TOLERANCE.seconds // 60
        reasons.append(f"the local clock is {minutes} minutes {direction} the server's ({allowed} are allowed)")
    return reasons


def _request_id(found: Mapping[str, object], headers: Mapping[str, str], redaction: Redaction) -> str | None:
    for value in (found.get("request_id"), *(headers.get(name) for name in _REQUEST_ID_HEADERS)):
        if isinstance(value, str) and _IDENTIFIER.fullmatch(value) and redaction.line(value) == value:
            return value
    return None


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds, from either form. A date counts from the server's own clock, if it tells the time."""
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    until = _date(value)
    if until is None:
        return None
    return max(0.0, (until - (_date(headers.get("Date", "")) or now)).total_seconds())


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
        return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _phrase(status: int) -> str:
    return http.client.responses.get(status, "without an explanation")
