"""The dispatcher's decisions, on a stepped clock against a scripted cloud (see `driver`)."""

from __future__ import annotations

import sys
from collections import Counter, deque
from random import Random

import pytest

from pulumi_cph.api.errors import ConnectionFailed, Interrupted, ServerError, Throttled
from pulumi_cph.api.models import BatchAnswer, BatchEntry
from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.core import Core
from pulumi_cph.dispatch.policy import backoff
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
    accept,
    fleet,
    ids,
    lose,
    refuse,
    rejected,
    unauthorised,
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


# --- refusals inside an answer


@pytest.mark.parametrize("code", ["CPS.0053", "CPS.0004", "CPS.0001", "CPS.1028", "CPS.9999", "CPS.0005"])
def test_a_phone_refused_for_good_fails_alone_and_at_once(code: str) -> None:
    cloud = fleet(3)
    cloud.refusals[P2] = [code] * 9
    drive = Drive(cloud).order(1, wishes(ids(3))).run()

    assert drive.sent == [("stop", 3)]
    assert drive.failures() == {P2: ("refused", code)}
    failure = drive.outcome(P2).failure
    assert failure is not None
    assert (failure.message, failure.request_id) == (f"said {code}", "request-1")


@pytest.mark.parametrize("code", ["CPS.0042", "CPS.0003", "CPS.0141", "CPS.0165", "CPS.0158", "CPS.0190"])
def test_a_phone_refused_for_a_passing_reason_is_asked_for_again(code: str) -> None:
    cloud = fleet(3)
    cloud.refusals[P2] = [code, code]
    drive = Drive(cloud).order(1, wishes(ids(3))).run()

    assert drive.sent == [("stop", 3), ("stop", 1), ("stop", 1)]
    assert not drive.failures()


def test_after_five_tries_a_passing_reason_is_taken_for_a_lasting_one() -> None:
    cloud = fleet(1)
    cloud.refusals[P1] = ["CPS.0042"] * 99
    drive = Drive(cloud).order(1, wishes([P1])).run()

    assert len(drive.posts) == 5
    assert drive.failures() == {P1: ("refused", "CPS.0042")}


@pytest.mark.parametrize("random", [0.5, 0.999])
@pytest.mark.parametrize("code", ["CPS.0042", "CPS.0141"])
def test_tries_are_spread_over_seconds_but_not_over_more_than_a_minute(code: str, random: float) -> None:
    cloud = fleet(1)
    cloud.refusals[P1] = [code] * 99
    drive = Drive(cloud, random=lambda: random).order(1, wishes([P1])).run()

    assert 5.0 < drive.times[-1] - drive.times[0] <= 61.0


def test_the_whole_wait_before_another_try_is_left_to_chance() -> None:
    waits = {backoff(2, n / 10, None, slow=False) for n in range(10)}

    assert min(waits) == 0.0
    assert max(waits) == 0.9 * 2.0
    assert len(waits) == 10
    assert backoff(2, 0.0, 7.0, slow=False) == 7.0, "what the service asks for is not"


def test_phones_refused_together_try_again_together() -> None:
    random = Random(1)
    cloud = fleet(100)
    cloud.refusals = {phone_id: ["CPS.0042"] for phone_id in ids(100)}
    drive = Drive(cloud, random=random.random).order(1, wishes(ids(100))).run()

    assert drive.sent == [("stop", 100), ("stop", 100)]


def test_before_another_try_the_phone_is_looked_at() -> None:
    cloud = fleet(1)
    cloud.refusals[P1] = ["CPS.0141"]
    drive = Drive(cloud).order(1, wishes([P1]), seen=True)
    drive.at(0.5, lambda: cloud.change(P1, STOPPED)).run()

    assert len(drive.posts) == 1
    assert drive.outcome(P1) == ev.Outcome(P1, "stopped")


def test_a_phone_without_an_entry_is_judged_by_its_own_status() -> None:
    def forgetful(cloud: TinyCloud, verb: str, phone_ids: tuple[str, ...]) -> BatchAnswer:
        answer = cloud.carry_out(verb, phone_ids)
        return BatchAnswer(answer.request_id, answer.entries[:1])

    drive = Drive(fleet(2, replies=deque([forgetful]))).order(1, wishes(ids(2))).run()

    assert len(drive.posts) == 1
    assert (drive.outcome(P1).job_id, drive.outcome(P2).job_id) == ("job-2", None)
    assert not drive.failures()


