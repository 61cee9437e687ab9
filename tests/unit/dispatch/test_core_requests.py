"""What needs a request, how phones share one, and how old the look behind it may be."""

from __future__ import annotations

import pytest

from pulumi_cph.dispatch import events as ev
from pulumi_cph.observe import Sight
from tests.unit.dispatch.driver import (
    FROZEN,
    PLACE,
    RESTARTING,
    RUNNING,
    STOP_FAILED,
    STOPPED,
    STOPPING,
    Drive,
    TinyCloud,
    fleet,
    ids,
    wishes,
)

P1, P2, P3 = ids(3)


# --- batches


def test_full_batches_leave_at_once() -> None:
    drive = Drive(fleet(250)).order(1, wishes(ids(250)), seen=True).run()

    assert drive.sent == [("stop", 100), ("stop", 100), ("stop", 50)]
    assert drive.times == [0.0, 0.0, 0.05]


def test_phones_that_operations_ask_for_one_by_one_share_a_request() -> None:
    drive = Drive(fleet(40))
    for n, phone_id in enumerate(ids(40)):
        drive.order(n, wishes([phone_id]), seen=True, at=0.002 * n)
    drive.run()

    assert drive.sent == [("stop", 40)]


def test_a_batch_leaves_when_nothing_was_added_for_50_ms() -> None:
    drive = Drive(fleet(3))
    for n, at in enumerate((0.0, 0.04, 0.2)):
        drive.order(n, wishes([ids(3)[n]]), seen=True, at=at)
    drive.run()

    assert drive.sent == [("stop", 2), ("stop", 1)]
    assert drive.times == [0.09, 0.25]


def test_a_batch_leaves_500_ms_after_its_first_phone_however_many_follow() -> None:
    drive = Drive(fleet(60))
    for n, phone_id in enumerate(ids(60)):
        drive.order(n, wishes([phone_id]), seen=True, at=0.03 * n)
    drive.run()

    assert drive.times[0] == 0.5
    assert drive.sent[0] == ("stop", 17)


def test_places_and_verbs_do_not_share_requests() -> None:
    east, west = TinyCloud({P1: RUNNING, P2: STOPPED}), TinyCloud({P1: RUNNING, P3: RUNNING})
    drive = Drive({"east": east, "west": west})
    drive.order(1, {P1: "stopped", P2: "running"}, place="east", seen=True)
    drive.order(2, {P1: "stopped", P3: "running"}, place="west", seen=True)
    drive.run()

    assert sorted((post.place, post.verb, post.phone_ids) for _, post in drive.posts) == [
        ("east", "start", (P2,)),
        ("east", "stop", (P1,)),
        ("west", "stop", (P1,)),
    ]
    assert not drive.failures(1)
    assert not drive.failures(2)


# --- what needs no request


def test_a_phone_that_is_already_there_costs_nothing() -> None:
    cloud = fleet(3, STOPPED)
    drive = Drive(cloud).order(1, wishes(ids(3)), seen=True)
    drive.run(until=0.0)

    assert drive.finished_at == {1: 0.0}
    assert [effect for effect in drive.effects if not isinstance(effect, ev.Finish)] == []
    assert {outcome.status for outcome in drive.finished[1].values()} == {"stopped"}


def test_ten_thousand_phones_that_are_there_already_end_in_one_step() -> None:
    drive = Drive(fleet(10_000, STOPPED)).order(1, wishes(ids(10_000)), seen=True)
    drive.run(until=0.0)

    assert (len(drive.finished[1]), drive.steps) == (10_000, 1)


def test_ten_thousand_operations_for_the_same_phone_end_with_it() -> None:
    drive = Drive(fleet(1))
    for op in range(10_000):
        drive.order(op, wishes([P1], "stopped" if op % 2 else "running"))
    drive.run()

    assert len(drive.finished) == 10_000


def test_an_operation_that_wants_nothing_ends_at_once() -> None:
    drive = Drive(fleet(1)).order(1, {}).run()

    assert drive.finished == {1: {}}


def test_a_joined_phone_costs_no_request() -> None:
    cloud = fleet(1, STOPPING)
    cloud.change(P1, STOPPED, at=10.0)
    drive = Drive(cloud).order(1, wishes([P1])).run()

    assert drive.posts == []
    assert drive.outcome(P1) == ev.Outcome(P1, "stopped")
    assert 10.0 <= drive.finished_at[1] < 12.0


def test_a_joined_phone_that_leaves_its_way_fails() -> None:
    cloud = fleet(1, STOPPING)
    cloud.change(P1, STOP_FAILED, at=10.0)
    drive = Drive(cloud).order(1, wishes([P1])).run()

    assert drive.failures() == {P1: ("failed", "stop-failed")}


