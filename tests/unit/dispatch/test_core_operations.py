"""Operations: a bound on the phones in flight, and two that want one phone."""

from __future__ import annotations

from collections import Counter, deque

import pytest

from pulumi_cph.dispatch import events as ev
from pulumi_cph.observe import Sight
from tests.unit.dispatch.driver import (
    FROZEN,
    RUNNING,
    STOP_FAILED,
    STOPPED,
    STOPPING,
    Drive,
    TinyCloud,
    fleet,
    ids,
    lose,
    refuse,
    rejected,
    wishes,
)

P1, P2, P3 = ids(3)


# --- a bound on the phones in flight


def most_in_flight(drive: Drive, cloud: TinyCloud) -> int:
    """Phones that were changing at once, judged by when requests were sent and jobs ended."""
    changes = [(at, 1) for at, post in drive.posts for _ in post.phone_ids]
    changes += [(end, -1) for _, end, _ in cloud._jobs.values()]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def test_no_more_phones_are_changed_at_once_than_allowed() -> None:
    cloud = fleet(100, seconds=lambda phone_id: 5.0 + int(phone_id[-2:]) % 7)
    drive = Drive(cloud).order(1, wishes(ids(100)), max_in_flight=20).run()

    assert most_in_flight(drive, cloud) == 20
    assert not drive.failures()


def test_a_bound_makes_no_request_for_each_phone_that_has_landed() -> None:
    cloud = fleet(1_000, seconds=lambda phone_id: 5.0 + int(phone_id[-3:]) % 40)
    drive = Drive(cloud).order(1, wishes(ids(1_000)), max_in_flight=100).run()

    assert len(drive.posts) <= 40


@pytest.mark.parametrize("bound", [1, 2, 3])
def test_the_smallest_bounds_work_too(bound: int) -> None:
    cloud = fleet(7)
    drive = Drive(cloud).order(1, wishes(ids(7)), max_in_flight=bound).run()

    assert most_in_flight(drive, cloud) == bound
    assert not drive.failures()


def test_with_a_bound_the_servers_come_in_turn() -> None:
    drive = Drive(fleet(12, servers=3)).order(1, wishes(sorted(ids(12), key=lambda i: int(i[-2:]) % 3)), seen=True)
    drive = drive.run()
    alike = Drive(fleet(12, servers=3)).order(
        1, wishes(sorted(ids(12), key=lambda i: int(i[-2:]) % 3)), seen=True, max_in_flight=3
    )
    alike.run()

    for _, post in alike.posts:
        assert sorted(int(phone_id[-2:]) % 3 for phone_id in post.phone_ids) == [0, 1, 2]


def test_phones_that_need_nothing_do_not_wait_for_their_turn() -> None:
    phones = {phone_id: STOPPED if n % 10 else RUNNING for n, phone_id in enumerate(ids(1_000))}
    cloud = TinyCloud(phones)
    drive = Drive(cloud).order(1, wishes(ids(1_000)), seen=True, max_in_flight=10).run()

    assert not drive.failures()
    assert len(drive.posts) == 10
    assert most_in_flight(drive, cloud) == 10


def test_a_wave_that_begins_later_is_preceded_by_a_look() -> None:
    cloud = fleet(20, seconds=lambda _: 30.0)
    drive = Drive(cloud).order(1, wishes(ids(20)), seen=True, max_in_flight=10)
    drive.at(20.0, lambda: [cloud.change(phone_id, STOPPED) for phone_id in ids(10, first=10)]).run()

    assert drive.sent == [("stop", 10)]
    assert not drive.failures()


def test_when_more_than_half_of_ten_have_failed_the_rest_is_left_alone() -> None:
    cloud = fleet(100, failing=dict.fromkeys(ids(6), "CPS.0054"))
    drive = Drive(cloud).order(1, wishes(ids(100)), max_in_flight=10).run()

    assert drive.sent == [("stop", 10)]
    assert Counter(drive.failures().values()) == {("failed", "held-back"): 90, ("failed", "CPS.0054"): 6}


def test_half_of_ten_failed_is_not_enough_to_leave_the_rest_alone() -> None:
    cloud = fleet(100, failing=dict.fromkeys(ids(5), "CPS.0054"))
    drive = Drive(cloud).order(1, wishes(ids(100)), max_in_flight=10).run()

    assert len(drive.failures()) == 5


def test_phones_that_no_request_could_help_do_not_hold_back_the_rest() -> None:
    cloud = TinyCloud({phone_id: FROZEN if n < 40 else RUNNING for n, phone_id in enumerate(ids(100))})
    drive = Drive(cloud).order(1, wishes(ids(100)), max_in_flight=10).run()

    assert Counter(drive.failures().values()) == {("refused", "frozen"): 40}


def test_without_a_bound_nothing_is_held_back() -> None:
    cloud = fleet(300, failing=dict.fromkeys(ids(200), "CPS.0054"))
    drive = Drive(cloud).order(1, wishes(ids(300))).run()

    assert set(drive.failures().values()) == {("failed", "CPS.0054")}
    assert len(drive.failures()) == 200


# --- two operations and one phone


def test_two_operations_that_want_the_same_share_the_request_and_its_job() -> None:
    drive = Drive(fleet(1)).order(1, wishes([P1])).order(2, wishes([P1]), at=2.0).run()

    assert len(drive.posts) == 1
    assert drive.outcome(P1, 1) == drive.outcome(P1, 2) == ev.Outcome(P1, "stopped", "job-2", "request-1")


