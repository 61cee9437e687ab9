"""Answers that are not what the documents say: clear outcomes in time, nothing invented, no secret repeated.

Through the same process as the weather: real client, observer, operations and dispatcher. That nothing is invented
is held by the witness: every sight, every job id and every "done" must have been told by an answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from pulumi_cph.dispatch.events import Outcome
from pulumi_cph.simulator import Response
from pulumi_cph.simulator.faults import FOREIGN_ID
from tests.weather.run import Run
from tests.weather.scenario import Change, Mishap, MishapKind, Phone, Scenario, Up
from tests.weather.up import PulumiUp

HOSTILE: tuple[MishapKind, ...] = (
    "html",
    "redirect",
    "truncated",
    "cut",
    "huge",
    "slow",
    "wrong-types",
    "no-jobs",
    "duplicate-entries",
    "foreign-entries",
    "lying-count",
)
PHONES = (Phone(), Phone(), Phone(), Phone(status=8, power="running"))


def first_up(run: Run) -> tuple[PulumiUp, float]:
    """Run it all, fair days and invariants included; the first `up`, and how long it took (simulated seconds)."""
    run.go()
    return run.ups[0], run.lasted[0]


def hostile(kind: MishapKind, call: str, *, times: int | None = None, timeout: float = 120.0) -> Run:
    """A run in which these answers to `call` are hostile. Pages and answers are as if the service had acted."""
    mishap = Mishap(kind, call=call, times=times, acted=True, status=200)
    return Run(Scenario(phones=PHONES, ups=(Up(timeout=timeout),), mishaps=(mishap,)))


def posts(run: Run) -> list[str]:
    """The power calls of the first `up`."""
    return [e.call for e in run.witness.exchanges if e.process == 1 and e.call.startswith("batch-")]


SAID = {
    "html": "an HTML or XML page",
    "redirect": "a redirect to",
    "truncated": "damaged or cut off",
    "cut": "ended early",
    "huge": "is too large",
    "slow": "took too long",
    "wrong-types": "is a JSON string, not an integer",
}


@pytest.mark.parametrize("kind", SAID)
def test_a_listing_of_phones_that_cannot_be_read_fails_with_a_clear_line_and_nothing_is_sent(kind: MishapKind) -> None:
    run = hostile(kind, "list-phones")
    up, seconds = first_up(run)
    [error] = up.errors
    assert SAID[kind] in str(error)
    assert str(error).startswith("list-phones: ")
    assert len(str(error)) < 400
    assert not posts(run)
    assert seconds < 5 * 60


@pytest.mark.parametrize("kind", ["duplicate-entries", "foreign-entries", "lying-count"])
def test_a_listing_of_phones_that_says_too_much_changes_nothing(kind: MishapKind) -> None:
    up, _ = first_up(hostile(kind, "list-phones"))
    assert not up.failed
    assert len(up.outcomes) == len(PHONES)


@pytest.mark.parametrize("call", ["batch-stop", "batch-restart"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_an_answer_to_a_power_call_that_cannot_be_read_leads_to_a_look_and_to_no_second_call(
    kind: MishapKind, call: str
) -> None:
    run = hostile(kind, call)
    up, _ = first_up(run)
    assert sorted(posts(run)) == ["batch-restart", "batch-stop"]
    assert not up.failed, [outcome.failure for outcome in up.outcomes]
    known = kind in ("duplicate-entries", "foreign-entries", "lying-count")
    power = "stopped" if call == "batch-stop" else "running"
    assert {bool(outcome.job_id) for outcome in up.outcomes if outcome.status == power} == {known}
    assert FOREIGN_ID not in repr(up.outcomes)


@pytest.mark.parametrize("kind", ["truncated", "cut"])
def test_a_listing_that_was_cut_off_once_is_asked_for_again(kind: MishapKind) -> None:
    up, _ = first_up(hostile(kind, "list-phones", times=1))
    assert not up.failed


@pytest.mark.parametrize("kind", HOSTILE)
def test_listings_of_jobs_that_cannot_be_read_do_not_hide_that_the_phones_are_there(kind: MishapKind) -> None:
    run = hostile(kind, "list-jobs", timeout=1800.0)
    up, seconds = first_up(run)
    assert not up.failed, [outcome.failure for outcome in up.outcomes]
    assert seconds < 300, "waited for nothing"
    assert all(outcome.job_id for outcome in up.outcomes)


@pytest.mark.parametrize("gone", range(12))
def test_a_phone_that_moved_to_another_page_while_they_were_read_is_not_missing(gone: int) -> None:
    scenario = Scenario(
        phones=(Phone(),) * 12,
        phones_page=3,
        latency=1.0,
        batch_size=7,
        changes=(Change(1.5, gone, "gone"),),
        options={"send_count": gone % 2 == 0},
    )
    run = Run(scenario)
    up, _ = first_up(run)
    others = {phone_id for number, phone_id in enumerate(run.ids) if number != gone}
    assert {o.phone_id for o in up.outcomes if not o.failure} >= others


# --- anything at all


@dataclass(frozen=True)
class Edit:
    """Something in an answer's JSON is replaced, removed, or there twice. `place` is one of all places in it."""

    call: str
    place: int
    how: str
    value: Any = None
    skip: int = 0