def test_a_phone_on_its_way_elsewhere_is_decided_again_when_it_has_settled() -> None:
    cloud = fleet(1, RESTARTING)
    cloud.change(P1, RUNNING, at=10.0)
    drive = Drive(cloud).order(1, wishes([P1])).run()

    assert drive.sent == [("stop", 1)]
    assert 10.0 <= drive.times[0] < 12.0
    assert drive.outcome(P1).status == "stopped"


def test_a_phone_that_settles_where_it_should_be_needs_no_request() -> None:
    cloud = fleet(1, STOPPING)
    cloud.change(P1, RUNNING, at=10.0)
    drive = Drive(cloud).order(1, wishes([P1], "running")).run()

    assert drive.posts == []
    assert not drive.failures()


def test_a_phone_that_no_request_can_help_is_refused_and_the_others_are_not() -> None:
    cloud = TinyCloud({P1: RUNNING, P2: FROZEN})
    drive = Drive(cloud).order(1, wishes(ids(3))).run()

    assert drive.sent == [("stop", 1)]
    assert drive.failures() == {P2: ("refused", "frozen"), P3: ("refused", "missing")}


# --- the usual way


def test_the_outcome_carries_the_job_and_the_request() -> None:
    drive = Drive(fleet(2)).order(1, wishes(ids(2))).run()

    assert drive.outcome(P1) == ev.Outcome(P1, "stopped", "job-2", "request-1")
    assert drive.outcome(P2) == ev.Outcome(P2, "stopped", "job-3", "request-1")


def test_every_accepted_request_is_told_of_at_once_with_its_operations() -> None:
    drive = Drive(fleet(2)).order(1, wishes([P1]), seen=True).order(2, wishes([P2]), seen=True).run()

    assert drive.of(ev.Accepted) == [ev.Accepted(PLACE, "stop", "request-1", 2, (1, 2))]


def test_progress_is_told_every_five_seconds() -> None:
    cloud = fleet(3, seconds=lambda phone_id: 2.0 if phone_id == P1 else 11.0)
    cloud.refusals[P2] = ["CPS.1028"]
    drive = Drive(cloud).order(1, wishes(ids(3))).run()

    assert drive.of(ev.Progress) == [ev.Progress(1, 1, 1, 1), ev.Progress(1, 1, 1, 1)]


@pytest.mark.parametrize("seconds", [3.0, 6.0, 30.0, 300.0])
def test_the_delay_after_a_jobs_end_is_a_small_fraction_of_its_length(seconds: float) -> None:
    drive = Drive(fleet(100, seconds=lambda _: seconds)).order(1, wishes(ids(100)), seen=True).run()

    assert drive.finished_at[1] - seconds < 0.8 + 0.1 * seconds


def test_nothing_is_waited_for_when_all_is_over() -> None:
    drive = Drive(fleet(150)).order(1, wishes(ids(150)), deadline=1_000.0).run()

    assert drive.core.wake_at == float("inf")


# --- how old a look may be


def test_a_request_that_waited_too_long_for_its_turn_is_preceded_by_a_new_look() -> None:
    cloud = fleet(2)
    drive = Drive(cloud).order(1, wishes(ids(2)), seen=True)
    perform = drive._request

    def busy(effect: ev.Look | ev.Post | ev.ListJobs | ev.ShowJob) -> ev.Event:
        if isinstance(effect, ev.Post) and effect.number == 1:
            drive._hold_to_the_rules(effect)
            assert effect.not_after == 10.0
            cloud.change(P1, STOPPED)
            return ev.Posted(effect, None)
        return perform(effect)

    drive._request = busy  # type: ignore[method-assign]
    drive.run()

    assert [post.phone_ids for _, post in drive.posts] == [(P2,)]
    assert not drive.failures()


@pytest.mark.parametrize(("age", "looks"), [(8.9, 0), (9.1, 1)])
def test_a_sight_that_would_be_too_old_when_the_request_leaves_is_replaced(age: float, looks: int) -> None:
    drive = Drive(fleet(1)).order(1, wishes([P1]), seen={P1: Sight(P1, "running", 0.0)}, at=age)
    drive.run(until=age + 0.2)

    assert len(drive.of(ev.Look)) == looks
    assert len(drive.posts) == 1


def test_a_phone_that_somebody_saw_a_moment_ago_costs_no_look() -> None:
    cloud = fleet(1)
    drive = Drive(cloud).at(0.0, lambda: drive._seen([P1], PLACE)).order(1, wishes([P1]), at=3.0)
    drive.run(until=3.5)

    assert len(drive.posts) == 1
    assert cloud.calls["list_phones"] == 1
