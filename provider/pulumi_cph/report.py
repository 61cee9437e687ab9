"""The lines that a person reads: plans, refusals and failures of phones. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pulumi_cph.dispatch.events import Failure, Outcome
from pulumi_cph.observe import Sight
from pulumi_cph.plan import Plan, Step

ALIKE: Final = 20
"""More phones than this that fail alike get one line together."""

NAMED: Final = 5
"""Phones that such a line names."""

SLOW: Final = 5
"""Fewer requests than this are not worth advice."""

_REMEDIES: Final[dict[str, str]] = {
    "CPS.0001": "the credentials need the permissions cph:phones:list, get, stop and restart, cph:jobs:list and get",
    "CPS.0005": "take it out of the program, or correct its id",
    "CPS.0004": "correct its id",
    "CPS.0006": "settle the account's arrears",
    "CPS.0007": "the account is suspended",
    "CPS.0008": "complete the account's real-name verification",
    "CPS.0042": "the cloud is busy; run `pulumi up` again later",
    "CPS.0053": "have the phone unfrozen",
    "CPS.0054": "run `pulumi up` again",
    "CPS.0141": "it is not in a status that allows this; run `pulumi up` again once it is running",
    "CPS.0165": "it is not in a status that allows this; run `pulumi up` again once it has settled",
    "CPS.1028": "have the server unfrozen",
    "missing": "take it out of the program, or correct its id, region or project",
    "timeout": "run `pulumi up` again: it is joined if it is still on its way",
    "interrupted": "run `pulumi up` again: it is joined if it is still on its way",
    "held-back": "mend the others first",
}


def remedy(code: str | None) -> str:
    """What to do about a failure with this code, as an addition to a sentence; empty where nothing is known."""
    return f"; {_REMEDIES[code]}" if code in _REMEDIES else ""


def summary(failure: Failure) -> str:
    """The failure as it stands in the output `failures`: "CODE message"."""
    return f"{failure.code.upper()} {failure.message}"


def failure_lines(outcomes: Iterable[Outcome], seen: Mapping[str, Sight]) -> list[str]:
    """One line for each failed phone; one line together for those that failed alike, when they are many."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.failure:
            groups.setdefault(summary(outcome.failure), []).append(outcome)
    lines = []
    for alike in groups.values():
        if len(alike) > ALIKE:
            lines.append(_together(alike))
        else:
            lines.extend(_line(outcome, seen.get(outcome.phone_id)) for outcome in alike)
    return lines


def _line(outcome: Outcome, sight: Sight | None) -> str:
    assert outcome.failure
    name = f" ({sight.name})" if sight and sight.name else ""
    return f"phone {outcome.phone_id}{name}: {summary(outcome.failure)}{_details(outcome)}"


def _together(alike: list[Outcome]) -> str:
    failure = alike[0].failure
    assert failure
    named = ", ".join(outcome.phone_id for outcome in alike[:NAMED])
    requests = sorted({request for o in alike if (request := _request(o))})
    by = f" (requests {', '.join(requests[:NAMED])})" if requests else ""
    return f"{len(alike)} phones: {summary(failure)}{by}{remedy(failure.code)}: {named} and {len(alike) - NAMED} more"


def _details(outcome: Outcome) -> str:
    parts = []
    if request := _request(outcome):
        parts.append(f"request {request}")
    if outcome.job_id:
        parts.append(f"job {outcome.job_id}")
    known = f" ({', '.join(parts)})" if parts else ""
    return known + remedy(outcome.failure.code if outcome.failure else None)


def _request(outcome: Outcome) -> str | None:
    return (outcome.failure.request_id if outcome.failure else None) or outcome.request_id


def slow_singles(phones_of_request: Mapping[str, int], batch_size: int) -> str | None:
    """Advice for many `PhonePower` that the engine applies a few at a time; None where there is nothing to gain.

    Args:
        phones_of_request: request id -> phones of `PhonePower` resources that it was sent for, so far.
        batch_size: phones that fit into one request.
    """
    phones, requests = sum(phones_of_request.values()), len(phones_of_request)
    if requests < SLOW or 3 * phones > requests * batch_size:
        return None
    return (
        f"the engine applies PhonePower resources only about {phones / requests:.0f} at a time, and each time is one "
        f"request and one wait; `--parallel` with the number of resources, or one FleetPower, makes full requests"
    )


def refusal(step: Step) -> Failure:
    """The failure of a phone that no request can help."""
    return Failure("refused", step.status, step.decision.reason)


def refusal_lines(plan: Plan, names: Mapping[str, Sight]) -> list[str]:
    """One warning for each phone that no request can help; one together for those alike, when they are many."""
    outcomes = [Outcome(step.phone_id, step.status, failure=refusal(step)) for step in plan.having("refuse")]
    return failure_lines(outcomes, names)
