"""How waits end before the phones are there: no credentials, no time, told to."""

from __future__ import annotations

from collections import Counter, deque

import pytest

from pulumi_cph.api.errors import Interrupted
from pulumi_cph.dispatch import events as ev
from tests.unit.dispatch.driver import (
    PLACE,
    Drive,
    accept,
    fleet,
    ids,
    refuse,
    unauthorised,
    wishes,
)

P1, P2, P3 = ids(3)


# --- the credentials are refused


def test_after_a_401_nothing_is_sent_any_more_and_every_operation_ends() -> None:
    cloud = fleet(150, replies=deque([refuse(unauthorised()), accept]))
    drive = Drive(cloud).order(1, wishes(ids(150)), seen=True).run(until=10.0)
    drive.order(2, wishes(ids(1))).run()

    assert set(drive.failures(1).values()) == {("failed", "APIGW.0301")}
    assert drive.failures(2) == {P1: ("failed", "APIGW.0301")}
    assert drive.finished_at[1] < 1.0
    assert cloud.calls["list_jobs"] == 0


def test_a_401_stays_for_the_job_ids_of_requests_that_are_under_way() -> None:
    cloud = fleet(200, replies=deque([refuse(unauthorised()), accept]))

    def latency(effect: ev.Effect) -> float:
        return 0.3 if isinstance(effect, ev.Post) and effect.number == 2 else 0.1

    drive = Drive(cloud, latency=latency).order(1, wishes(ids(200)), seen=True).run()

    jobs = Counter(outcome.job_id is not None for outcome in drive.finished[1].values())
    assert jobs == {True: 100, False: 100}
    assert drive.finished_at == {1: 0.3}


def test_a_401_of_a_look_or_a_listing_ends_all_too() -> None:
    looking = fleet(1, look_trouble=unauthorised)
    polling = fleet(1, job_trouble=lambda _: unauthorised())

    for cloud in (looking, polling):
        drive = Drive(cloud).order(1, wishes([P1])).run()
        assert drive.failures() == {P1: ("failed", "APIGW.0301")}


# --- the time is over


def test_at_the_deadline_the_wait_ends_and_the_job_is_known() -> None:
    cloud = fleet(2, seconds=lambda _: 500.0)
    drive = Drive(cloud).order(1, wishes(ids(2)), deadline=60.0).run()

    assert drive.failures() == dict.fromkeys(ids(2), ("timeout", "timeout"))
    assert drive.finished_at == {1: 60.0}
    assert drive.outcome(P1).job_id == "job-2"
    assert drive.outcome(P1).status == "stopping"


def test_the_deadline_of_one_operation_is_not_that_of_another_that_waits_for_the_same_phone() -> None:
    cloud = fleet(1, seconds=lambda _: 100.0)
    drive = Drive(cloud).order(1, wishes([P1]), deadline=60.0).order(2, wishes([P1])).run()

    assert drive.failures(1) == {P1: ("timeout", "timeout")}
    assert not drive.failures(2)
    assert len(drive.posts) == 1


def test_phones_that_have_not_been_begun_by_the_deadline_never_are() -> None:
    cloud = fleet(30, seconds=lambda _: 40.0)
    drive = Drive(cloud).order(1, wishes(ids(30)), max_in_flight=10, deadline=60.0).run(until=500.0)

    assert len(drive.posts) == 2
    assert Counter(o.failure is None for o in drive.finished[1].values()) == {True: 10, False: 20}


def test_a_batch_that_gathers_at_the_deadline_does_not_leave() -> None:
    drive = Drive(fleet(1)).order(1, wishes([P1]), seen=True, deadline=0.04).run(until=500.0)

    assert drive.posts == []
    assert drive.finished_at == {1: 0.04}


def test_an_operation_that_is_submitted_too_late_sends_nothing() -> None:
    drive = Drive(fleet(100)).order(1, wishes(ids(100)), seen=True, at=10.0, deadline=5.0).run(until=500.0)

    assert drive.posts == []
    assert set(drive.failures().values()) == {("timeout", "timeout")}


def test_at_the_deadline_the_answer_of_a_request_under_way_is_stayed_for() -> None:
    drive = Drive(fleet(1), latency=0.3).order(1, wishes([P1]), seen=True, deadline=0.2).run()

    assert drive.outcome(P1).job_id == "job-2"
    assert drive.failures() == {P1: ("timeout", "timeout")}
    assert drive.finished_at[1] == pytest.approx(0.35)


# --- the end from outside


def test_the_end_interrupts_every_wait_and_whatever_is_submitted_later() -> None:
    drive = Drive(fleet(3, seconds=lambda _: 500.0)).order(1, wishes(ids(2))).end("cancelled", at=10.0)
    drive.run(until=11.0)
    drive.order(2, wishes([P3])).run()

    assert drive.failures(1) == dict.fromkeys(ids(2), ("interrupted", "interrupted"))
    assert drive.failures(2) == {P3: ("interrupted", "interrupted")}
    failure = drive.outcome(P1).failure
    assert failure is not None
    assert failure.message == "cancelled"
    assert drive.finished_at[1] == 10.0


def test_the_end_stays_for_the_job_ids_of_a_request_under_way() -> None:
    drive = Drive(fleet(150), latency=0.4).order(1, wishes(ids(150)), seen=True).end(at=0.02).run()

    jobs = Counter(outcome.job_id is not None for outcome in drive.finished[1].values())
    assert jobs == {True: 100, False: 50}  # the second batch was still gathering
    assert drive.finished_at == {1: 0.4}
    assert len(drive.posts) == 1


def test_the_end_does_not_wait_long_for_an_answer_that_does_not_come() -> None:
    drive = Drive(fleet(1), latency=60.0).order(1, wishes([P1]), seen=True).end(at=1.0).run()

    assert drive.finished_at[1] == pytest.approx(1.7)
    assert drive.failures() == {P1: ("interrupted", "interrupted")}


def test_a_request_accepted_after_the_wait_ended_is_still_told_of() -> None:
    drive = Drive(fleet(1), latency=5.0).order(1, wishes([P1]), seen=True).end(at=1.0).run()

    assert drive.of(ev.Accepted) == [ev.Accepted(PLACE, "stop", "request-1", 1, ())]


def test_a_request_that_the_end_kept_from_leaving_is_no_failure_of_the_service() -> None:
    cloud = fleet(1, replies=deque([refuse(Interrupted())]))
    drive = Drive(cloud).order(1, wishes([P1])).run()

    assert drive.failures() == {P1: ("interrupted", "interrupted")}


def test_the_end_comes_also_to_operations_that_wait_for_each_others_phone() -> None:
    drive = Drive(fleet(1, seconds=lambda _: 60.0)).order(1, wishes([P1])).order(2, wishes([P1], "running"))
    drive.end(at=10.0).run()

    assert {**drive.failures(1), **drive.failures(2)} == {P1: ("interrupted", "interrupted")}
    assert len(drive.posts) == 1
