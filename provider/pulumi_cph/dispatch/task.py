"""One phone on its way to a power state, and what a look at it means. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from pulumi_cph import status as st
from pulumi_cph.dispatch import policy
from pulumi_cph.dispatch.events import Failure, Outcome
from pulumi_cph.observe import Sight
from pulumi_cph.plan import Power, Verb, decide, on_path, verb_for

Phase = Literal["queued", "posting", "job", "look", "retry", "settle", "join", "confirm", "verify"]
"""Where a phone stands. `queued`: in a batch that has not left; `posting`: in one that has; `job`: its job runs. In
the others its own status is awaited: `look`: not seen recently enough to decide; `retry`: refused for a passing
reason; `settle`: on its way elsewhere; `join`: on its way there, without a job of ours; `confirm`: its job ended
well, or cannot be read; `verify`: the outcome of its request is unknown."""

WATCHED: Final[frozenset[Phase]] = frozenset({"look", "retry", "settle", "join", "confirm", "verify"})

IDLE: Final[frozenset[Phase]] = frozenset({"queued", "look", "retry", "settle"})
"""The phases in which nothing of ours is under way: who is no longer interested can leave the phone alone."""

Verdict = Literal["keep", "done", "send", "join", "settle"]
"""What a look means: go on as before, it is there, a request is needed, or it is (on its way there | elsewhere)."""


@dataclass(slots=True, eq=False)
class Task:
    """One phone that one or more operations wait for.

    Attributes:
        ops: the operations that want it in `power`.
        next: the operations that want the other power state, once this is over.
        since: when the phase began.
        not_before: sights older than this say nothing.
        due: when to look next (in the watched phases).
        before: the status that the phone showed when its last request left.
        moved: whether it has shown a status on the way since.
        tries: requests sent for it; `first_refusal`: when the first was refused for a passing reason.
        job_ended: whether the last job is known to have ended well.
    """

    place: str
    phone_id: str
    power: Power
    ops: list[int] = field(default_factory=list)
    next: list[int] = field(default_factory=list)
    phase: Phase = "look"
    since: float = 0.0
    not_before: float = 0.0
    due: float = 0.0
    sight: Sight | None = None
    before: str = ""
    moved: bool = False
    tries: int = 0
    first_refusal: float | None = None
    posted_at: float = 0.0
    job_id: str | None = None
    request_id: str | None = None
    job_ended: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """The phone in the process: place and phone id."""
        return self.place, self.phone_id

    @property
    def kind(self) -> tuple[str, Verb]:
        """What it must have in common with others to share a request."""
        return self.place, verb_for(self.power)

    def judged(self, sight: Sight, now: float) -> Verdict | Failure:
        """What it means that the phone was seen like this; the sight is remembered."""
        verdict = judge(self, sight, now)
        self.sight = sight
        self.moved |= self.phase in ("job", "confirm", "verify") and sight.status != self.before
        return verdict

    def outcome(self, failure: Failure | None) -> Outcome:
        """How it ends for an operation that waits for it no longer."""
        return Outcome(self.phone_id, self._shown(failure), self.job_id, self.request_id, failure)

    def _shown(self, failure: Failure | None) -> str | None:
        """The status to report: as seen, or the word for being on the way when all that is known is that a job
        was started since."""
        seen = self.sight.status if self.sight else None
        if failure is not None and self.phase == "job" and seen == self.before:
            return st.STOPPING if self.power == "stopped" else st.RESTARTING
        return seen


def judge(task: Task, sight: Sight, now: float) -> Verdict | Failure:
    """What seeing the phone like this means for the task, in whatever phase it is."""
    decision = decide(task.power, sight.status)
    if task.phase == "job":
        # Only the job says that it is over; the look says whether the phone is still on its way.
        return "keep" if _still_underway(task, sight) else _left(task, sight)
    if decision.action == "already":
        return "done"
    if task.phase in ("confirm", "verify"):
        return _after_request(task, sight, now)
    if task.phase == "join":
        return "keep" if decision.action == "join" else _left(task, sight)
    if decision.action == "refuse":
        return Failure("refused", sight.status, decision.reason)
    if decision.action in ("stop", "start"):
        return "send"
    return "join" if decision.action == "join" else "settle"


def _after_request(task: Task, sight: Sight, now: float) -> Verdict | Failure:
    if not _still_underway(task, sight):
        return _left(task, sight)
    if sight.status != task.before:
        return "join" if task.phase == "verify" else "keep"
    if task.phase == "verify":
        return "send" if sight.at - task.since >= policy.LOST_PATIENCE else "keep"
    if now - task.since < policy.CONFIRM_GRACE:
        return "keep"
    job = "its job ended well" if task.job_ended else "its job cannot be read"
    message = f"{job}, but {policy.CONFIRM_GRACE:.0f} s later it still shows {sight.status}"
    return Failure("failed", sight.status, message, task.request_id)


def _still_underway(task: Task, sight: Sight) -> bool:
    if sight.status == task.before:
        return not task.moved
    return on_path(task.power, sight.status)


def _left(task: Task, sight: Sight) -> Failure:
    reason = decide(task.power, sight.status).reason
    message = f"it was on its way to {task.power} and now shows {sight.status}" + (f": {reason}" if reason else "")
    return Failure("failed", sight.status, message, task.request_id)