def test_of_two_entries_for_a_phone_the_one_with_a_job_counts_and_strangers_are_passed_over() -> None:
    def muddled(cloud: TinyCloud, verb: str, phone_ids: tuple[str, ...]) -> BatchAnswer:
        answer = cloud.carry_out(verb, phone_ids)
        wrong = [BatchEntry(i, None, "CPS.0003", "?") for i in (*phone_ids, "stranger")]
        return BatchAnswer(answer.request_id, (*wrong, *answer.entries, *wrong))

    drive = Drive(fleet(2, replies=deque([muddled]))).order(1, wishes(ids(2))).run()

    assert len(drive.posts) == 1
    assert not drive.failures()


def test_phones_that_share_one_job_are_told_apart_by_their_status() -> None:
    def shared(cloud: TinyCloud, verb: str, phone_ids: tuple[str, ...]) -> BatchAnswer:
        answer = cloud.carry_out(verb, phone_ids)
        job_id = answer.entries[0].job_id
        return BatchAnswer(answer.request_id, tuple(BatchEntry(i, job_id, None, None) for i in phone_ids))

    drive = Drive(fleet(3, replies=deque([shared]))).order(1, wishes(ids(3))).run()

    assert not drive.failures()


def test_an_answer_without_a_request_id_leaves_the_phones_own_status() -> None:
    def nameless(cloud: TinyCloud, verb: str, phone_ids: tuple[str, ...]) -> BatchAnswer:
        return BatchAnswer(None, cloud.carry_out(verb, phone_ids).entries)

    drive = Drive(fleet(2, replies=deque([nameless]))).order(1, wishes(ids(2))).run()

    assert not drive.failures()
    assert drive.outcome(P1) == ev.Outcome(P1, "stopped", "job-2", None)


# --- lost answers


LOST = [
    ConnectionFailed("read timed out", sent=True),
    ServerError("bad gateway", call="batch-stop", http_status=502),
    rejected("CPS.0003", 500),
]


def test_a_lost_answer_is_not_sent_again_when_the_phones_show_that_it_was_carried_out() -> None:
    cloud = fleet(3, lag=3.0, replies=deque([lose(carried_out=True)]))
    drive = Drive(cloud).order(1, wishes(ids(3))).run()

    assert len(drive.posts) == 1
    assert not drive.failures()
    assert drive.outcome(P1) == ev.Outcome(P1, "stopped")


@pytest.mark.parametrize("error", LOST, ids=str)
def test_a_lost_answer_is_sent_again_when_the_phones_have_not_moved_for_six_seconds(error: Exception) -> None:
    cloud = fleet(3, replies=deque([refuse(error)]))  # type: ignore[arg-type]
    drive = Drive(cloud).order(1, wishes(ids(3)), seen=True).run()

    assert drive.sent == [("stop", 3), ("stop", 3)]
    assert 6.0 <= drive.times[1] - drive.times[0] < 8.0
    assert not drive.failures()


def test_of_a_request_that_was_carried_out_in_part_only_the_rest_is_sent_again() -> None:
    def half(cloud: TinyCloud, verb: str, phone_ids: tuple[str, ...]) -> BatchAnswer:
        cloud.carry_out(verb, phone_ids[:2])
        raise ConnectionFailed("connection reset", sent=True)

    drive = Drive(fleet(5, replies=deque([half]))).order(1, wishes(ids(5))).run()

    assert [post.phone_ids for _, post in drive.posts] == [tuple(ids(5)), tuple(ids(5)[2:])]
    assert not drive.failures()


def test_a_lost_start_never_restarts_a_phone_that_came_up() -> None:
    cloud = fleet(3, STOPPED, lag=3.0, seconds=lambda _: 1.0, replies=deque([lose(carried_out=True)]))
    drive = Drive(cloud).order(1, wishes(ids(3), "running")).run()

    assert drive.sent == [("start", 3)]
    assert not drive.failures()


def test_answers_that_are_lost_again_and_again_end_after_five_tries() -> None:
    cloud = fleet(1, replies=deque([lose(carried_out=False)] * 99))
    drive = Drive(cloud).order(1, wishes([P1])).run()

    assert len(drive.posts) == 5
    assert drive.failures() == {P1: ("failed", "no-effect")}


# --- whole requests refused


