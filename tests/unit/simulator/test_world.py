"""The state machine: which call is allowed when, and how phones and jobs go on in time."""

from __future__ import annotations

import pytest

from pulumi_cph.simulator import Options, SteppedClock, World
from pulumi_cph.simulator.codes import Refused
from pulumi_cph.simulator.rules import PhoneStatus as S
from pulumi_cph.simulator.rules import PowerCall
from tests.unit.simulator.builders import refusals

RULES: list[tuple[int, str | None, str | None]] = [
    # status, refusal of a stop, refusal of a restart
    (S.CREATING, "CPS.0141", "CPS.0165"),
    (S.RUNNING, None, None),
    (S.RESETTING, "CPS.0141", "CPS.0165"),
    (S.RESTARTING, "CPS.0141", "CPS.0165"),
    (5, "CPS.0141", "CPS.0165"),
    (S.FROZEN, "CPS.0053", "CPS.0053"),
    (S.STOPPING, "CPS.0141", "CPS.0165"),
    (S.STOPPED, "CPS.0141", None),
    (S.RESET_FAILED, "CPS.0141", "CPS.0165"),
    (S.RESTART_FAILED, "CPS.0141", "CPS.0165"),
    (S.ABNORMAL, "CPS.0141", "CPS.0165"),
    (S.CREATE_FAILED, "CPS.0141", "CPS.0165"),
    (S.STOP_FAILED, "CPS.0141", "CPS.0165"),
]
CASES = [(status, call, row[i]) for status, *row in RULES for i, call in enumerate(("stop", "restart"))]


def world(status: int = S.RUNNING, **options: object) -> tuple[World, SteppedClock, str]:
    """A world of one phone in `status`, with jobs of ten seconds."""
    clock = SteppedClock()
    made = World(clock, Options().changed({"job_seconds": 10.0, **options}), phones=1)
    phone_id = made.phone_ids[0]
    made.set_status(phone_id, status)
    return made, clock, phone_id


@pytest.mark.parametrize(("status", "call", "code"), CASES)
def test_a_power_call_is_allowed_or_refused_by_the_phones_status(
    status: int, call: PowerCall, code: str | None
) -> None:
    made, _, phone_id = world(status)
    assert refusals(made.power(call, [phone_id], "r")) == [code]
    expected = status if code else {"stop": S.STOPPING, "restart": S.RESTARTING}[call]
    assert made.status(phone_id) == expected


@pytest.mark.parametrize("status", [S.RESTART_FAILED, S.ABNORMAL, S.STOP_FAILED])
def test_a_restart_leads_out_of_failed_states_when_the_option_says_so(status: int) -> None:
    made, clock, phone_id = world(status, restart_failed=True)
    assert refusals(made.power("restart", [phone_id], "r")) == [None]
    clock.step(10)
    assert made.status(phone_id) == S.RUNNING


@pytest.mark.parametrize(
    ("call", "begin", "way", "end"),
    [
        ("stop", S.RUNNING, S.STOPPING, S.STOPPED),
        ("restart", S.STOPPED, S.RESTARTING, S.RUNNING),
        ("restart", S.RUNNING, S.RESTARTING, S.RUNNING),
    ],
)
def test_a_phone_is_on_its_way_until_its_job_ends(call: PowerCall, begin: int, way: int, end: int) -> None:
    made, clock, phone_id = world(begin)
    job_id = made.power(call, [phone_id], "r")[0].job_id or ""
    clock.step(9.9)
    assert (made.shown_status(phone_id), made.job(job_id).status(clock())) == (way, 1)
    clock.step(0.1)
    assert (made.shown_status(phone_id), made.job(job_id).status(clock())) == (end, 2)


def test_what_is_shown_begins_late_and_ends_late() -> None:
    made, clock, phone_id = world(status_delay=2.0, status_lag=3.0)
    made.power("stop", [phone_id], "r")
    seen = []
    for _ in range(15):
        seen.append(made.shown_status(phone_id))
        clock.step(1)
    assert seen == [2] * 2 + [7] * 11 + [8] * 2
    assert made.status(phone_id) == S.STOPPED


def test_the_truth_decides_while_the_shown_status_lags() -> None:
    made, _, phone_id = world(status_delay=5.0)
    made.power("stop", [phone_id], "r")
    assert made.shown_status(phone_id) == S.RUNNING
    assert refusals(made.power("stop", [phone_id], "r2")) == ["CPS.0141"]


