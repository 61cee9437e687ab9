"""Waiting: jobs, looks and the phones' own status, and what that costs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from random import Random

import pytest

from pulumi_cph.api.errors import ServerError
from pulumi_cph.api.models import Job, Phone, PhonePage
from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.core import Core
from pulumi_cph.observe import Sight
from tests.unit.dispatch.driver import (
    FROZEN,
    PLACE,
    Drive,
    TinyCloud,
    fleet,
    ids,
    rejected,
    wishes,
)

P1, P2 = ids(2)


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


@pytest.mark.parametrize("kind", ["unlisted", "forgotten"])
def test_jobs_that_no_listing_tells_of_end_in_time_however_many_requests_there_are(kind: str) -> None:
    cloud = fleet(200, **{kind: set(ids(200))})
    drive = Drive(cloud).order(1, wishes(ids(200)), deadline=1_800.0).run()

    assert not drive.failures()
    assert drive.finished_at[1] < 9.0


def test_a_service_that_lists_one_request_at_a_time_alone_is_asked_so() -> None:
    class OneAtATime(TinyCloud):
        def list_jobs(self, request_ids: Sequence[str]) -> tuple[Job, ...]:
            return super().list_jobs(request_ids if len(request_ids) == 1 else ())

    cloud = OneAtATime(fleet(300).statuses)
    drive = Drive(cloud).order(1, wishes(ids(300)), deadline=1_800.0).run()

    assert not drive.failures()
    assert drive.finished_at[1] < 9.0
    assert cloud.calls["show_job"] == 0
    assert cloud.calls["list_jobs"] < 40


def test_a_request_whose_jobs_are_forgotten_does_not_wait_for_those_that_fill_the_page() -> None:
    early, late = ids(100), ids(100, first=100)
    cloud = fleet(200, seconds=lambda phone_id: 5.0 if phone_id in early else 1_200.0, forgotten=set(early))
    drive = Drive(cloud).order(1, wishes(early), seen=True).order(2, wishes(late), seen=True, at=1.0).run()

    assert not drive.failures()
    assert drive.finished_at[1] < 20.0


def test_a_phone_that_cannot_be_read_does_not_hold_up_the_others() -> None:
    class Unreadable(TinyCloud):
        def list_phones(self, *, offset: int, limit: int) -> PhonePage:
            page = super().list_phones(offset=offset, limit=limit)
            shown = tuple(phone for phone in page.phones if self.now < 1.0 or phone.phone_id != P1)
            return PhonePage(shown, page.count, None)

        def show_phone(self, phone_id: str) -> Phone:
            if phone_id == P1 and self.now >= 1.0:
                raise ServerError("down", call="show-phone", http_status=500)
            return super().show_phone(phone_id)

    drive = Drive(Unreadable(fleet(10).statuses))
    for number, phone_id in enumerate(ids(10)):
        drive.order(number, wishes([phone_id]), seen=True, deadline=60.0)
    drive.run()

    assert [number for number in range(10) if drive.finished_at[number] > 10.0] == [0]
    assert drive.finished[0][P1].failure.code == "timeout"  # type: ignore[union-attr]


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


@pytest.mark.parametrize(("account", "most"), [(500, 20), (10_000, 130)])
def test_single_phones_of_a_large_account_wait_longer_for_company(account: int, most: int) -> None:
    seconds = {phone_id: 5.0 + n % 3 for n, phone_id in enumerate(ids(500))}
    cloud = fleet(account, seconds=lambda phone_id: seconds.get(phone_id, 5.0))
    drive = Drive(cloud)
    seen = drive.observers[PLACE].look(dict.fromkeys(ids(account), 0.0))
    for number, phone_id in enumerate(ids(500)):
        drive.order(number, wishes([phone_id]), at=number / 100, seen={phone_id: seen[phone_id]})
        drive.at(number / 100, lambda: drive._step(ev.MoreToCome()))
    drive.run()

    assert len(drive.posts) == 5
    assert cloud.calls["list_phones"] + cloud.calls["show_phone"] <= most
    last = max(at + seconds[phone_id] for at, post in drive.posts for phone_id in post.phone_ids)
    assert max(drive.finished_at.values()) < last + 1.5, "the last ones wait for nobody"


def test_a_few_phones_of_a_large_account_cost_as_little_as_in_a_small_one() -> None:
    def confirmed_after(account: int) -> float:
        seconds = dict(zip(ids(4), (5.0, 5.0, 5.0, 20.0), strict=True))
        drive = Drive(fleet(account, seconds=lambda phone_id: seconds.get(phone_id, 0.0)))
        for number, phone_id in enumerate(ids(4)):
            drive.order(number, wishes([phone_id]), seen=True)
        return drive.run().finished_at[0]

    assert confirmed_after(10_000) == pytest.approx(confirmed_after(4), abs=0.2)


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


@pytest.mark.parametrize("status", ["creating", "stop-failed"])
def test_phones_that_may_not_get_there_do_not_come_before_others(status: str) -> None:
    core = Core(batch_size=1, random=lambda: 0.5)
    seen = {P1: Sight(P1, status, 0.0), P2: Sight(P2, "running", 0.0)}
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
