"""The shared look: what it costs, what is fresh enough, and what a listing cannot be trusted with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pulumi_cph.api.errors import ApiError, RequestRejected, ServerError
from pulumi_cph.api.models import Phone, PhonePage
from pulumi_cph.observe import PAGE, Observer

T = TypeVar("T")

RUNNING, STOPPING, STOPPED = 2, 7, 8


def ids(count: int, first: int = 0) -> list[str]:
    return [f"phone-{n:05}" for n in range(first, first + count)]


@dataclass
class Account:
    """A reader that counts: the phones, newest first, as the listing shows them."""

    phones: dict[str, int]
    count: Callable[[int], int | None] = lambda real: real
    now: float = 0.0
    pages: list[int] = field(default_factory=list)
    singles: list[str] = field(default_factory=list)
    trouble: ApiError | None = None
    unlisted: set[str] = field(default_factory=set)
    before_page: Callable[[int], None] = lambda offset: None

    def list_phones(self, *, offset: int, limit: int) -> PhonePage:
        self.before_page(offset)
        self.pages.append(offset)
        if self.trouble:
            raise self.trouble
        listed = [phone_id for phone_id in self.phones if phone_id not in self.unlisted]
        page = tuple(Phone(i, "", "", self.phones[i]) for i in listed[offset : offset + limit])
        return PhonePage(page, self.count(len(listed)), None)

    def show_phone(self, phone_id: str) -> Phone:
        self.singles.append(phone_id)
        if self.trouble:
            raise self.trouble
        if phone_id not in self.phones:
            raise RequestRejected("gone", call="show", code="CPS.0005", http_status=404)
        return Phone(phone_id, "", "", self.phones[phone_id])

    @property
    def cost(self) -> int:
        return len(self.pages) + len(self.singles)

    def forget(self) -> None:
        self.pages.clear()
        self.singles.clear()


def account(size: int, **more: object) -> Account:
    return Account(dict.fromkeys(ids(size), RUNNING), **more)  # type: ignore[arg-type]


def observer(reader: Account) -> Observer:
    return Observer(reader, clock=lambda: reader.now)


def look(watcher: Observer, phones: Iterable[str], not_before: float = 0.0) -> dict[str, str]:
    return {i: sight.status for i, sight in watcher.look(dict.fromkeys(phones, not_before)).items()}


# --- what it costs


def test_one_phone_of_a_small_account_costs_one_page() -> None:
    reader = account(10)

    assert look(observer(reader), ids(1)) == {"phone-00000": "running"}
    assert (reader.pages, reader.singles) == ([0], [])


def test_one_phone_of_a_large_account_costs_a_page_and_a_single_read() -> None:
    reader = account(10_000)

    look(observer(reader), ["phone-09999"])

    assert (reader.pages, reader.singles) == ([0], ["phone-09999"])


def test_a_whole_large_account_costs_its_pages_and_nothing_more() -> None:
    reader = account(10_000)

    assert set(look(observer(reader), ids(10_000)).values()) == {"running"}
    assert (sorted(reader.pages), reader.singles) == (list(range(0, 10_000, PAGE)), [])


def test_phones_asked_for_one_by_one_cost_single_reads_until_the_pages_would_have_been_as_cheap() -> None:
    reader = account(2_000)
    watcher = observer(reader)

    for phone_id in reversed(ids(2_000)):
        look(watcher, [phone_id])

    assert reader.singles == list(reversed(ids(2_000)))[:5]
    assert sorted(reader.pages) == list(range(0, 2_000, PAGE))


@given(
    size=some.integers(1, 3_000),
    questions=some.lists(some.lists(some.integers(0, 2_999), min_size=1, max_size=40), max_size=40),
)
def test_however_questions_arrive_a_look_costs_at_most_twice_the_best_choice_in_hindsight(
    size: int, questions: list[list[int]]
) -> None:
    reader = account(size)
    watcher = observer(reader)

    for question in questions:
        look(watcher, [f"phone-{n % size:05}" for n in question])

    asked = len({n % size for question in questions for n in question})
    pages = -(-size // PAGE)
    assert reader.cost <= 1 + 2 * min(asked, pages)


@given(questions=some.lists(some.lists(some.integers(0, 999), min_size=1, max_size=300), max_size=10))
def test_a_look_is_right_about_every_phone_whatever_it_read_before(questions: list[list[int]]) -> None:
    reader = Account({phone_id: (RUNNING, STOPPED)[n % 2] for n, phone_id in enumerate(ids(700))})
    watcher = observer(reader)

    for question in questions:
        seen = look(watcher, [f"phone-{n:05}" for n in question])
        expected = [("running", "stopped")[n % 2] if n < 700 else "missing" for n in dict.fromkeys(question)]
        assert list(seen.values()) == expected


def test_a_fresh_sight_costs_nothing() -> None:
    reader = account(1_000)
    watcher = observer(reader)
    look(watcher, ids(1_000))
    reader.forget()
    reader.now = 29.0

    look(watcher, ids(1_000), not_before=-1.0)

    assert reader.cost == 0


# --- what is fresh enough


def test_a_sight_too_old_for_the_caller_is_replaced() -> None:
    reader = account(3)
    watcher = observer(reader)
    look(watcher, ids(3))
    reader.phones["phone-00001"] = STOPPED
    reader.now = 40.0

    assert look(watcher, ids(2), not_before=10.0) == {"phone-00000": "running", "phone-00001": "stopped"}


def test_each_phone_is_as_fresh_as_asked_for_it() -> None:
    reader = account(1_000)
    watcher = observer(reader)
    look(watcher, ids(1_000))
    reader.forget()
    reader.now = 20.0

    sights = watcher.look({"phone-00001": 0.0, "phone-00002": 15.0})

    assert {i: sight.at for i, sight in sights.items()} == {"phone-00001": 0.0, "phone-00002": 20.0}
    assert reader.singles == ["phone-00002"]


def test_a_phone_we_changed_is_looked_at_again_and_the_others_are_not() -> None:
    reader = account(1_000)
    watcher = observer(reader)
    look(watcher, ids(1_000))
    reader.forget()
    reader.now = 1.0
    watcher.touched(["phone-00003"])
    reader.now = 2.0
    reader.phones["phone-00003"] = STOPPING

    seen = look(watcher, ids(5))

    assert seen["phone-00003"] == "stopping"
    assert reader.singles == ["phone-00003"]


def test_a_sight_is_as_old_as_the_request_that_showed_it_not_as_its_answer() -> None:
    reader = account(3)
    watcher = observer(reader)

    def slow(offset: int) -> None:
        reader.now += 5.0

    reader.before_page = slow
    sights = watcher.look(dict.fromkeys(ids(3), 0.0))

    assert {sight.at for sight in sights.values()} == {0.0}


# --- what a listing cannot be trusted with


def test_missing_is_said_only_after_a_single_read_confirmed_it() -> None:
    reader = account(3)

    assert look(observer(reader), ["phone-00001", "nobody"]) == {
        "phone-00001": "running",
        "nobody": "missing",
    }
    assert reader.singles == ["nobody"]


def test_a_phone_that_the_listing_left_out_is_found_by_a_single_read() -> None:
    reader = account(600, unlisted={"phone-00300"})

    seen = look(observer(reader), ids(600))

    assert seen["phone-00300"] == "running"
    assert reader.singles == ["phone-00300"]


def test_phones_that_shift_between_pages_while_they_are_read_are_not_taken_for_missing() -> None:
    reader = account(600)

    def phone_deleted(offset: int) -> None:
        if offset == 2 * PAGE:
            del reader.phones["phone-00000"]

    reader.before_page = phone_deleted
    seen = look(observer(reader), ids(600))

    assert seen.pop("phone-00400") == "running"  # slipped from the third page to the second, already read
    assert set(seen.values()) == {"running"}


def test_a_phone_of_the_first_page_that_vanished_is_seen_as_it_was_then() -> None:
    reader = account(2)
    watcher = observer(reader)
    look(watcher, ids(2))
    del reader.phones["phone-00000"]
    reader.now = 20.0

    assert look(watcher, ids(2), not_before=10.0) == {"phone-00000": "missing", "phone-00001": "running"}


@pytest.mark.parametrize("size", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
def test_a_listing_without_a_count_is_read_to_its_end(size: int) -> None:
    reader = account(size, count=lambda real: None)

    seen = look(observer(reader), [*ids(size), "nobody"])

    assert seen == {**dict.fromkeys(ids(size), "running"), "nobody": "missing"}
    assert reader.cost <= size // PAGE + 3


def test_a_count_far_too_large_costs_a_bounded_number_of_empty_pages() -> None:
    reader = account(300, count=lambda real: 1_000_000)

    seen = look(observer(reader), [*ids(300), *ids(5_000, first=10_000)])

    assert list(seen.values()) == ["running"] * 300 + ["missing"] * 5_000
    assert len(reader.pages) <= 40


def test_a_count_too_small_costs_single_reads_and_nothing_is_overlooked() -> None:
    reader = account(500, count=lambda real: PAGE)

    seen = look(observer(reader), ids(500))

    assert set(seen.values()) == {"running"}
    assert len(reader.singles) == 300


def test_an_account_that_grew_is_read_to_its_new_end() -> None:
    reader = account(100)
    watcher = observer(reader)
    look(watcher, ids(100))
    reader.phones.update(dict.fromkeys(ids(900, first=100), STOPPED))
    reader.forget()
    reader.now = 60.0

    seen = look(watcher, ids(1_000), not_before=50.0)

    assert list(seen.values()) == ["running"] * 100 + ["stopped"] * 900
    assert (len(reader.pages), reader.singles) == (5, [])


# --- when a look fails


def test_a_failure_is_shared_by_whoever_would_have_been_content_with_that_look() -> None:
    reader = account(3)
    reader.trouble = ServerError("down", call="list", http_status=503)
    watcher = observer(reader)
    reader.now = 10.0

    for phone_id in ids(3):
        with pytest.raises(ServerError):
            look(watcher, [phone_id], not_before=-20.0)

    assert reader.cost == 1


def test_who_needs_a_later_look_than_the_failed_one_gets_a_new_one() -> None:
    reader = account(3)
    reader.trouble = ServerError("down", call="list", http_status=503)
    watcher = observer(reader)
    with pytest.raises(ServerError):
        look(watcher, ids(1))
    reader.trouble, reader.now = None, 5.0

    assert look(watcher, ids(1), not_before=5.0) == {"phone-00000": "running"}


def test_what_was_seen_before_a_failure_is_still_answered_from_memory() -> None:
    reader = account(3)
    watcher = observer(reader)
    look(watcher, ids(3))
    reader.trouble, reader.now = ServerError("down", call="list", http_status=503), 20.0
    with pytest.raises(ServerError):
        look(watcher, ids(3), not_before=10.0)

    assert look(watcher, ids(3)) == dict.fromkeys(ids(3), "running")


def test_a_failure_is_forgotten_once_a_later_look_succeeded() -> None:
    reader = account(1_000)
    reader.trouble = ServerError("down", call="list", http_status=503)
    watcher = observer(reader)
    with pytest.raises(ServerError):
        look(watcher, ids(1))
    reader.trouble, reader.now = None, 5.0
    look(watcher, ids(1), not_before=5.0)
    reader.now = 6.0

    assert look(watcher, ["phone-00900"], not_before=-24.0) == {"phone-00900": "running"}


def test_a_failed_look_from_before_our_own_change_says_nothing_about_the_phone() -> None:
    reader = account(3)
    watcher = observer(reader)
    reader.trouble = ServerError("down", call="list", http_status=503)
    with pytest.raises(ServerError):
        look(watcher, ids(1))
    reader.trouble, reader.now = None, 1.0
    watcher.touched(ids(1))

    assert look(watcher, ids(1), not_before=-24.0) == {"phone-00000": "running"}


def test_an_error_about_one_phone_that_is_not_its_absence_is_an_error_of_the_look() -> None:
    reader = account(1_000)

    def forbidden(phone_id: str) -> Phone:
        raise RequestRejected("no", call="show", code="CPS.0001", http_status=403)

    reader.show_phone = forbidden  # type: ignore[method-assign]

    with pytest.raises(RequestRejected):
        look(observer(reader), ["phone-00999"])


# --- many at once


def test_a_phone_that_cannot_be_read_does_not_keep_the_others_from_being_known() -> None:
    account = Account(dict.fromkeys(ids(900), RUNNING), unlisted={ids(900)[1]})
    single = account.show_phone

    def show_phone(phone_id: str) -> Phone:
        if phone_id == ids(900)[1]:
            raise ServerError("down", call="show-phone", http_status=500)
        return single(phone_id)

    account.show_phone = show_phone  # type: ignore[method-assign]
    observer = Observer(account, clock=lambda: account.now)
    needs = dict.fromkeys([*ids(2), ids(900)[899]], 0.0)
    with pytest.raises(ServerError):
        observer.look(needs)

    assert set(observer.known(needs)) == {ids(900)[0], ids(900)[899]}


@pytest.mark.parametrize("count", [2**31 - 1, 10**15])
def test_a_count_beyond_all_measure_costs_nothing(count: int) -> None:
    account = Account(dict.fromkeys(ids(900), RUNNING), count=lambda _: count)
    observer = Observer(account, clock=lambda: account.now)
    sights = observer.look(dict.fromkeys([ids(900)[899], "absent"], 0.0))

    assert [sight.status for sight in sights.values()] == ["running", "missing"]
    assert account.cost <= 4


def test_an_empty_account_is_looked_at_and_every_phone_is_missing() -> None:
    account = Account({})
    sights = Observer(account, clock=lambda: account.now).look(dict.fromkeys(ids(3), 0.0))

    assert {sight.status for sight in sights.values()} == {"missing"}


def test_a_hundred_threads_that_ask_at_once_are_answered_by_one_look() -> None:
    reader = account(1_000)
    watcher = observer(reader)
    go = threading.Barrier(100)

    def ask(n: int) -> dict[str, str]:
        go.wait()
        return look(watcher, ids(10, first=10 * n))

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(100)))

    assert [list(answer) for answer in answers] == [ids(10, first=10 * n) for n in range(100)]
    assert reader.cost <= 1 + 2 * 5


def test_questions_that_arrive_during_a_look_are_answered_together_by_the_next() -> None:
    reader = account(2_000)
    watcher = observer(reader)
    inside, waiting = threading.Event(), threading.Event()

    def first_page_is_slow(offset: int) -> None:
        if offset == 0:
            inside.set()
            waiting.wait(10)

    reader.before_page = first_page_is_slow
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(look, watcher, ids(1))
        inside.wait(10)
        others = [pool.submit(look, watcher, [f"phone-{1_000 + n}".replace("-", "-0")]) for n in range(8)]
        while len(watcher._questions) < 8:
            pass
        waiting.set()
        first.result(10)
        assert [list(other.result(10).values()) for other in others] == [["running"]] * 8

    assert (len(reader.pages), len(reader.singles)) == (1, 8)


def test_calls_that_can_be_made_at_once_are_handed_over_together() -> None:
    reader = account(1_000)
    together: list[int] = []

    def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
        together.append(len(calls))
        return [call() for call in calls]

    watcher = Observer(reader, clock=lambda: reader.now, together=at_once)
    look(watcher, ids(1_000))

    assert [calls for calls in together if calls] == [1, 4]


def test_questions_in_the_order_of_the_listing_are_answered_by_the_pages_read_beside() -> None:
    reader = account(10_000)
    watcher = observer(reader)

    for phone_id in ids(1_000):
        look(watcher, [phone_id])

    assert (len(reader.pages), len(reader.singles)) == (5, 5)
