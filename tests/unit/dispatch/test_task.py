"""What a look at a phone means, in every phase: the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pulumi_cph.dispatch.events import Failure
from pulumi_cph.dispatch.task import Phase, Task, judge
from pulumi_cph.observe import Sight
from pulumi_cph.plan import Power

NOW = 100.0


def task(phase: Phase, power: Power = "stopped", *, before: str = "", since: float = NOW, **more: object) -> Task:
    start = before or ("running" if power == "stopped" else "stopped")
    return Task("here", "p1", power, [1], phase=phase, since=since, before=start, **more)  # type: ignore[arg-type]


def sight(status: str, at: float = NOW) -> Sight:
    return Sight("p1", status, at)


def verdict(found: object) -> object:
    """The verdict, or for a failure its kind and code."""
    return (found.kind, found.code) if isinstance(found, Failure) else found


UNDECIDED = [
    # power, status -> verdict, for a phone nothing was sent for
    ("stopped", "stopped", "done"),
    ("stopped", "running", "send"),
    ("stopped", "stopping", "join"),
    ("stopped", "restarting", "settle"),
    ("stopped", "creating", "settle"),
    ("stopped", "stop-failed", "send"),
    ("stopped", "restart-failed", ("refused", "restart-failed")),
    ("stopped", "frozen", ("refused", "frozen")),
    ("stopped", "missing", ("refused", "missing")),
    ("stopped", "unknown-5", ("refused", "unknown-5")),
    ("running", "running", "done"),
    ("running", "stopped", "send"),
    ("running", "restarting", "join"),
    ("running", "stopping", "settle"),
    ("running", "resetting", "join"),
    ("running", "stop-failed", ("refused", "stop-failed")),
]


@pytest.mark.parametrize("phase", ["look", "retry", "settle", "queued"])
@pytest.mark.parametrize(("power", "status", "expected"), UNDECIDED)
def test_a_phone_that_nothing_is_under_way_for_is_decided_by_its_status(
    phase: Phase, power: Power, status: str, expected: object
) -> None:
    assert verdict(judge(task(phase, power), sight(status), NOW)) == expected


@pytest.mark.parametrize(
    ("power", "status", "expected"),
    [
        ("stopped", "stopping", "keep"),
        ("stopped", "stopped", "done"),
        ("stopped", "running", ("failed", "running")),
        ("stopped", "stop-failed", ("failed", "stop-failed")),
        ("running", "restarting", "keep"),
        ("running", "creating", "keep"),
        ("running", "running", "done"),
        ("running", "stopping", ("failed", "stopping")),
    ],
)
def test_a_joined_phone_is_waited_for_while_it_stays_on_its_way(power: Power, status: str, expected: object) -> None:
    assert verdict(judge(task("join", power), sight(status), NOW)) == expected


@pytest.mark.parametrize(
    ("before", "moved", "status", "expected"),
    [
        ("running", False, "running", "keep"),  # its change does not show yet
        ("running", False, "stopping", "keep"),
        ("running", True, "stopping", "keep"),
        ("running", True, "stopped", "keep"),  # only the job says that it is over
        ("running", True, "running", ("failed", "running")),
        ("running", False, "frozen", ("failed", "frozen")),
        ("running", False, "missing", ("failed", "missing")),
        ("stop-failed", False, "stop-failed", "keep"),
        ("stop-failed", True, "stop-failed", ("failed", "stop-failed")),
    ],
)
def test_a_phone_whose_job_runs_must_stay_on_its_way(before: str, moved: bool, status: str, expected: object) -> None:
    assert verdict(judge(task("job", before=before, moved=moved), sight(status), NOW)) == expected


@pytest.mark.parametrize(
    ("seconds", "moved", "status", "expected"),
    [
        (0.0, False, "stopped", "done"),
        (0.0, False, "running", "keep"),
        (29.9, False, "running", "keep"),
        (30.0, False, "running", ("failed", "running")),
        (1.0, True, "running", ("failed", "running")),
        (60.0, False, "stopping", "keep"),
        (1.0, False, "abnormal", ("failed", "abnormal")),
    ],
)
def test_after_a_good_end_of_its_job_the_status_may_lag_for_a_while(
    seconds: float, moved: bool, status: str, expected: object
) -> None:
    waiting = task("confirm", since=NOW - seconds, moved=moved, job_ended=True)

    assert verdict(judge(waiting, sight(status), NOW)) == expected


def test_a_disagreement_says_what_is_known_of_the_job() -> None:
    messages = []
    for ended in (True, False):
        failure = judge(task("confirm", since=NOW - 31, job_ended=ended), sight("running"), NOW)
        assert isinstance(failure, Failure)
        messages.append(failure.message)

    assert messages == [
        "its job ended well, but 30 s later it still shows running",
        "its job cannot be read, but 30 s later it still shows running",
    ]


@pytest.mark.parametrize(
    ("seconds", "status", "expected"),
    [
        (0.0, "stopped", "done"),
        (0.0, "stopping", "join"),
        (0.0, "running", "keep"),
        (5.9, "running", "keep"),
        (6.0, "running", "send"),
        (1.0, "frozen", ("failed", "frozen")),
    ],
)
def test_after_a_lost_answer_only_an_unchanged_status_of_some_seconds_allows_another_request(
    seconds: float, status: str, expected: object
) -> None:
    assert verdict(judge(task("verify", since=NOW - seconds), sight(status), NOW)) == expected


def test_patience_counts_until_the_look_was_made_not_until_its_answer_came() -> None:
    waiting = task("verify", since=NOW - 6.0)

    assert judge(waiting, sight("running", at=NOW - 0.1), NOW) == "keep"


def test_a_sight_is_remembered_and_that_the_phone_moved() -> None:
    waiting = task("job")

    waiting.judged(sight("running"), NOW)
    assert (waiting.sight, waiting.moved) == (sight("running"), False)

    waiting.judged(sight("stopping"), NOW)
    assert (waiting.sight, waiting.moved) == (sight("stopping"), True)


TIMEOUT = Failure("timeout", "timeout", "")
FAILED = replace(TIMEOUT, kind="failed")


@pytest.mark.parametrize(
    ("phase", "power", "seen", "failure", "status"),
    [
        ("look", "stopped", None, TIMEOUT, None),
        ("confirm", "stopped", "stopped", None, "stopped"),
        ("job", "stopped", "running", TIMEOUT, "stopping"),  # as seen before its job began: that is over
        ("job", "running", "stopped", TIMEOUT, "restarting"),
        ("job", "stopped", "stopping", TIMEOUT, "stopping"),
        ("job", "stopped", "running", FAILED, "stopping"),
        ("verify", "stopped", "running", TIMEOUT, "running"),  # nobody knows whether anything was started
    ],
)
def test_the_status_reported_is_as_seen_or_on_the_way_when_a_job_was_started_since(
    phase: Phase, power: Power, seen: str | None, failure: Failure | None, status: str | None
) -> None:
    waiting = task(phase, power, sight=sight(seen) if seen else None)

    assert waiting.outcome(failure).status == status