def test_a_delay_longer_than_the_job_shows_no_status_in_between() -> None:
    made, clock, phone_id = world(status_delay=60.0)
    made.power("stop", [phone_id], "r")
    clock.step(9)
    assert made.shown_status(phone_id) == S.RUNNING
    clock.step(1)
    assert made.shown_status(phone_id) == S.STOPPED


def test_a_restart_may_show_nothing_on_its_way() -> None:
    made, clock, phone_id = world(S.STOPPED, restart_shows=False)
    made.power("restart", [phone_id], "r")
    assert (made.status(phone_id), made.shown_status(phone_id)) == (S.RESTARTING, S.STOPPED)
    clock.step(10)
    assert made.shown_status(phone_id) == S.RUNNING


@pytest.mark.parametrize(("call", "failed"), [("stop", S.STOP_FAILED), ("restart", S.RESTART_FAILED)])
def test_a_failing_job_leaves_the_phone_in_the_failed_state(call: PowerCall, failed: int) -> None:
    made, clock, phone_id = world()
    made.failures.add([phone_id], "CPS.0054")
    job_id = made.power(call, [phone_id], "r")[0].job_id or ""
    clock.step(10)
    job = made.job(job_id)
    assert (made.status(phone_id), job.status(clock()), job.error_code) == (failed, -1, "CPS.0054")


def test_a_fraction_of_jobs_fails_by_the_seed() -> None:
    def failing(seed: int) -> list[int]:
        clock = SteppedClock()
        made = World(clock, Options(failing_fraction=0.25), phones=100, seed=seed)
        made.power("stop", made.phone_ids, "r")
        clock.step(10)
        return [number for number, id_ in enumerate(made.phone_ids) if made.status(id_) == S.STOP_FAILED]

    assert 10 < len(failing(1)) < 40
    assert failing(1) == failing(1)
    assert failing(1) != failing(2)


def test_jobs_last_between_x_and_x_times_one_plus_the_spread() -> None:
    made = World(SteppedClock(), Options(job_seconds=10, job_spread=0.5), phones=100)
    made.power("stop", made.phone_ids, "r")
    lengths = [job.end - job.begin for job in made.jobs(["r"])]
    assert min(lengths) >= 10
    assert max(lengths) <= 15
    assert max(lengths) - min(lengths) > 3


def test_ids_depend_on_seed_and_region_alone() -> None:
    def ids(seed: int, region: str) -> list[str]:
        return World(SteppedClock(), phones=3, seed=seed, region=region).phone_ids

    assert ids(1, "a") == ids(1, "a")
    assert not {*ids(1, "a")} & {*ids(2, "a"), *ids(1, "b")}
    assert all(len(each) == 32 and each == each.lower() for each in ids(1, "a"))


def test_sixty_phones_share_a_server() -> None:
    made = World(SteppedClock(), phones=121)
    servers = [made.phone(each).server_id for each in made.phone_ids]
    assert [servers.count(each) for each in dict.fromkeys(servers)] == [60, 60, 1]


def test_a_batch_over_the_limit_is_refused_as_a_whole() -> None:
    made = World(SteppedClock(), Options(max_phones=2), phones=3)
    with pytest.raises(Refused, match=r"CPS\.0190"):
        made.power("stop", made.phone_ids, "r")
    assert made.counts() == {S.RUNNING: 3}


def test_there_may_be_no_limit_to_a_batch() -> None:
    made = World(SteppedClock(), Options(max_phones=None), phones=500)
    assert refusals(made.power("stop", made.phone_ids, "r")) == [None] * 500


def test_one_phone_in_a_wrong_state_may_spoil_the_whole_request() -> None:
    made = World(SteppedClock(), Options(wrong_state="request"), phones=2)
    made.set_status(made.phone_ids[1], S.STOPPED)
    with pytest.raises(Refused, match=r"CPS\.0141") as refused:
        made.power("stop", made.phone_ids, "r")
    assert refused.value.status == 400
    assert made.counts() == {S.RUNNING: 1, S.STOPPED: 1}


@pytest.mark.parametrize(("call", "status"), [("stop", S.STOPPED), ("stop", S.STOPPING), ("restart", S.RESTARTING)])
def test_what_is_already_so_may_be_accepted_with_a_job_that_changes_nothing(call: PowerCall, status: int) -> None:
    made, clock, phone_id = world(status, wrong_state="accept")
    entry = made.power(call, [phone_id], "r")[0]
    clock.step(10)
    assert made.job(entry.job_id or "").status(clock()) == 2
    assert made.status(phone_id) == status


