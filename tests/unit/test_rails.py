"""Guard rails: what is counted, what is allowed, what the sentence says."""

from __future__ import annotations

import pytest

from pulumi_cph import rails
from pulumi_cph.plan import Plan, plan


def stopping(count: int, *, size: int = 10) -> Plan:
    phones = [f"p{n}" for n in range(size)]
    observed = {phone: "running" if n < count else "stopped" for n, phone in enumerate(phones)}
    return plan(dict.fromkeys(phones, "stopped"), observed)


@pytest.mark.parametrize(
    ("value", "size", "allowed"),
    [(3, 10, 3), (3.0, 10, 3), ("3", 10, 3), ("20%", 10, 2), ("20%", 14, 2), ("12.5%", 8, 1), (0, 9, 0), ("0%", 9, 0)],
)
def test_a_limit_is_a_number_or_a_share_rounded_down(value: object, size: int, allowed: int) -> None:
    limit = rails.limit(value)
    assert limit is not None
    assert limit.of(size) == allowed


@pytest.mark.parametrize("value", [None, True, "", "many", "-1", -1, 2.5, "101%", "%", [], "1e3"])
def test_anything_else_is_no_limit(value: object) -> None:
    assert rails.limit(value) is None


def broken(*plans: Plan, most: object = None, never: tuple[str, ...] = (), override: str | None = None) -> list[str]:
    limit = rails.limit(most) if most is not None else None
    return rails.broken(plans, size=10, max_changes=limit, never_stop=never, override=override)


def test_as_many_changes_as_allowed_break_nothing() -> None:
    assert broken(stopping(3), most=3) == []


def test_one_change_too_many_says_how_many_and_how_to_allow_it() -> None:
    assert broken(stopping(4), most=3) == [
        "max_changes: 4 of 10 phones would get a request, 3 may; to allow it for one run set CPH_MAX_CHANGES=4"
    ]


def test_phones_that_leave_count_too() -> None:
    leaving = plan({"q": "running"}, {"q": "stopped"})
    assert broken(stopping(3), leaving, most=3) != []


def test_phones_that_must_settle_first_count_and_those_on_their_way_do_not() -> None:
    assert broken(plan({"a": "running"}, {"a": "stopping"}), most=0) != []
    assert broken(plan({"a": "stopped"}, {"a": "stopping"}), most=0) == []
    assert broken(plan({"a": "stopped"}, {"a": "frozen"}), most=0) == []


def test_the_override_replaces_the_limit_in_both_directions() -> None:
    assert broken(stopping(4), most=3, override="50%") == []
    assert broken(stopping(4), most=10, override="2") != []


def test_an_override_that_is_no_limit_breaks_the_run() -> None:
    [sentence] = broken(stopping(1), most=3, override="all")
    assert sentence == """CPH_MAX_CHANGES must be a number of phones or a share such as "20%", not 'all'"""


def test_a_phone_that_must_not_be_stopped_is_named() -> None:
    assert broken(stopping(2), never=("p1", "p5")) == ["never_stop: phone p1 would be stopped"]


def test_many_phones_that_must_not_be_stopped_are_counted() -> None:
    [sentence] = broken(stopping(7), never=tuple(f"p{n}" for n in range(7)))
    assert sentence == "never_stop: phones p0, p1, p2, p3, p4 and 2 more would be stopped"


def test_a_phone_that_must_not_be_stopped_may_be_started() -> None:
    assert broken(plan({"p1": "running"}, {"p1": "stopped"}), never=("p1",)) == []
