"""Everything about the simulated cloud that can be chosen.

Most fields stand for a doubt: a point the published documents leave open, or on which they disagree; README.md,
"Doubts", says what the client does about each. The defaults are the likeliest reading, or the one that is harder
on a client.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pulumi_cph.simulator.codes import CpsHttp


@dataclass(frozen=True)
class Options:
    """How this cloud behaves. Every field has a default; times are in seconds."""

    # Jobs, and how phones follow them.
    job_seconds: float = 5.0
    """How long a job takes. Durations are unpublished; the examples show 6 and 30 seconds."""
    job_spread: float = 0.0
    """How much longer single jobs may take, as a fraction: 0.5 means between x and 1.5 x (by the seed)."""
    status_delay: float = 0.0
    """From the answer of a power call until a phone's status shows that something happens."""
    status_lag: float = 0.0
    """From a job's end until the phone's final status shows."""
    restart_shows: bool = True
    """Whether a restart shows status 4 on its way, rather than the old status until the end."""
    failing_fraction: float = 0.0
    """The fraction of jobs that fail, 0 to 1, chosen by the seed."""
    failure_code: str = "CPS.0054"
    """The ``error_code`` of a job that fails by `failing_fraction`."""

    # Power calls.
    max_phones: int | None = 100
    """Most phones per power call, more is CPS.0190; None for no limit. Unpublished."""
    wrong_state: Literal["entry", "request", "accept"] = "entry"
    """What becomes of a phone in a status that does not allow the call. Refused alone inside a 200,
    the whole request refused with 400 and nothing done, or (only where the phone already is what is asked
    for, or on its way there) accepted with a job that changes nothing."""
    wholly_refused: Literal[200, 400] = 200
    """The HTTP status when no phone of a batch was accepted: 200 with entries, or one error."""
    restart_failed: bool = False
    """Whether a restart is allowed from restart-failed, abnormal and stop-failed."""
    unknown_phone: Literal["CPS.0005", "CPS.0004"] = "CPS.0005"
    """The code for a phone id that is not there. The table says 0005, an example shows 0004."""
    post_status: Literal[200, 201, 202] = 200
    """The HTTP status of an accepted power call: 200 by the pages of the calls, 201 by the general table."""

    # Reading.
    default_limit: Literal[100, 200] = 100
    """Phones per page when no limit is sent. Pages and SDK releases disagree."""
    send_count: bool = True
    """Whether a listing tells the number of all matching phones (the pages of 2021 have no ``count``)."""
    job_order: Literal["begin", "reversed", "shuffled"] = "begin"
    """Order of ListJobs: by begin, newest first, or another one on every call."""
    jobs_appear_after: float = 0.0
    """How long a job stays invisible to ListJobs and ShowJob."""
    job_retention: float | None = 86_400.0
    """How long a job is remembered after its end; None for ever. Unpublished."""
    job_blank: Literal["documented", "null", "empty", "absent"] = "documented"
    """How a good job's error fields look: null in ShowJob and "" in ListJobs as the examples have it, or
    null, "" or no such key in both."""

    # Errors.
    cps_http: CpsHttp = "modern"
    """HTTP status of CPS codes: "modern" has 403, 404 and 500, "legacy" answers 400 to all."""
    iam_errors: Literal["gateway", "keystone"] = "gateway"
    """Shape of a failed signature on a call to IAM. The gateway's, or ``{"error": {...}}``."""
    skew_code: Literal["APIGW.0301", "APIGW.0303"] = "APIGW.0301"
    """The code when a request's date is too far off."""

    # The gateway.
    signature_required: bool = True
    """Whether requests must be authentic. Without it, anything goes: handy with curl."""
    max_skew: float = 900.0
    """How far the date of a signed request may be off."""
    lock_after: int = 5
    """More consecutive failures than this lock an access key ..."""
    lock_seconds: float = 300.0
    """... for this long."""
    rate_limit: int | None = 200
    """Requests per `rate_window` and call; more are 429 APIGW.0308. None for no limit."""
    rate_window: float = 1.0
    """The length of the window of `rate_limit`."""
    retry_after: int | None = None
    """Seconds in the ``Retry-After`` header of a 429; None for no such header. Undocumented."""
    latency: float = 0.0
    """Delay of every answer, as of a round trip to a far region."""

    def __post_init__(self) -> None:
        for name, allowed in _TYPES.items():
            value = getattr(self, name)
            if not _fits(value, allowed):
                raise ValueError(f"option {name} must be {_words(allowed)}, not {value!r}")
            if isinstance(value, (int, float)) and value < 0:
                raise ValueError(f"option {name} must not be negative, but is {value!r}")
        if self.failing_fraction > 1:
            raise ValueError(f"option failing_fraction must lie between 0 and 1, but is {self.failing_fraction}")
        if self.rate_window == 0:
            raise ValueError("option rate_window must be more than 0 seconds")

    def changed(self, values: Mapping[str, Any]) -> Options:
        """These options with `values` (as from JSON) in place; ValueError when they do not fit."""
        known = {each.name for each in fields(self)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"there is no option {unknown[0]!r}; there are {', '.join(sorted(known))}")
        return replace(self, **values)

    def as_dict(self) -> dict[str, Any]:
        """Name and value of every option, JSON-able."""
        return asdict(self)


_TYPES: dict[str, Any] = get_type_hints(Options)


def _fits(value: object, allowed: Any) -> bool:
    """Whether `value` is of the annotated type `allowed`. An int is a float, a bool is neither."""
    origin = get_origin(allowed)
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in get_args(allowed))
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in get_args(allowed))
    if allowed is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if allowed is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, allowed)


def _words(allowed: Any) -> str:
    """The annotated type `allowed`, as one would say it."""
    origin = get_origin(allowed)
    if origin is Literal:
        return " or ".join(repr(each) for each in get_args(allowed))
    if origin in (Union, types.UnionType):
        return " or ".join(_words(each) for each in get_args(allowed))
    names = {
        float: "a number",
        int: "a whole number",
        bool: "true or false",
        str: "a text",
        type(None): "null",
    }
    return names[allowed]