def test_accepting_wrong_states_does_not_thaw_a_frozen_phone() -> None:
    made, _, phone_id = world(S.FROZEN, wrong_state="accept")
    assert refusals(made.power("stop", [phone_id], "r")) == ["CPS.0053"]


@pytest.mark.parametrize(("status", "raises"), [(200, False), (400, True)])
def test_a_batch_without_any_accepted_phone_is_entries_or_one_error(status: int, raises: bool) -> None:
    made, _, phone_id = world(S.STOPPED, wholly_refused=status)
    if raises:
        with pytest.raises(Refused, match=r"CPS\.0141"):
            made.power("stop", [phone_id], "r")
    else:
        assert refusals(made.power("stop", [phone_id], "r")) == ["CPS.0141"]


def test_unknown_and_malformed_ids_have_their_codes() -> None:
    made, _, phone_id = world()
    assert refusals(made.power("stop", ["f" * 32, "not an id", phone_id], "r")) == [
        "CPS.0005",
        "CPS.0004",
        None,
    ]
    other, _, _ = world(unknown_phone="CPS.0004")
    assert refusals(other.power("stop", ["f" * 32], "r")) == ["CPS.0004"]


def test_an_id_that_stands_twice_is_accepted_once() -> None:
    made, _, phone_id = world()
    assert refusals(made.power("stop", [phone_id, phone_id], "r")) == [None, "CPS.0141"]
    assert [each.kind for each in made.history.violations] == ["asked-twice"]


def test_ordered_refusals_are_used_up() -> None:
    made, _, phone_id = world()
    made.refusals.add([phone_id], "CPS.0042", times=2, call="stop")
    seen = [refusals(made.power("stop", [phone_id], f"r{n}"))[0] for n in range(3)]
    assert seen == ["CPS.0042", "CPS.0042", None]


def test_careless_calls_are_recorded() -> None:
    made, _, phone_id = world()
    made.power("restart", [phone_id], "r1", image_id="i")
    made.power("restart", [phone_id], "r2")
    kinds = [(each.kind, each.request_id) for each in made.history.violations]
    assert kinds == [("image-sent", "r1"), ("restarted-while-running", "r1"), ("asked-while-busy", "r2")]


def test_accepted_calls_are_recorded_per_phone() -> None:
    made, clock, phone_id = world()
    made.power("stop", [phone_id], "r1")
    made.power("stop", [phone_id], "r2")
    clock.step(10)
    made.power("restart", [phone_id], "r3")
    assert made.history.accepted(phone_id) == ["stop", "restart"]
    assert [each.request_id for each in made.history.requests] == ["r1", "r2", "r3"]


def test_a_phone_set_by_hand_may_settle_later() -> None:
    made, clock, phone_id = world()
    made.set_status(phone_id, S.CREATING, then=S.RUNNING, after=30)
    clock.step(29)
    assert made.status(phone_id) == S.CREATING
    clock.step(1)
    assert made.status(phone_id) == S.RUNNING


def test_jobs_appear_late_and_are_forgotten() -> None:
    made, clock, phone_id = world(jobs_appear_after=2.0, job_retention=60.0)
    job_id = made.power("stop", [phone_id], "r")[0].job_id or ""
    with pytest.raises(Refused, match=r"CPS\.0011"):
        made.job(job_id)
    with pytest.raises(Refused, match=r"CPS\.0050"):
        made.jobs(["r"])
    clock.step(2)
    assert made.job(job_id).request_id == "r"
    clock.step(68)
    assert len(made.jobs(["r"])) == 1
    clock.step(1)
    with pytest.raises(Refused, match=r"CPS\.0050"):
        made.jobs(["r"])


def test_a_removed_phone_is_unknown_while_its_job_goes_on() -> None:
    made, clock, phone_id = world()
    job_id = made.power("stop", [phone_id], "r")[0].job_id or ""
    made.remove_phone(phone_id)
    clock.step(10)
    assert made.job(job_id).status(clock()) == 2
    with pytest.raises(Refused, match=r"CPS\.0005"):
        made.phone(phone_id)


def test_a_clock_is_never_stepped_back() -> None:
    with pytest.raises(ValueError, match="forwards"):
        SteppedClock().step(-1)
