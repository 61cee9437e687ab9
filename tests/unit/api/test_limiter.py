"""The pace, the places and the gate."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cph.api import (
    AuthenticationError,
    Closed,
    ConnectionFailed,
    CredentialGate,
    Interrupted,
    Limiter,
    Pace,
    RequestRejected,
)
from pulumi_cph.api.limiter import RECOVERY
from tests.unit.api.wire import StoppedClock


def refusal(message="wrong key"):
    return AuthenticationError(message, call="list-phones", code="APIGW.0301", http_status=401)


# --- pace ---


def test_a_burst_starts_at_once_and_the_rest_is_spaced():
    pace = Pace(rate=10, burst=3)
    assert [pace.reserve(100.0) for _ in range(6)] == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])


def test_a_quiet_moment_earns_no_more_than_the_burst():
    pace = Pace(rate=10, burst=3)
    for _ in range(5):
        pace.reserve(100.0)
    assert [pace.reserve(1000.0) for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


@given(
    st.floats(1, 500),
    st.integers(1, 20),
    st.lists(st.floats(0, 2), min_size=1, max_size=60),
    st.floats(0, 1e6),
)
def test_no_window_sees_more_starts_than_rate_and_burst_allow(rate, burst, gaps, now):
    pace, starts = Pace(rate, burst), []
    for gap in gaps:
        now += gap
        starts.append(now + pace.reserve(now))
    for i, first in enumerate(starts):
        for j in range(i, len(starts)):
            assert j - i + 1 <= burst + (starts[j] - first) * rate + 1e-3


def test_a_throttled_pace_stops_then_halves_then_recovers():
    pace = Pace(rate=100, burst=1)
    pace.slow_down(10.0, 5.0)
    assert pace.reserve(10.0) == 5.0
    assert [pace.rate(now) for now in (10, 15, 15 + RECOVERY, 1e9)] == pytest.approx([50, 50, 100, 100])


def test_throttled_requests_of_one_moment_count_once():
    pace = Pace(rate=100)
    for seconds in (1, 3, 2):
        pace.slow_down(10.0, seconds)
    assert pace.rate(13.0) == 50
    assert pace.reserve(10.0) == 3.0


def test_a_pause_takes_back_the_starts_that_were_given_out():
    pace = Pace(rate=1, burst=1)
    for _ in range(50):
        pace.reserve(10.0)
    pace.slow_down(10.0, 5.0)
    assert pace.reserve(10.0) == 5.0


def test_however_often_throttled_one_request_a_second_remains():
    pace = Pace(rate=100)
    for minute in range(60):
        pace.slow_down(minute * 2.0, 1.0)
    assert pace.rate(119.0) == pytest.approx(1, rel=0.1)


# --- limiter ---


def test_a_limiter_waits_for_its_turn():
    time = StoppedClock()
    limiter = Limiter(pace=Pace(rate=10, burst=1), clock=time, sleep=time.sleep)
    for _ in range(3):
        with limiter.slot():
            pass
    assert time.sleeps == pytest.approx([0.1, 0.1])


def test_who_waits_when_the_pause_begins_waits_for_its_end():
    time = StoppedClock()

    def sleep(seconds):
        if not time.sleeps:
            limiter.slow_down(20.0)  # by another thread, meanwhile
        time.sleep(seconds)

    limiter = Limiter(pace=Pace(rate=10, burst=1), clock=time, sleep=sleep)
    with limiter.slot():
        pass
    started = time.now
    with limiter.slot():
        pass
    assert time.now == pytest.approx(started + 20)


def test_no_more_than_the_allowed_number_run_at_once():
    limiter, lock = Limiter(at_once=3, pace=Pace(rate=1e9, burst=1000)), threading.Lock()
    running = highest = 0
    full = threading.Barrier(3)

    def work(_):
        nonlocal running, highest
        with limiter.slot():
            with lock:
                running += 1
                highest = max(highest, running)
            full.wait(5)  # three must meet, or the limit is too low
            with lock:
                running -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))
    assert highest == 3


def test_an_interrupted_wait_frees_its_place():
    time = StoppedClock()

    def interrupt(seconds):
        raise Interrupted

    limiter = Limiter(at_once=1, pace=Pace(rate=1, burst=1), clock=time, sleep=interrupt)
    with limiter.slot():
        pass
    for _ in range(3):
        with pytest.raises(Interrupted), limiter.slot():
            raise AssertionError("not reached")
    time.now += 100
    with limiter.slot():
        pass


# --- gate ---


def pass_through(gate, outcome=None, call="show-phone"):
    with gate.passage(call):
        if outcome:
            raise outcome


def test_the_first_refusal_closes_the_gate_for_good():
    gate = CredentialGate()
    with pytest.raises(AuthenticationError):
        pass_through(gate, refusal())
    for _ in range(2):
        with pytest.raises(Closed, match="wrong key") as caught:
            pass_through(gate, call="batch-stop")
        assert caught.value.call == "batch-stop"
        assert caught.value.http_status == 401


def test_a_refusal_after_many_successes_closes_it_too():
    gate = CredentialGate()
    for _ in range(3):
        pass_through(gate)
    with pytest.raises(AuthenticationError):
        pass_through(gate, refusal("token expired"))
    with pytest.raises(Closed, match="token expired"):
        pass_through(gate)


@pytest.mark.parametrize(
    "outcome", [ConnectionFailed("x", sent=False), RequestRejected("x", call="c"), KeyError("bug")]
)
def test_other_failures_neither_prove_nor_close(outcome):
    gate, inside, go_on = CredentialGate(), threading.Event(), threading.Event()
    with pytest.raises(type(outcome)):
        pass_through(gate, outcome)

    def probe():
        with gate.passage("probe"):
            inside.set()
            go_on.wait(5)

    second = threading.Thread(target=pass_through, args=(gate,))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(probe)
        assert inside.wait(5)
        second.start()
        second.join(0.05)
        assert second.is_alive(), "a second request went before the first was answered"
        go_on.set()
        running.result()
    second.join(5)
    assert not second.is_alive()


def test_of_a_thousand_waiting_only_one_is_sent_when_it_is_refused():
    gate, sent = CredentialGate(), []
    started = threading.Barrier(50)

    def call(number):
        started.wait(5)
        try:
            for _ in range(20):
                with gate.passage(f"call-{number}"):
                    sent.append(number)
                    raise refusal()
        except AuthenticationError as error:
            return type(error)

    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(call, range(50)))
    assert len(sent) == 1
    assert sorted(kind.__name__ for kind in outcomes) == ["AuthenticationError"] + ["Closed"] * 49


def test_once_proven_requests_go_side_by_side():
    gate, together = CredentialGate(), threading.Barrier(5)
    pass_through(gate)

    def call(_):
        with gate.passage("x"):
            together.wait(5)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(call, range(5)))