_VALUES = some.recursive(
    some.one_of(
        some.none(),
        some.booleans(),
        some.integers(),
        some.floats(allow_nan=False),
        some.sampled_from((-9, 0, 2, 8, 10**400, 1e400)),
        some.text(max_size=8),
        some.sampled_from(("", "\ud800", "../..", "a\nb", "<script>", "CPS.0005", "APIGW.0301", "x" * 5000)),
    ),
    lambda inner: some.one_of(
        some.lists(inner, max_size=2), some.dictionaries(some.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=3,
)
_CALLS = ("list-phones", "show-phone", "batch-stop", "batch-restart", "list-jobs", "show-job")
_EDITS = some.builds(
    Edit,
    call=some.sampled_from(_CALLS),
    place=some.integers(0, 200),
    how=some.sampled_from(("replace", "remove", "double", "bytes")),
    value=_VALUES,
    skip=some.sampled_from((0, 0, 1, 3)),
)


class Editor:
    """Edits answers: each edit strikes every answer to its call after `skip` of them, until the weather clears."""

    def __init__(self, edits: list[Edit]) -> None:
        self._edits = edits
        self._seen = [0] * len(edits)

    def __call__(self, call: str, response: Response) -> Response:
        for number, edit in enumerate(self._edits):
            if edit.call != call:
                continue
            self._seen[number] += 1
            if self._seen[number] > edit.skip:
                response = _edited(response, edit)
        return response


def _edited(response: Response, edit: Edit) -> Response:
    if edit.how == "bytes":
        at = edit.place % (len(response.body) + 1)
        return replace(response, body=response.body[:at] + b"\xff\x00}" + response.body[at:])
    try:
        content = json.loads(response.body)
    except ValueError:
        return response
    places = list(_places(content))
    if not places:
        return response
    holder, key = places[edit.place % len(places)]
    if edit.how == "remove":
        del holder[key]
    elif edit.how == "double" and isinstance(holder, list):
        holder.append(holder[key])
    else:
        holder[key] = edit.value
    return replace(response, body=json.dumps(content).encode())


def _places(content: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: what holds it, and under which key."""
    if not isinstance(content, dict | list):
        return []
    keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    inner = [place for key in keys for place in _places(content[key])]
    return [(content, key) for key in keys] + inner


@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=tuple(HealthCheck))
@given(edits=some.lists(_EDITS, min_size=1, max_size=4), statuses=some.lists(some.sampled_from((2, 8)), max_size=6))
def test_whatever_stands_in_an_answer_ends_in_outcomes_or_a_clear_error(edits: list[Edit], statuses: list[int]) -> None:
    scenario = Scenario(phones=(*PHONES, *(Phone(status=status) for status in statuses)), ups=(Up(timeout=60.0),))
    run = Run(scenario, rewrite=Editor(edits))
    run.witness.deceived = True
    up, seconds = first_up(run)
    lines = [str(error) for error in up.errors] + [_line(o) for o in up.outcomes if o.failure]
    assert all("\n" not in line and len(line) < 600 and line.isprintable() for line in lines), lines
    assert seconds < 300


def _line(outcome: Outcome) -> str:
    assert outcome.failure
    return f"{outcome.failure.code} {outcome.failure.message}"
