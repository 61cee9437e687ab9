"""Gathering phones into requests."""

from __future__ import annotations

import pytest

from pulumi_cph.dispatch.batches import Batches
from pulumi_cph.dispatch.task import Task

STOP = ("here", "stop")


def tasks(count: int, place: str = "here") -> list[Task]:
    return [Task(place, f"p{n}", "stopped") for n in range(count)]


def sizes(batches: Batches, kind: tuple[str, str] = STOP) -> list[int]:
    return [len(part) for part in batches.take(kind)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arrivals", "due"),
    [
        ([0.0], 0.05),
        ([0.0, 0.04], 0.09),
        ([0.02 * n for n in range(26)], 0.5),
        ([0.0, 0.3], 0.35),
    ],
)
def test_when_the_phones_gathered_so_far_leave(arrivals: list[float], due: float) -> None:
    batches = Batches(100)
    for task, now in zip(tasks(len(arrivals)), arrivals, strict=True):
        batches.add(task, now)

    assert batches.due(STOP) == pytest.approx(due)


@pytest.mark.parametrize(
    ("declared", "due"),
    [
        pytest.param([-0.03], 0.22, id="one more, declared before"),
        pytest.param([-0.3], 0.05, id="so long ago that nothing comes of it"),
        pytest.param([0.01], 0.26, id="one more"),
        pytest.param([0.3], 0.05, id="too late"),
        pytest.param([n / 100 for n in range(45)], 0.69, id="more for a while"),
        pytest.param([n / 100 for n in range(300)], 1.0, id="more and more"),
    ],
)
def test_phones_wait_for_those_that_are_still_being_declared(declared: list[float], due: float) -> None:
    batches, added = Batches(100), False
    for now in [*declared, float("inf")]:
        if now >= 0.0 and not added:
            batches.add(tasks(1)[0], 0.0)
            added = True
        if not added or now < batches.due(STOP):
            batches.expect(now)

    assert batches.due(STOP) == pytest.approx(due)


def test_phones_do_not_wait_for_what_has_begun() -> None:
    batches = Batches(100)
    for now in (0.0, 0.01):
        batches.expect(now)
    batches.begun()
    batches.add(tasks(1)[0], 0.02)
    assert batches.due(STOP) == pytest.approx(0.26), "one has not begun"

    batches.begun()
    assert batches.due(STOP) == pytest.approx(0.07)


def test_what_begins_unexpected_does_not_count_for_what_is_expected_later() -> None:
    batches = Batches(100)
    batches.begun()
    batches.expect(0.0)
    batches.add(tasks(1)[0], 0.0)

    assert batches.due(STOP) == pytest.approx(0.25)


def test_while_a_program_declares_and_begins_one_after_the_other_requests_wait_longer_to_be_full() -> None:
    batches = Batches(1_000)
    for n in range(80):
        now = n / 100
        batches.expect(now)
        batches.begun()
        batches.add(Task("here", f"p{n}", "stopped"), now)
        assert batches.due(STOP) > now

    assert batches.due(STOP) == pytest.approx(0.84)


def test_a_full_request_is_due_at_once_and_an_empty_one_never() -> None:
    batches = Batches(3)
    assert batches.due(STOP) == float("inf")

    for task in tasks(3):
        batches.add(task, 7.0)
    assert batches.due(STOP) < 7.0


def test_what_was_taken_is_gone_and_the_time_begins_anew() -> None:
    batches = Batches(100)
    batches.add(tasks(1)[0], 0.0)
    assert sizes(batches) == [1]
    assert sizes(batches) == []

    batches.add(tasks(1)[0], 5.0)
    assert batches.due(STOP) == 5.05


def test_a_phone_that_is_dropped_does_not_leave_but_its_namesake_does() -> None:
    batches = Batches(100)
    old, new = tasks(1)[0], tasks(1)[0]
    batches.add(new, 0.0)

    batches.drop(old)
    assert sizes(batches) == [1]

    batches.add(new, 1.0)
    batches.drop(new)
    assert batches.due(STOP) == float("inf")


def test_what_a_place_refused_is_never_sent_to_it_again_not_even_what_has_gathered() -> None:
    batches = Batches(100)
    for task in tasks(70):
        batches.add(task, 0.0)
    batches.refused("here", 60)

    assert batches.due(STOP) < 0.0
    assert sizes(batches) == [30, 30, 10]


def test_a_place_that_refused_a_larger_request_later_teaches_nothing_new() -> None:
    batches = Batches(100)
    batches.refused("here", 20)
    batches.refused("here", 100)
    for task in tasks(20):
        batches.add(task, 0.0)

    assert sizes(batches) == [10, 10]


@pytest.mark.parametrize(
    ("phones", "limit", "expected"),
    [(100, None, [50, 50]), (5, None, [3, 2]), (1, None, [1]), (0, None, []), (100, 60, [30, 30, 30, 10])],
)
def test_a_refused_request_is_halved_within_what_the_place_takes(
    phones: int, limit: int | None, expected: list[int]
) -> None:
    batches = Batches(100)
    if limit:
        batches.refused("here", limit)

    assert [len(part) for part in batches.halves(tasks(phones))] == expected
