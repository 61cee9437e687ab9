"""One operation on phones: what would be done, doing it, and what came of it. Knows nothing of Pulumi.

The provider's calls say which phones and which power states; this module looks, plans, checks the guard rails and
asks the dispatcher.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from pulumi_cph import rails, report
from pulumi_cph.api.errors import ApiError
from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.policy import FRESH
from pulumi_cph.inputs import Declared
from pulumi_cph.observe import Sight
from pulumi_cph.plan import Plan, Power, plan
from pulumi_cph.session import Place, Session
from pulumi_cph.state import Result
from pulumi_cph.status import MISSING, RESTARTING, STOPPING

Say = Callable[[Literal["info", "warning", "progress"], str], None]
"""Shows one line at the resource; `progress` lines replace each other."""

SETTLING: Final = 6
"""How often, a second apart, the phone of a failed job is looked at until its status says so: it shows late."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would be done.

    Attributes:
        plan: to the phones that are declared.
        releases: to those that leave, as `on_delete` says.
        seen: how all of them were seen.
    """

    plan: Plan
    releases: Plan
    seen: Mapping[str, Sight]

    @property
    def lines(self) -> list[str]:
        """What would be done, for a preview; empty when nothing would."""
        leaving = self.releases.summary()
        return [line for line in (self.plan.summary(), f"leaving: {leaving}" if leaving else "") if line]


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of an operation.

    Attributes:
        outcomes: phone id -> how it ended.
        failed: outcomes that fail the operation; those that `on_refused` only warns of are not among them.
        statuses: phone id -> status word at the end, as far as it was seen.
        lines: one for each failed phone, or for many that failed alike.
    """

    outcomes: Mapping[str, ev.Outcome]
    failed: list[ev.Outcome]
    statuses: Mapping[str, str]
    lines: list[str]


def prospect(session: Session, place: Place, declared: Declared, leaving: Iterable[str] = (), **age: float) -> Prospect:
    """Look at the phones and plan; `max_age` as for `Session.look`. Phones that leave and are gone need nothing.

    Raises:
        ApiError: the look failed.
    """
    releases = dict.fromkeys(leaving, declared.release) if declared.release else {}
    seen = session.look(place, [*declared.phones, *declared.kept, *releases], **age)
    present = {i: power for i, power in releases.items() if power and seen[i].status != MISSING}
    return Prospect(_plan(declared.phones, seen), _plan(present, seen), seen)


def _plan(wishes: Mapping[str, Power], seen: Mapping[str, Sight]) -> Plan:
    return plan(wishes, {phone_id: sight.status for phone_id, sight in seen.items()})


def broken_rails(declared: Declared, view: Prospect) -> list[str]:
    """One sentence for each guard rail that would be broken."""
    return rails.broken(
        (view.plan, view.releases),
        size=len(declared.members),
        max_changes=declared.max_changes,
        never_stop=declared.never_stop,
        override=os.environ.get(rails.OVERRIDE) if declared.max_changes else None,
    )


def drifted(declared: Declared, view: Prospect) -> bool:
    """Whether a phone is not where it was declared to be, and it is not one that is only to be warned of."""
    refused = len(view.plan.having("refuse")) if declared.on_refused == "warn" else 0
    return len(view.plan.having("already")) + refused < len(view.plan.steps)


def bring(
    session: Session, place: Place, declared: Declared, leaving: Iterable[str], *, timeout: float, say: Say
) -> Reached:
    """Bring the declared phones to their power states, and those that leave to what `on_delete` says.

    Raises:
        ApiError: the phones could not be looked at; nothing was sent.
    """
    view = prospect(session, place, declared, leaving, max_age=FRESH)
    wishes = {step.phone_id: step.power for plan in (view.plan, view.releases) for step in plan.steps}
    outcomes = session.dispatcher.submit(
        place.key,
        wishes,
        seen=view.seen,
        timeout=timeout,
        listener=lambda news: tell(news, say, quiet=len(wishes) == 1),
        max_in_flight=declared.max_in_flight,
    )
    changed = [o for o in outcomes.values() if o.request_id]
    if changed and len(wishes) > 1:
        # The last line of progress stays on the screen.
        well = sum(1 for o in changed if not o.failure)
        say("progress", f"phones: {well} changed" + (f", {len(changed) - well} failed" if well < len(changed) else ""))
    refused = [o for o in outcomes.values() if o.failure and o.failure.kind == "refused"]
    warned = refused if declared.on_refused == "warn" else []
    for line in report.failure_lines(warned, view.seen):
        say("warning", line)
    failed = [o for o in outcomes.values() if o.failure and o not in warned]
    statuses = _at_the_end(session, place, view.seen, outcomes)
    return Reached(outcomes, failed, statuses, report.failure_lines(failed, view.seen))


def tell(news: ev.Progress | ev.Accepted, say: Say, *, quiet: bool) -> None:
    """Say what the dispatcher tells; the progress of a single phone (`quiet`) is the engine's own to show."""
    if isinstance(news, ev.Accepted):
        call = "batch-stop" if news.verb == "stop" else "batch-restart"
        phones = "1 phone" if news.phones == 1 else f"{news.phones} phones"
        say("info", f"{call} accepted for {phones}: request {news.request_id}")
    elif not quiet:
        say("progress", f"phones: {news.done} done, {news.failed} failed, {news.left} left")


def _at_the_end(
    session: Session, place: Place, seen: Mapping[str, Sight], outcomes: Mapping[str, ev.Outcome]
) -> dict[str, str]:
    """The statuses as the dispatcher saw them; phones whose job failed are looked at until they show it."""
    statuses = {phone_id: sight.status for phone_id, sight in seen.items()}
    statuses.update({o.phone_id: o.status for o in outcomes.values() if o.status})
    unsure = [o.phone_id for o in outcomes.values() if o.failure and o.failure.kind == "failed" and o.request_id]
    try:
        for again in range(SETTLING if unsure else 0):
            if again:
                session.sleep(1.0)
            sights = session.look(place, unsure, max_age=0.0)
            statuses.update({phone_id: sight.status for phone_id, sight in sights.items()})
            unsure = [i for i in unsure if statuses[i] in (seen[i].status, STOPPING, RESTARTING)]
            if not unsure:
                break
    except ApiError:
        # What went wrong with the phones is known; that they cannot be looked at once more is no news.
        pass
    return statuses


def result(earlier: Result, members: Iterable[str], reached: Reached) -> Result:
    """The content of the outputs: job ids stay from the operation that last changed a phone."""
    phones, outcomes = set(members), reached.outcomes
    jobs = {**earlier.job_ids, **{i: o.job_id for i, o in outcomes.items() if o.job_id}}
    requests = {**earlier.requests, **{i: o.request_id for i, o in outcomes.items() if o.job_id and o.request_id}}
    return replace(
        earlier,
        statuses={i: status for i, status in reached.statuses.items() if i in phones},
        job_ids={i: job for i, job in jobs.items() if i in phones},
        requests={i: request for i, request in requests.items() if i in phones},
        sent=list(dict.fromkeys(o.request_id for o in outcomes.values() if o.request_id)),
        failures={i: report.summary(o.failure) for i, o in outcomes.items() if o.failure},
    )