@pytest.mark.parametrize("code", ["CPS.0004", "CPS.0005", "CPS.0080", "CPS.0077"])
def test_a_batch_refused_for_one_phone_is_divided_until_that_phone_is_alone(code: str) -> None:
    bad = ids(100)[42]

    def picky(cloud: TinyCloud, verb: str, phone_ids: tuple[str, ...]) -> BatchAnswer:
        if bad in phone_ids:
            raise rejected(code)
        return cloud.carry_out(verb, phone_ids)

    drive = Drive(fleet(100, replies=deque([picky] * 99))).order(1, wishes(ids(100))).run()

    assert drive.failures() == {bad: ("refused", code)}
    assert len(drive.posts) <= 15


@pytest.mark.parametrize("code", ["CPS.0001", "CPS.0007", "CPS.9999", "APIGW.0302"])
def test_a_batch_refused_for_a_reason_that_is_no_phones_fails_at_once(code: str) -> None:
    cloud = fleet(100, replies=deque([refuse(rejected(code, 403))] * 99))
    drive = Drive(cloud).order(1, wishes(ids(100))).run()

    assert len(drive.posts) == 1
    assert set(drive.failures().values()) == {("failed", code)}


@pytest.mark.parametrize(
    "error",
    [
        Throttled("slow down", call="batch-stop", code="APIGW.0308", http_status=429, retry_after=7.0),
        ConnectionFailed("connection refused", sent=False),
        rejected("CPS.0042"),
        rejected("APIGW.0613", 503),
    ],
    ids=str,
)
def test_a_batch_refused_for_a_passing_reason_is_sent_again_as_one(error: Exception) -> None:
    random = Random(3)
    cloud = fleet(100, replies=deque([refuse(error)] * 2))  # type: ignore[arg-type]
    drive = Drive(cloud, random=random.random).order(1, wishes(ids(100))).run()

    assert drive.sent == [("stop", 100)] * 3
    assert not drive.failures()
    assert drive.times[1] - drive.times[0] >= (getattr(error, "retry_after", None) or 0.0)


def test_a_service_that_takes_fewer_phones_at_once_is_learnt_once() -> None:
    cloud = fleet(1_000, limit=30)
    drive = Drive(cloud, latency=0.0).order(1, wishes(ids(100))).run()
    first = cloud.calls["post"]
    drive.order(2, wishes(ids(900, first=100))).run()

    assert (first, cloud.calls["post"] - first) == (7, 36)
    assert {n for _, n in drive.sent[first:]} == {25}
    assert not drive.failures(1)
    assert not drive.failures(2)


def test_a_learnt_limit_is_of_its_place() -> None:
    drive = Drive({"small": fleet(100, limit=50), "large": fleet(100)})
    drive.order(1, wishes(ids(100)), place="small").run()
    drive.order(2, wishes(ids(100)), place="large").run()

    assert drive.sent == [("stop", 100), ("stop", 50), ("stop", 50), ("stop", 100)]


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


# --- looks that fail


def test_a_look_that_fails_before_anything_was_sent_fails_the_phones() -> None:
    cloud = fleet(2, look_trouble=lambda: ServerError("down", call="list-phones", http_status=503))
    drive = Drive(cloud).order(1, wishes(ids(2))).run()

    assert drive.failures() == dict.fromkeys(ids(2), ("failed", "HTTP-503"))
    assert drive.posts == []


def test_a_look_that_fails_later_is_repeated_since_what_was_begun_is_waited_for() -> None:
    cloud = fleet(2)
    drive = Drive(cloud).order(1, wishes(ids(2)), seen=True)
    cloud.look_trouble = lambda: ServerError("down", call="x", http_status=503) if 1 < cloud.now < 20 else None
    drive.run()

    assert not drive.failures()
    assert 20.0 < drive.finished_at[1] < 25.0


# --- jobs


def test_a_failed_job_fails_its_phone_with_its_code() -> None:
    cloud = fleet(3, failing={P2: "CPS.0054"})
    drive = Drive(cloud).order(1, wishes(ids(3))).run()

    assert drive.failures() == {P2: ("failed", "CPS.0054")}
    failure = drive.outcome(P2).failure
    assert failure is not None
    assert (failure.message, drive.outcome(P2).job_id) == ("said CPS.0054", "job-3")


def test_a_job_that_is_not_listed_is_asked_for_by_its_id() -> None:
    cloud = fleet(3, unlisted={P2}, failing={P2: "CPS.0054"})
    drive = Drive(cloud).order(1, wishes(ids(3))).run()

    assert drive.failures() == {P2: ("failed", "CPS.0054")}
    assert cloud.calls["show_job"] > 0


def test_a_job_that_is_not_known_at_all_leaves_the_phones_status() -> None:
    cloud = fleet(3, forgotten={P2})
    drive = Drive(cloud).order(1, wishes(ids(3))).run()

    assert not drive.failures()
    assert cloud.calls["show_job"] == 1


