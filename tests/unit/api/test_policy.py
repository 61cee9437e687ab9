"""What is done about which failure, as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cph.api import (
    AuthenticationError,
    Closed,
    ConnectionFailed,
    Interrupted,
    InvalidResponse,
    RequestRejected,
    ServerError,
    Throttled,
    action_for,
    outcome_unknown,
)
from pulumi_cph.api.policy import may_repeat, repeat_delay, throttle_pause


def error(kind, code=None, status=None, retry_after=None, **fields):
    if kind is ConnectionFailed:
        return ConnectionFailed("x", **fields)
    made = kind("x", call="c", code=code, http_status=status, retry_after=retry_after)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("code", "status", "action"),
    [
        ("CPS.0042", 400, "soon"),
        ("CPS.0042", None, "soon"),
        ("APIGW.0308", 429, "soon"),
        ("IAM.0012", 429, "soon"),
        (None, 429, "soon"),
        ("CPS.0003", 400, "later"),
        ("CPS.0003", 500, "later"),
        ("APIGW.0613", 503, "later"),
        ("APIGW.0610", 502, "later"),
        ("CPS.0190", 400, "split"),
        ("CPS.0161", 400, "split"),
        ("CPS.0165", None, "wait_phone"),
        ("CPS.0141", None, "wait_phone"),
        ("CPS.0158", 400, "wait_phone"),
        ("CPS.0005", 404, "gone"),
        ("CPS.0005", None, "gone"),
        ("CPS.0004", None, "fail"),
        ("CPS.0053", None, "fail"),
        ("CPS.0053", 429, "soon"),
        ("APIGW.0201", 502, "fail"),
        ("APIGW.0601", 500, "fail"),
        (None, 503, "fail"),
        (None, None, "fail"),
    ],
)
def test_the_code_decides_first_and_the_status_second(code, status, action):
    assert action_for(code, status) == action


@pytest.mark.parametrize(
    ("failed", "unknown"),
    [
        (error(ConnectionFailed, sent=True), True),
        (error(ConnectionFailed, sent=False), False),
        (error(InvalidResponse, status=200), True),
        (error(InvalidResponse, status=302), True),
        (error(ServerError, status=500), True),
        (error(ServerError, "APIGW.0201", 504), True),
        (error(ServerError, "APIGW.0601", 500), True),
        (error(ServerError, "CPS.0003", 500), True),
        (error(RequestRejected, "CPS.0003", 400), True),
        (error(RequestRejected, None, 408), True),
        (error(ServerError, "APIGW.0613", 503), False),
        (error(ServerError, "CPS.0042", 503), False),
        (error(RequestRejected, "CPS.0190", 400), False),
        (error(RequestRejected, "CPS.0004", 400), False),
        (error(Throttled, "APIGW.0308", 429), False),
        (error(AuthenticationError, "APIGW.0301", 401), False),
        (error(Closed, "APIGW.0301", 401), False),
        (Interrupted(), False),
    ],
)
def test_the_outcome_of_a_post_is_unknown_unless_nothing_can_have_happened(failed, unknown):
    assert outcome_unknown(failed) is unknown


REPEATED = [
    error(Throttled, status=429),
    error(ServerError, status=500),
    error(ServerError, "APIGW.0201", 502),
    error(ConnectionFailed, sent=True),
    error(ConnectionFailed, sent=False),
    error(RequestRejected, "CPS.0003", 400),
    error(RequestRejected, "CPS.0042", 400),
    error(InvalidResponse, status=200, truncated=True),
]
NOT_REPEATED = [
    error(RequestRejected, "CPS.0004", 400),
    error(RequestRejected, None, 404),
    error(AuthenticationError, "APIGW.0301", 401),
    error(Closed, "APIGW.0301", 401),
    error(InvalidResponse, status=200),
    error(InvalidResponse, status=302),
    Interrupted(),
]


@pytest.mark.parametrize("failed", REPEATED, ids=repr)
def test_a_get_is_repeated_four_times_when_that_may_help(failed):
    assert [may_repeat(failed, "GET", attempt) for attempt in range(1, 6)] == [True] * 4 + [False]


@pytest.mark.parametrize("failed", NOT_REPEATED, ids=repr)
def test_a_get_is_not_repeated_when_the_answer_would_be_the_same(failed):
    assert not may_repeat(failed, "GET", 1)


@pytest.mark.parametrize("failed", REPEATED + NOT_REPEATED, ids=repr)
def test_a_post_is_never_repeated(failed):
    assert not may_repeat(failed, "POST", 1)


def test_the_longest_waits_double_up_to_the_cap():
    failed = error(ServerError, status=500)
    assert [repeat_delay(failed, attempt, 1.0) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert repeat_delay(failed, 3, 0.0) == 0.0


@pytest.mark.parametrize(("asked", "waited"), [(3, 3), (3600, 30), (0.1, 0.5), (-5, 0.5), (None, 0.5)])
def test_what_the_service_asks_for_is_waited_within_bounds(asked, waited):
    assert repeat_delay(error(Throttled, retry_after=asked), 1, 1.0) == waited


@pytest.mark.parametrize(("asked", "pause"), [(None, 1), (0, 1), (12, 12), (3600, 30)])
def test_everybody_pauses_after_a_429(asked, pause):
    assert throttle_pause(error(Throttled, retry_after=asked)) == pause


@given(st.integers(1, 50), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e9))
def test_no_wait_is_ever_longer_than_half_a_minute(attempt, luck, asked):
    assert 0 <= repeat_delay(error(Throttled, retry_after=asked), attempt, luck) <= 30
