"""Which jobs to ask about, and what a listing tells: the outstanding jobs of one place. Pure.

A tick asks for one page of the jobs of up to 20 requests together. As long as something on that page still runs
and nothing has ended yet, nothing more is asked. When all of it has ended, the requests are asked about alone,
some at a time as long as they prove to have ended too. So a wait costs about one call a tick and one a request.
The page of a group is only a sample: the listing's order is not promised and may change on every call, or never.
So once jobs have begun to end, every request that is about as old as those were is asked about alone from time to
time, beginning with those that no sample has shown to be still at work. The listing of a single request is
complete, since a batch has at most 100 phones and a page 100 jobs; what is absent there is asked for by its own
job id. Jobs that a group's listing has room for and does not show, or whose phone is where it should be already, make
their requests be asked about alone as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pulumi_cph.api.client import JOBS_LIMIT
from pulumi_cph.api.models import JOB_FAILED, JOB_SUCCEEDED, Job
from pulumi_cph.dispatch import policy

Asked = tuple[str, ...]
"""Request ids asked about together."""

_NEVER: Final = float("inf")

_WIDTH: Final = 16
"""Requests asked about alone, at once, as long as all before them have ended."""


@dataclass(slots=True)
class _Request:
    posted: float
    asked: float
    """When it was last asked about, alone or in a group ..."""
    asked_alone: float
    """... and alone."""
    jobs: set[str]


@dataclass(slots=True)
class Answer:
    """What a listing told: jobs that ended, jobs to ask for by their id, and the next listings of this tick."""

    ended: list[Job] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    next: list[Asked] = field(default_factory=list)


@dataclass(slots=True)
class JobPolling:
    """The outstanding jobs of one place."""

    _requests: dict[str, _Request] = field(default_factory=dict)
    _request_of: dict[str, str] = field(default_factory=dict)
    _under_way: int = 0
    _showing: set[str] = field(default_factory=set)
    """Jobs that were asked for by their own id, without an answer yet."""
    _alone: set[str] = field(default_factory=set)
    """Requests asked about alone since the tick began."""
    _suspects: set[str] = field(default_factory=set)
    """Requests of which a phone is where its job was to bring it, though no listing has told of the job's end."""
    _all_ended: bool = True
    """Whether the listings asked for last showed ended jobs alone ..."""
    _ending: float | None = None
    """When the first job ended, or may have where the listing of its group fails ..."""
    _shortest: float = 0.0
    """... and the time that the shortest one took."""

    def __bool__(self) -> bool:
        return bool(self._requests)

    def add(self, request_id: str, job_ids: Iterable[str], now: float) -> None:
        """These jobs were started."""
        request = self._requests.setdefault(request_id, _Request(now, now, now, set()))
        for job_id in job_ids:
            request.jobs.add(job_id)
            self._request_of[job_id] = request_id

    def drop(self, job_id: str) -> None:
        """Nobody waits for this job any more."""
        request_id = self._request_of.pop(job_id, None)
        if request_id is not None:
            request = self._requests[request_id]
            request.jobs.discard(job_id)
            if not request.jobs:
                del self._requests[request_id]
        if not self._requests:
            self._ending = None

    def interval(self, now: float) -> float:
        """Seconds from now to the next tick: in proportion to the wait for the youngest request."""
        youngest = max((request.posted for request in self._requests.values()), default=now)
        return policy.tick_interval(now - youngest)

    def tick(self, now: float) -> list[Asked]:
        """A tick begins: the listings to ask for. None while those of the last tick are still under way."""
        if self._under_way or not self._requests:
            return []
        self._alone.clear()
        ids = sorted(self._requests, key=lambda request_id: self._requests[request_id].posted)
        groups = _groups(ids)
        suspects = [(request_id,) for request_id in ids if request_id in self._suspects]
        self._suspects.clear()
        # The oldest group stands for all; the others are visited more rarely until it begins to end.
        visited = [groups[0], *(group for group in groups[1:] if self._overdue(group, now))]
        return self._ask([*dict.fromkeys([*visited, *suspects])], now)

    def suspect(self, job_id: str) -> None:
        """The job's phone is where the job was to bring it: ask about its request alone in the next tick."""
        if request_id := self._request_of.get(job_id):
            self._suspects.add(request_id)

    def listed(self, asked: Asked, jobs: Iterable[Job], now: float) -> Answer:
        """The listing for `asked` is here."""
        self._under_way -= 1
        answer = Answer()
        seen, running = set(), set()
        last_ended = -_NEVER
        for job in jobs:
            seen.add(job.job_id)
            request_id = self._request_of.get(job.job_id)
            if job.status not in (JOB_SUCCEEDED, JOB_FAILED):
                running.add(request_id)
            elif request_id:
                answer.ended.append(job)
                posted = self._requests[request_id].posted
                last_ended = max(last_ended, posted)
                self._begins_to_end(now, now - posted)
                self.drop(job.job_id)
        self._all_ended &= bool(seen) and not running
        self._sampled(asked, {request_id for request_id in running if request_id}, last_ended, now)
        if len(asked) == 1:
            answer.absent = self._absent(asked[0], seen, now)
        elif len(seen) < JOBS_LIMIT and any(self._unlisted(request_id, seen, now) for request_id in asked):
            # There is room on the page and yet they are not there: together they are not told of.
            self._begins_to_end(now, 0.0)
        answer.next = self._next(now)
        return answer

    def failed(self, asked: Asked, now: float, *, doubtful: bool) -> list[Asked]:
        """The listing for `asked` could not be had. `doubtful`: perhaps since the service does not know one of
        the requests, which spoils the answer for all, so that each is asked about alone from now on; else the
        next tick tries again."""
        self._under_way -= 1
        self._all_ended = False
        if doubtful and len(asked) > 1:
            self._begins_to_end(now, 0.0)
        self._sampled(asked, set(), -_NEVER, now)
        return self._next(now)

    def shown(self, job_id: str) -> None:
        """There is an answer about a job that was asked for by its own id."""
        self._showing.discard(job_id)

    def _absent(self, request_id: str, seen: set[str], now: float) -> list[str]:
        absent = sorted(self._unlisted(request_id, seen, now) - self._showing)
        self._showing.update(absent)
        return absent

    def _unlisted(self, request_id: str, seen: set[str], now: float) -> set[str]:
        """The jobs of the request that should have been seen by now, and were not."""
        request = self._requests.get(request_id)
        return request.jobs - seen if request and now - request.posted >= policy.UNLISTED_GRACE else set()

    def _next(self, now: float) -> list[Asked]:
        if self._under_way:
            return []
        left = [r for r in self._requests if r not in self._alone and self._ripe(r, now)]
        if self._all_ended:
            return self._ask([(request_id,) for request_id in left[:_WIDTH]], now)
        if self._ending is not None:
            # A sample is no longer enough, but it comes first: one call shows for many that they are not over.
            due = [r for r in left if self._revisit(self._requests[r].asked_alone, r, now)]
            unseen = [r for r in due if self._requests[r].asked < self._ending]
            return self._ask(_groups(unseen) or [(request_id,) for request_id in due], now)
        return []

    def _sampled(self, asked: Asked, at_work: set[str], last_ended: float, now: float) -> None:
        """The listing for `asked` is here. It is early to ask alone about the requests that it shows at work and,
        if jobs seem to end in the order in which they began, about those that were posted after one of them.

        Once only, as what ended of a request shall not wait for the rest of it.
        """
        for request_id in self._requests.keys() & set(asked):
            self._requests[request_id].asked = now
        if self._ending is None or not at_work:
            return
        first = min(self._requests[request_id].posted for request_id in at_work)
        for request_id, request in self._requests.items():
            early = request_id in at_work or last_ended < first <= request.posted
            if early and request.asked_alone < self._ending:
                request.asked_alone = now

    def _begins_to_end(self, now: float, took: float) -> None:
        if self._ending is None:
            self._ending, self._shortest = now, took
        self._shortest = min(self._shortest, took)

    def _ripe(self, request_id: str, now: float) -> bool:
        age = now - self._requests[request_id].posted
        return self._ending is None or age >= min(policy.RIPE * self._shortest, policy.RIPE_MOST)

    def _overdue(self, group: Asked, now: float) -> bool:
        return any(self._revisit(self._requests[request_id].asked, request_id, now) for request_id in group)

    def _revisit(self, last: float, request_id: str, now: float) -> bool:
        return now - last >= policy.revisit_interval(now - self._requests[request_id].posted)

    def _ask(self, groups: list[Asked], now: float) -> list[Asked]:
        self._all_ended = True
        self._under_way += len(groups)
        for group in groups:
            for request_id in group:
                self._requests[request_id].asked = now
            if len(group) == 1:
                self._alone.add(group[0])
                self._requests[group[0]].asked_alone = now
        return groups


def _groups(request_ids: Sequence[str]) -> list[Asked]:
    return [tuple(request_ids[at : at + policy.GROUP]) for at in range(0, len(request_ids), policy.GROUP)]
