"""What the CPH service answers, as values.

Only the fields this project uses, under our names. How they are read out of JSON is in `decoding`; what a
status number permits is no business of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

JOB_RUNNING: Final = 1
"""`Job.status` of a job that has not ended."""
JOB_SUCCEEDED: Final = 2
"""`Job.status` of a job that ended well."""
JOB_FAILED: Final = -1
"""`Job.status` of a job that ended badly; `error_code` and `error_message` say why."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One cloud phone as a listing or a detail shows it.

    `status` is the published number (2 running, 8 stopped, -9 stop failed, ...), also when it is one that no
    document names: unknown numbers are for the caller to judge. `name` and `server_id` are "" when absent.
    """

    phone_id: str
    name: str
    server_id: str
    status: int


@dataclass(frozen=True, slots=True)
class PhonePage:
    """One page of the listing.

    `count` is the number of phones that match on all pages; None from services that do not say.
    """

    phones: tuple[Phone, ...]
    count: int | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """What became of one phone of a batch request: a job, or a refusal with `error_code`.

    `error_code` is normalised ("CPS.0004"), `error_message` is one bounded line.
    """

    phone_id: str
    job_id: str | None
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The answer to batch-stop or batch-restart.

    The entries are as the service sent them: nothing promises that each phone asked for is there, once, and
    no other; the caller compares. `request_id` is the handle for `list_jobs`.
    """

    request_id: str | None
    entries: tuple[BatchEntry, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """The work on one phone. `status` is one of the JOB_ numbers; others are not published but kept."""

    job_id: str
    phone_id: str | None
    status: int
    error_code: str | None
    error_message: str | None
