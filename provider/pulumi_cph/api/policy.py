"""What to do about a failed call: tables and pure functions, no waiting and no sending.

Decided by the service's code first and by HTTP status second: the documents list one code under different
statuses. GETs are repeated by `connection`; for POSTs the caller asks `outcome_unknown` first, reads the
phones again if so, and otherwise does what `action_for` says.
"""

from __future__ import annotations

from typing import Final, Literal

from .errors import ApiError, AuthenticationError, ConnectionFailed, InvalidResponse, ServerError, Throttled

Action = Literal["soon", "later", "split", "wait_phone", "gone", "fail"]
"""What a refused POST, or a refused phone of one, calls for.

soon        send it again after a short wait
later       send it again after a longer wait
split       send it again in smaller batches
wait_phone  send it again when the phone (or its server) has settled
gone        there is no such phone
fail        tell the user
"""

_ACTIONS: Final[dict[str, Action]] = {
    "CPS.0042": "soon",  # System busy.
    "APIGW.0308": "soon",  # throttled by the gateway
    "IAM.0012": "soon",  # throttled by IAM
    "CPS.0003": "later",  # Service internal error.
    "CPS.0190": "split",  # The number of phones exceeds the limit.
    "CPS.0161": "split",  # The number of request IDs has exceeded the limit.
    "CPS.0165": "wait_phone",  # The phone must be in stopped or running status.
    "CPS.0141": "wait_phone",  # Phone is not in running status.
    "CPS.0158": "wait_phone",  # The server is not available for being restarted.
    "CPS.0005": "gone",  # Phone is not found.
}

# Gateway failures from before the request was passed on. Not here: 0201 (backend unavailable or timed out)
# and 0601 (internal error), which may come after.
_NOT_PASSED_ON: Final = frozenset(
    f"APIGW.{number}" for number in ("0605", "0606", "0608", "0609", "0610", "0611", "0612", "0613", "0705")
)

MAX_ATTEMPTS: Final = 5
"""How often a GET is sent at most: once, and four repetitions."""
BACKOFF_START: Final = 0.5
"""Seconds: the longest wait before the first repetition; it doubles with each further one."""
BACKOFF_CAP: Final = 8.0
"""Seconds: where the doubling ends."""
RETRY_AFTER_CAP: Final = 30.0
"""Seconds: the longest that a `Retry-After` is obeyed."""
THROTTLE_PAUSE: Final = 1.0
"""Seconds that everybody pauses after a 429 that does not say how long (the documents promise no header)."""


def action_for(code: str | None, http_status: int | None) -> Action:
    """The action for a POST, or one entry of its answer, that failed with `code`.

    A 5xx without a telling code is "fail": its outcome is unknown, so the phones must be read first.
    """
    if code in _NOT_PASSED_ON:
        return "later"
    if code in _ACTIONS:
        return _ACTIONS[code]
    return "soon" if http_status == 429 else "fail"


def outcome_unknown(error: ApiError) -> bool:
    """Whether a POST that ended in `error` may have been carried out, wholly or in part.

    CPS.0003 (internal error) counts as unknown under every HTTP status; codes that say that nothing was done
    count as known, also with a 5xx.
    """
    if isinstance(error, ConnectionFailed):
        return error.sent
    if isinstance(error, InvalidResponse) or error.code == "CPS.0003":
        return True
    if error.code in _ACTIONS or error.code in _NOT_PASSED_ON:
        return False
    return isinstance(error, ServerError) or error.http_status == 408


def may_repeat(error: ApiError, method: str, attempt: int) -> bool:
    """Whether a request that failed with `error` at its `attempt` (from 1) is to be sent again unchanged.

    Only GETs: a POST that is sent twice may stop a phone that somebody has started in between.
    """
    if method != "GET" or attempt >= MAX_ATTEMPTS or isinstance(error, AuthenticationError):
        return False
    if isinstance(error, InvalidResponse):
        return error.truncated
    return isinstance(error, Throttled | ServerError | ConnectionFailed) or error.code in (
        "CPS.0003",
        "CPS.0042",
    )


def repeat_delay(error: ApiError, attempt: int, random: float) -> float:
    """Seconds to wait before the repetition after `attempt` (from 1); `random` is from [0, 1).

    Full jitter below a doubling limit, so that callers that failed together do not return together; never
    less than what the service asked for, within `RETRY_AFTER_CAP`.
    """
    limit: float = min(BACKOFF_CAP, BACKOFF_START * 2 ** (attempt - 1))
    return max(random * limit, asked_pause(error))


def throttle_pause(error: ApiError) -> float:
    """Seconds for which everybody stops sending after the 429 `error`."""
    return asked_pause(error) or THROTTLE_PAUSE


def asked_pause(error: ApiError) -> float:
    """Seconds that the service asked to wait, between 0 and `RETRY_AFTER_CAP`."""
    return min(RETRY_AFTER_CAP, max(0.0, error.retry_after or 0.0))