def test_two_operations_that_want_the_opposite_have_their_way_one_after_the_other() -> None:
    drive = Drive(fleet(1)).order(1, wishes([P1]), seen=True)
    drive.order(2, wishes([P1], "running"), seen=True, at=1.0).run()

    assert drive.sent == [("stop", 1), ("start", 1)]
    assert drive.outcome(P1, 1).status == "stopped"
    assert drive.outcome(P1, 2).status == "running"
    assert drive.outcome(P1, 2).job_id == "job-4"


def test_what_was_seen_before_our_own_change_decides_nothing_after_it() -> None:
    # Fresh enough by its age, but from before the first operation's stop.
    before = {P1: Sight(P1, "running", 0.0)}
    drive = Drive(fleet(1, seconds=lambda _: 2.0)).order(1, wishes([P1]), seen=before)
    drive.order(2, wishes([P1], "running"), seen=before, at=0.1)
    drive.order(3, wishes([P1], "running"), seen=before, at=5.5).run()

    assert drive.sent == [("stop", 1), ("start", 1)]
    assert drive.outcome(P1, 2).status == "running"
    assert not drive.failures(3)


def test_the_other_power_states_turn_comes_when_nobody_waits_for_the_first_any_more() -> None:
    cloud = fleet(1, STOPPING)
    cloud.change(P1, STOP_FAILED, at=30.0)
    drive = Drive(cloud).order(1, wishes([P1], "running"), deadline=20.0)
    drive.order(2, wishes([P1]), at=1.0).run()

    assert drive.failures(1) == {P1: ("timeout", "timeout")}
    assert drive.failures(2) == {P1: ("failed", "stop-failed")}  # joined at 20 s, and left its way at 30 s
    assert drive.posts == []


def test_a_lost_request_that_nobody_wants_any_more_is_not_sent_again() -> None:
    cloud = fleet(1, replies=deque([lose(carried_out=False)]))
    drive = Drive(cloud).order(1, wishes([P1]), deadline=3.0)
    drive.order(2, wishes([P1], "running"), at=1.0).run()

    assert len(drive.posts) == 1
    assert not drive.failures(2)
    assert drive.finished_at[2] > 6.0  # it may have been carried out: that is waited for


def test_a_refused_request_that_nobody_wants_any_more_is_not_divided() -> None:
    cloud = fleet(2, replies=deque([refuse(rejected("CPS.0005"))]))
    drive = Drive(cloud, latency=2.0).order(1, wishes([P1, P2]), seen=True, deadline=0.5)
    drive.order(2, wishes([P1, P2], "running"), at=1.0).run()

    assert len(drive.posts) == 1
    assert not drive.failures(2)


def test_no_second_request_leaves_while_the_answer_to_the_first_is_awaited_by_nobody() -> None:
    def latency(effect: ev.Effect) -> float:
        return 5.0 if isinstance(effect, ev.Post) else 0.05

    drive = Drive(fleet(1), latency=latency).order(1, wishes([P1]), seen=True, deadline=0.5)
    drive.order(2, wishes([P1]), at=2.0).run()

    assert len(drive.posts) == 1
    assert drive.outcome(P1, 2) == ev.Outcome(P1, "stopped", "job-2", "request-1")


@pytest.mark.parametrize("bound", [1, 2])
def test_a_phone_that_waits_for_another_operation_keeps_its_place_in_the_bound(bound: int) -> None:
    drive = Drive(fleet(3)).order(1, wishes([P1]), seen=True)
    drive.order(2, {P1: "running", P2: "stopped", P3: "stopped"}, at=1.0, max_in_flight=bound).run()

    assert not drive.failures(2)


def test_a_job_that_nobody_waits_for_ends_before_the_other_power_state_has_its_turn() -> None:
    drive = Drive(fleet(1, seconds=lambda _: 30.0)).order(1, wishes([P1]), deadline=10.0)
    drive.order(2, wishes([P1], "running"), at=5.0).run()

    assert drive.failures(1) == {P1: ("timeout", "timeout")}
    assert drive.sent == [("stop", 1), ("start", 1)]
    assert drive.times[1] > 30.0


def test_a_newer_sight_of_another_operation_takes_a_phone_out_of_a_batch_that_has_not_left() -> None:
    cloud = fleet(1, STOPPED)
    drive = Drive(cloud).order(1, wishes([P1], "running"), seen=True)
    drive.at(0.01, lambda: cloud.change(P1, RUNNING))
    drive.order(2, wishes([P1], "running"), seen={P1: Sight(P1, "running", 0.02)}, at=0.02).run()

    assert drive.posts == []
    assert not drive.failures(1)


def test_a_look_that_comes_late_takes_a_phone_out_of_a_batch_that_has_not_left() -> None:
    def latency(effect: ev.Effect) -> float:
        return 1.0 if isinstance(effect, ev.Look) else 0.05

    # The first operation's look is under way when it gives up, and brings something newer than the second knows.
    drive = Drive(fleet(1, RUNNING), latency=latency).order(1, wishes([P1]), deadline=0.3)
    drive.order(2, wishes([P1], "running"), seen={P1: Sight(P1, "stopped", 0.0)}, at=1.02).run()

    assert drive.posts == []
    assert not drive.failures(2)