def test_a_request_that_is_not_known_at_all_leaves_the_phones_statuses() -> None:
    cloud = fleet(50, forgotten=set(ids(50)), job_trouble=lambda _: rejected("CPS.0050"))
    drive = Drive(cloud).order(1, wishes(ids(50))).run()

    assert not drive.failures()


def test_one_unknown_request_does_not_hide_the_others() -> None:
    def trouble(request_ids: list[str]) -> Exception | None:
        return rejected("CPS.0050") if "request-1" in request_ids else None

    cloud = fleet(300, forgotten=set(ids(100)), job_trouble=trouble)  # type: ignore[arg-type]
    drive = Drive(cloud).order(1, wishes(ids(300))).run()

    assert not drive.failures()
    assert drive.finished_at[1] < 9.0


def test_jobs_that_may_not_be_read_leave_the_phones_statuses() -> None:
    cloud = fleet(300, job_trouble=lambda _: rejected("CPS.0001", 403))
    drive = Drive(cloud).order(1, wishes(ids(300))).run()

    assert not drive.failures()
    assert cloud.calls["list_jobs"] == 1


def test_listings_that_fail_for_a_while_delay_the_end_only() -> None:
    def trouble(request_ids: list[str]) -> Exception | None:
        return ServerError("down", call="list-jobs", http_status=503) if cloud.now < 9.0 else None

    cloud = fleet(300)
    cloud.job_trouble = trouble  # type: ignore[assignment]
    drive = Drive(cloud).order(1, wishes(ids(300))).run()

    assert not drive.failures()
    assert 9.0 < drive.finished_at[1] < 14.0
    assert cloud.calls["list_jobs"] < 40


def test_new_jobs_are_asked_about_soon_although_old_ones_are_visited_rarely() -> None:
    cloud = fleet(2, seconds=lambda phone_id: 300.0 if phone_id == P1 else 3.0)
    drive = Drive(cloud).order(1, wishes([P1]), seen=True).order(2, wishes([P2]), seen=True, at=200.0).run()

    assert drive.finished_at[2] < 205.0


# --- the phones' own status


def test_a_phone_counts_as_done_when_its_status_agrees_with_its_job() -> None:
    cloud = fleet(1, lag=4.0)
    drive = Drive(cloud).order(1, wishes([P1])).run()

    assert drive.outcome(P1).status == "stopped"
    assert 10.0 < drive.finished_at[1] < 12.0


def test_a_status_that_disagrees_for_half_a_minute_is_a_failure() -> None:
    cloud = fleet(2, stuck={P2})
    drive = Drive(cloud).order(1, wishes(ids(2))).run()

    assert drive.failures() == {P2: ("failed", "running")}
    assert 36.0 < drive.finished_at[1] < 45.0


def test_a_phone_that_leaves_its_path_is_noticed_though_its_job_goes_on() -> None:
    cloud = fleet(2, seconds=lambda _: 500.0)
    drive = Drive(cloud).order(1, wishes(ids(2)))
    drive.at(5.0, lambda: cloud.change(P1, FROZEN)).run()

    assert drive.failures() == {P1: ("failed", "frozen")}
    assert drive.outcome(P1).status == "frozen"


def test_the_phones_of_unfinished_jobs_are_looked_at_after_15_s_and_then_ever_more_rarely() -> None:
    drive = Drive(fleet(1, seconds=lambda _: 200.0)).order(1, wishes([P1]), seen=True)
    looks: list[float] = []
    drive._latency = lambda effect: looks.append(round(drive.now)) or 0.05 if isinstance(effect, ev.Look) else 0.05  # type: ignore[func-returns-value]
    drive.run(until=199.0)

    assert looks == [15, 30, 60, 120]


def test_a_phone_that_an_operation_waits_for_alone_is_looked_at_soon_after_its_job_while_others_run() -> None:
    a, b, c = ids(3)
    cloud = fleet(3, seconds=lambda phone_id: 20.0 if phone_id == a else 100.0)

    drive = Drive(cloud).order(1, wishes([a]), seen=True).order(2, wishes([b, c]), seen=True).run()

    assert drive.finished_at[1] <= 20.0 + 2.2 + 0.2 * 22.2 + 0.2


