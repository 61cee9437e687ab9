"""What the service's answers and errors mean for the phones of a request. Tables and pure functions."""

from __future__ import annotations

from typing import Final, Literal

from pulumi_cph.api.errors import ApiError, ConnectionFailed, Interrupted, RequestRejected
from pulumi_cph.api.models import BatchAnswer, BatchEntry
from pulumi_cph.api.policy import action_for, outcome_unknown
from pulumi_cph.dispatch.events import Failure

Meaning = Literal["unknown", "divide", "again", "again_slowly", "give_up"]
"""What to do with the phones of a request that failed. `unknown`: see whether it was carried out; `divide`: send it
in parts, the trouble is its size or one of its phones; `again`, `again_slowly`: the reason passes (soon, or when
the phone has settled); `give_up`: nobody can help."""

_CAUSED_BY_A_PHONE: Final = frozenset(
    {"CPS.0004", "CPS.0005", "CPS.0022", "CPS.0053", "CPS.0077", "CPS.0080", "CPS.0141", "CPS.0165"}
)
"""Codes that, when a whole batch is refused with one, some phone in it must have caused."""

_JOBS_UNKNOWN: Final = frozenset({"CPS.0011", "CPS.0050"})


def meaning_of(error: ApiError, phones: int) -> Meaning:
    """What the failure of a request with so many phones means for them."""
    if outcome_unknown(error):
        return "unknown"
    if phones > 1 and (too_many(error) or error.code in _CAUSED_BY_A_PHONE):
        return "divide"
    if isinstance(error, ConnectionFailed):
        return "again"
    return _meaning_of_code(error.code, error.http_status)


def meaning_of_entry(entry: BatchEntry) -> Meaning:
    """What a refusal inside an answer means for its phone."""
    return _meaning_of_code(entry.error_code, None)


def _meaning_of_code(code: str | None, http_status: int | None) -> Meaning:
    action = action_for(code, http_status)
    if action == "soon":
        return "again"
    return "again_slowly" if action in ("later", "wait_phone", "split") else "give_up"


def too_many(error: ApiError) -> bool:
    """Whether the request was refused for the number of its phones."""
    return action_for(error.code, error.http_status) == "split"


def one_each(answer: BatchAnswer) -> dict[str, BatchEntry]:
    """The entry that counts for each phone: of two, one with a job, since what was started must be known."""
    entries: dict[str, BatchEntry] = {}
    for entry in answer.entries:
        if entry.phone_id not in entries or (entry.job_id and not entries[entry.phone_id].job_id):
            entries[entry.phone_id] = entry
    return entries


def jobs_unknown(error: ApiError) -> bool:
    """Whether the service does not know the jobs that it was asked for."""
    return error.code in _JOBS_UNKNOWN or error.http_status == 404


def may_be_about_one(error: ApiError) -> bool:
    """Whether a call about several requests may have failed because of one of them, or of their number."""
    return isinstance(error, RequestRejected)


def jobs_hidden(error: ApiError) -> bool:
    """Whether these credentials may not see jobs at all."""
    return isinstance(error, RequestRejected) and error.http_status == 403


def failure_of(error: ApiError) -> Failure:
    """The failure to report for each phone that a call was about."""
    if isinstance(error, Interrupted):
        return Failure("interrupted", "interrupted", error.message)
    code = error.code or (f"HTTP-{error.http_status}" if error.http_status else "connection")
    kind: Literal["refused", "failed"] = "refused" if error.code in _CAUSED_BY_A_PHONE else "failed"
    return Failure(kind, code, error.message, error.request_id)


def failure_of_entry(entry: BatchEntry, request_id: str | None) -> Failure:
    """The failure to report for a phone that was refused inside an answer."""
    return Failure("refused", entry.error_code or "refused", entry.error_message or "refused", request_id)
