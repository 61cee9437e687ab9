"""What the answers to requests mean: refusals, and answers that are lost."""

from __future__ import annotations

from collections import deque
from random import Random

import pytest

from pulumi_cph.api.errors import ConnectionFailed, ServerError, Throttled
from pulumi_cph.api.models import BatchAnswer, BatchEntry
from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.policy import backoff
from tests.unit.dispatch.driver import (
    RUNNING,
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

P1, P2 = ids(2)


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


@pytest.mark.parametrize(("code", "limit"), [("CPS.0042", 1.0), ("CPS.0141", 4.0), ("CPS.0165", 4.0)])
def test_a_phone_that_must_settle_may_be_left_alone_for_longer_than_a_busy_service(code: str, limit: float) -> None:
    cloud = fleet(1)
    cloud.refusals[P1] = [code]
    drive = Drive(cloud, random=lambda: 1.0).order(1, wishes([P1]), seen=True).run()

    assert len(drive.times) == 2
    assert limit <= drive.times[1] - drive.times[0] < limit + 1.0


def test_a_phone_that_is_to_be_left_alone_is_not_taken_along_when_others_are_looked_at() -> None:
    others = ids(30, first=1)
    cloud = TinyCloud({P1: RUNNING, **dict.fromkeys(others, STOPPING)})
    cloud.replies.append(refuse(ServerError("busy", call="x", code="CPS.0042", http_status=503, retry_after=10.0)))
    drive = Drive(cloud, random=lambda: 0.0).order(1, wishes([P1]), seen=True)
    for number, phone_id in enumerate(others):
        cloud.change(phone_id, STOPPED, at=60.0)
        drive.order(2 + number, wishes([phone_id]), seen=True, at=0.02 * number)
    drive.run()

    assert len(drive.times) == 2
    assert drive.times[1] - drive.times[0] >= 10.0


def test_a_phone_whose_request_got_lost_with_its_operation_is_not_trusted_at_first_sight() -> None:
    cloud = fleet(1, lag=3.0, replies=deque([lose(carried_out=True)]))
    drive = Drive(cloud, latency=lambda effect: 1.5 if isinstance(effect, ev.Post) else 0.05)
    drive.order(1, wishes([P1]), seen=True, deadline=0.3).order(2, wishes([P1]), at=1.8).run()

    assert len(drive.posts) == 1
    assert drive.finished[2][P1] == ev.Outcome(P1, "stopped")


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
