"""The words of the dispatcher: what can happen (events) and what is to be done about it (effects)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pulumi_cph.api.errors import ApiError
from pulumi_cph.api.models import BatchAnswer, Job
from pulumi_cph.observe import Sight
from pulumi_cph.plan import Power, Verb


@dataclass(frozen=True, slots=True)
class Order:
    """What one operation of one resource asks for.

    Attributes:
        op: number of the operation, unique in the process.
        place: key of the region and project that the phones are in.
        wishes: the phones to bring to a power state; those already there cost nothing.
        seen: how they were last seen; a phone without a sight, or with one too old, is looked at first.
        deadline: when to stop waiting (seconds, the dispatcher's monotonic clock).
        max_in_flight: how many of these phones may be changed at once; None for no bound.
        pages: requests that a look at everything in the place costs.
    """

    op: int
    place: str
    wishes: Mapping[str, Power]
    seen: Mapping[str, Sight] = field(default_factory=dict)
    deadline: float = float("inf")
    max_in_flight: int | None = None
    pages: int = 1


FailureKind = Literal["refused", "failed", "timeout", "interrupted"]
"""`refused`: no request can help, or the service refused the phone's. `failed`: a request or a job failed, or the
phone left its way. `timeout`: the deadline passed. `interrupted`: the wait was ended from outside."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a phone is not where it should be: a code (the API's, or a status word of ours) and one sentence."""

    kind: FailureKind
    code: str
    message: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended for one phone. `job_id` and `request_id` are those of the request sent for it, if any."""

    phone_id: str
    status: str | None = None
    job_id: str | None = None
    request_id: str | None = None
    failure: Failure | None = None


# --- events


@dataclass(frozen=True, slots=True)
class Submitted:
    """An operation asks for something."""

    order: Order


@dataclass(frozen=True, slots=True)
class MoreToCome:
    """One more operation is likely to ask for something soon: batches that are not full wait for it."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing else happened; timers may be due."""


@dataclass(frozen=True, slots=True)
class Looked:
    """The answer to a `Look`: the sights; with an error those that were had all the same."""

    look: Look
    sights: Mapping[str, Sight]
    error: ApiError | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """The answer to a `Post`, or the error; neither when it was not sent since `not_after` had passed."""

    post: Post
    answer: BatchAnswer | None
    error: ApiError | None = None


@dataclass(frozen=True, slots=True)
class JobsListed:
    """The answer to a `ListJobs`, or the error."""

    poll: ListJobs
    jobs: tuple[Job, ...] | None
    error: ApiError | None = None


@dataclass(frozen=True, slots=True)
class JobShown:
    """The answer to a `ShowJob`, or the error."""

    poll: ShowJob
    job: Job | None
    error: ApiError | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The process must come to an end: nothing is started any more and every wait ends with `reason`."""

    reason: str


Event = Submitted | MoreToCome | TimePassed | Looked | Posted | JobsListed | JobShown | Ended


# --- effects


@dataclass(frozen=True, slots=True)
class Look:
    """See these phones, each at the given time or later."""

    place: str
    needs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Post:
    """Send one batch request, unless `not_after` has passed when it would leave: the look behind it is too old
    then. `number` tells it from other requests for the same phones."""

    place: str
    verb: Verb
    phone_ids: tuple[str, ...]
    not_after: float
    number: int


@dataclass(frozen=True, slots=True)
class ListJobs:
    """List the jobs of up to 20 requests: the first page."""

    place: str
    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShowJob:
    """Ask for one job that its listing did not show."""

    place: str
    job_id: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A batch was accepted: to be logged at once, so that it stays findable whatever happens next."""

    place: str
    verb: Verb
    request_id: str | None
    phones: int
    ops: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation is: phones done, failed and left."""

    op: int
    done: int
    failed: int
    left: int


@dataclass(frozen=True, slots=True)
class Finish:
    """An operation has come to its end."""

    op: int
    outcomes: Mapping[str, Outcome]


Request = Look | Post | ListJobs | ShowJob
"""Effects that ask the service for something; each is answered by an event."""

Effect = Look | Post | ListJobs | ShowJob | Accepted | Progress | Finish
