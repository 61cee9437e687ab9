"""The lines that a person reads at night."""

from __future__ import annotations

from pulumi_cph import report
from pulumi_cph.dispatch.events import Failure, Outcome
from pulumi_cph.observe import Sight
from pulumi_cph.plan import plan

FROZEN = Failure("refused", "CPS.0053", "Phone is freezed.", "req-1")


def test_a_failed_phone_is_one_line_with_all_that_is_known() -> None:
    outcome = Outcome("a", "running", "job-1", "req-0", FROZEN)
    [line] = report.failure_lines([outcome], {"a": Sight("a", "running", 0.0, "phone-0001")})
    assert line == (
        "phone a (phone-0001): CPS.0053 Phone is freezed. (request req-1, job job-1); have the phone unfrozen"
    )


def test_phones_that_are_well_have_no_line() -> None:
    assert report.failure_lines([Outcome("a", "running")], {}) == []


def test_twenty_alike_have_a_line_each_and_twenty_one_share_one() -> None:
    twenty = [Outcome(f"p{n:02}", failure=FROZEN) for n in range(20)]
    assert len(report.failure_lines(twenty, {})) == 20
    [line] = report.failure_lines([*twenty, Outcome("p20", failure=FROZEN)], {})
    assert line == (
        "21 phones: CPS.0053 Phone is freezed. (requests req-1); have the phone unfrozen: "
        "p00, p01, p02, p03, p04 and 16 more"
    )


def test_different_failures_are_not_put_together() -> None:
    other = Failure("failed", "CPS.0054", "Handle job timeout.")
    outcomes = [Outcome(f"p{n}", failure=FROZEN) for n in range(21)] + [Outcome("q", failure=other)]
    lines = report.failure_lines(outcomes, {})
    assert [line.split(":")[0] for line in lines] == ["21 phones", "phone q"]


def test_a_plan_s_refusals_are_warnings_that_say_why() -> None:
    decisions = plan({"a": "stopped", "b": "stopped"}, {"a": "frozen", "b": "running"})
    [line] = report.refusal_lines(decisions, {})
    assert line.startswith("phone a: FROZEN billing or security")


def test_many_single_phones_a_few_at_a_time_are_given_advice() -> None:
    advice = report.slow_singles({f"r{n}": 8 for n in range(25)}, batch_size=100)
    assert advice is not None
    assert "only about 8 at a time" in advice
    assert "--parallel" in advice
    assert "FleetPower" in advice


def test_full_enough_requests_need_no_advice() -> None:
    assert report.slow_singles({f"r{n}": 83 for n in range(12)}, batch_size=100) is None
    assert report.slow_singles({f"r{n}": 1 for n in range(4)}, batch_size=100) is None