def test_phones_are_looked_at_15_s_after_jobs_began_also_when_all_earlier_ones_have_ended() -> None:
    cloud = fleet(2, seconds=lambda _: 25.0)
    drive = Drive(cloud).order(1, wishes([P1]), seen=True).order(2, wishes([P2]), seen=True, at=100.0)
    looks: list[float] = []
    drive._latency = lambda effect: looks.append(round(drive.now)) or 0.05 if isinstance(effect, ev.Look) else 0.05  # type: ignore[func-returns-value]
    drive.run()

    assert looks[:2] == [15, 25]
    assert looks[2] == 115


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


# --- what it costs


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(("count", "most"), [(1_000, 75), (10_000, 400)])
def test_a_fleet_of_equal_jobs_costs_its_pages_and_a_listing_for_each_tick_and_request(
    count: int, most: int, shuffled: bool
) -> None:
    cloud = fleet(count, seconds=lambda _: 30.0, shuffle=Random(1) if shuffled else None)
    drive = Drive(cloud).order(1, wishes(ids(count))).run()

    pages, requests = count // 200, count // 100
    ticks, groups = 30, -(-requests // 20)
    # A look before, two at the phones on their way, one after.
    assert cloud.calls["list_phones"] <= 4 * pages
    assert cloud.calls["list_jobs"] <= ticks * groups + requests
    assert drive.gets <= most
    assert len(drive.posts) == requests
    assert drive.finished_at[1] < 30.0 * 1.1


def test_jobs_of_differing_length_cost_a_few_listings_for_each_request() -> None:
    random = Random(7)
    length = {phone_id: random.uniform(20, 60) for phone_id in ids(1_000)}
    drive = Drive(fleet(1_000, seconds=length.__getitem__)).order(1, wishes(ids(1_000))).run()

    assert drive.finished_at[1] < 60.0 * 1.25
    assert drive.gets < 300


def work(count: int) -> int:
    """Function calls that the core makes for a fleet, with the cloud's left out."""
    drive = Drive(fleet(count, seconds=lambda _: 30.0)).order(1, wishes(ids(count)))
    calls = 0

    def counting(frame: object, event: str, _: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    step = drive.core.step

    def counted(now: float, event: ev.Event) -> list[ev.Effect]:
        sys.setprofile(counting)
        try:
            return step(now, event)
        finally:
            sys.setprofile(None)

    drive.core.step = counted  # type: ignore[method-assign]
    drive.run()
    return calls


def test_the_work_grows_with_the_number_of_phones_and_not_with_its_square() -> None:
    small, large = work(500), work(4_000)

    assert large < 10 * small


# --- what the weather found


def test_a_request_does_not_leave_after_the_time_of_everybody_who_asked_for_it() -> None:
    core = Core(batch_size=1, random=lambda: 0.5)
    seen = {P1: Sight(P1, "running", 0.0)}
    effects = core.step(0.0, ev.Submitted(ev.Order(1, "place", {P1: "stopped"}, seen, deadline=5.0)))

    [post] = [effect for effect in effects if isinstance(effect, ev.Post)]
    assert post.not_after == 5.0


def test_phones_that_are_only_waited_for_do_not_keep_others_from_being_changed() -> None:
    core = Core(batch_size=1, random=lambda: 0.5)
    seen = {P1: Sight(P1, "creating", 0.0), P2: Sight(P2, "running", 0.0)}
    order = ev.Order(1, "place", {P1: "stopped", P2: "stopped"}, seen, max_in_flight=1)

    [post] = [effect for effect in core.step(0.0, ev.Submitted(order)) if isinstance(effect, ev.Post)]
    assert post.phone_ids == (P2,)


def test_phones_whose_last_change_failed_do_not_come_first_again() -> None:
    core = Core(batch_size=1, random=lambda: 0.5)
    seen = {P1: Sight(P1, "stop-failed", 0.0), P2: Sight(P2, "running", 0.0)}
    order = ev.Order(1, "place", {P1: "stopped", P2: "stopped"}, seen, max_in_flight=1)

    [post] = [effect for effect in core.step(0.0, ev.Submitted(order)) if isinstance(effect, ev.Post)]
    assert post.phone_ids == (P2,)


def test_when_jobs_cannot_be_listed_for_long_the_phone_s_own_status_decides() -> None:
    cloud = fleet(2)
    cloud.job_trouble = lambda _: ServerError("down", call="list-jobs", http_status=503)  # type: ignore[assignment]

    drive = Drive(cloud).order(1, wishes([P1, P2])).run()

    assert not drive.failures()
    assert 10.0 < drive.finished_at[1] < 14.0
    assert all(drive.outcome(phone_id).job_id for phone_id in (P1, P2))
