"""How requests go out: headers, repetitions, the gate and the quota."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_cph.api import (
    ApiError,
    AuthenticationError,
    Closed,
    ConnectionFailed,
    CredentialGate,
    HttpResponse,
    Interrupted,
    InvalidResponse,
    KeyPair,
    RequestRejected,
    RetryQuota,
    ServerError,
    Throttled,
    Token,
)
from pulumi_cph.version import __version__
from tests.unit.api.wire import DATE_NOW, KEY, NOW, PHONE, PROJECT, Rig, error_reply, phone_json, reply

PAGE = reply(200, {"phones": [], "count": 0})
BATCH = reply(200, {"request_id": "r", "jobs": []})


# --- what is sent ---


def test_a_signed_request_has_exactly_these_headers():
    rig = Rig(PAGE)
    rig.client.list_phones()
    headers = dict(rig.transport.sent[0].headers)
    assert headers.pop("Authorization").startswith(
        f"SDK-HMAC-SHA256 Access={KEY.access_key}, SignedHeaders=content-type;host;x-project-id;x-sdk-date, Signature="
    )
    assert headers == {
        "Content-Type": "application/json",
        "Host": "cph.cn-north-4.myhuaweicloud.com",
        "User-Agent": f"pulumi-cph/{__version__}",
        "X-Project-Id": PROJECT,
        "X-Sdk-Date": "20260102T030405Z",
    }


def test_a_temporary_key_sends_and_signs_its_security_token():
    rig = Rig(PAGE, credentials=KeyPair("AK-temp", "SK-temp", "ST-temp"))
    rig.client.list_phones()
    headers = rig.transport.sent[0].headers
    assert headers["X-Security-Token"] == "ST-temp"
    assert "SignedHeaders=content-type;host;x-project-id;x-sdk-date;x-security-token," in headers["Authorization"]


def test_a_token_goes_in_its_own_header_without_a_signature():
    rig = Rig(PAGE, credentials=Token("TOKEN-1"))
    rig.client.list_phones()
    headers = rig.transport.sent[0].headers
    assert headers["X-Auth-Token"] == "TOKEN-1"
    assert "Authorization" not in headers
    assert "X-Sdk-Date" not in headers


def test_every_attempt_is_signed_anew():
    times = iter(NOW + timedelta(seconds=30 * n) for n in range(10))
    rig = Rig(reply(500), reply(500), PAGE, clock=lambda: next(times))
    rig.client.list_phones()
    dates = [request.headers["X-Sdk-Date"] for request in rig.transport.sent]
    assert len(set(dates)) == 3


# --- repetitions ---

HELPED_BY_REPETITION = {
    "429": error_reply(429, "APIGW.0308"),
    "500": error_reply(500, "CPS.0003"),
    "502": reply(502, b"<html>"),
    "503": error_reply(503, "APIGW.0613"),
    "system busy": error_reply(400, "CPS.0042"),
    "internal error as 400": error_reply(400, "CPS.0003"),
    "connection refused": ConnectionFailed("refused", sent=False),
    "connection reset": ConnectionFailed("reset", sent=True),
    "cut off by the connection": HttpResponse(200, {}, b'{"phones":[', "ended early"),
    "cut off without a trace": reply(200, b'{"phones":['),
}
NOT_HELPED = {
    "400": error_reply(400, "CPS.0002"),
    "403": error_reply(403, "CPS.0001"),
    "404": error_reply(404, "APIGW.0101"),
    "a page": reply(200, b"<html>"),
    "a redirect": reply(302, b"", Location="https://login/"),
    "too large": HttpResponse(200, {}, b"{", "is too large"),
    "too slow": HttpResponse(200, {}, b"{", "took too long"),
    "wrong types": reply(200, {"phones": {}}),
    "no content": reply(204, b""),
    "created, to a GET": reply(201, {"phones": []}),
}


@pytest.mark.parametrize("name", HELPED_BY_REPETITION)
def test_a_get_recovers_from_a_passing_failure(name):
    rig = Rig(HELPED_BY_REPETITION[name], HELPED_BY_REPETITION[name], PAGE)
    assert rig.client.list_phones().phones == ()
    assert rig.backoffs == [0.5, 1.0]


@pytest.mark.parametrize("name", HELPED_BY_REPETITION)
def test_a_get_gives_up_after_five_attempts_and_says_so(name):
    rig = Rig(HELPED_BY_REPETITION[name])
    with pytest.raises(ApiError) as caught:
        rig.client.list_phones()
    assert len(rig.transport.sent) == 5
    assert "5 attempts" in str(caught.value)
    assert str(caught.value).startswith("list-phones: ")


@pytest.mark.parametrize("name", NOT_HELPED)
def test_a_get_is_sent_once_when_repeating_cannot_help(name):
    rig = Rig(NOT_HELPED[name])
    with pytest.raises(ApiError):
        rig.client.list_phones()
    assert len(rig.transport.sent) == 1
    assert rig.backoffs == []


@pytest.mark.parametrize("name", [*HELPED_BY_REPETITION, "a page", "400"])
def test_a_post_is_sent_once_whatever_happens(name):
    rig = Rig({**HELPED_BY_REPETITION, **NOT_HELPED}[name])
    with pytest.raises(ApiError):
        rig.client.stop_phones([PHONE])
    assert len(rig.transport.sent) == 1
    assert rig.backoffs == []


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_post_succeeds_with_any_of_three_statuses(status):
    assert Rig(reply(status, {"jobs": []})).client.stop_phones([PHONE]).entries == ()


def test_luck_shortens_the_waits_and_retry_after_bounds_them_from_below():
    rig = Rig(
        error_reply(503, "", Retry_After="7"),
        reply(500),
        error_reply(503, "", Retry_After="900"),
        PAGE,
        luck=0.0,
    )
    rig.client.list_phones()
    assert rig.backoffs == [7.0, 0.0, 30.0]


def test_a_429_makes_every_caller_of_the_endpoint_pause():
    rig = Rig(error_reply(429, "APIGW.0308", Retry_After="20"), PAGE)
    with pytest.raises(Throttled):
        rig.client.stop_phones([PHONE])
    before = rig.time.now
    rig.client.list_phones()
    assert rig.time.now == before + 20


def test_an_outage_uses_up_the_quota_and_then_nothing_is_repeated():
    rig = Rig(reply(503, b""))
    requests = []
    for _ in range(30):
        before = len(rig.transport.sent)
        with pytest.raises(ServerError):
            rig.client.list_phones()
        requests.append(len(rig.transport.sent) - before)
    assert requests == [5] * 15 + [1] * 15


def test_successes_earn_repetitions_back_up_to_the_capacity():
    quota = RetryQuota()
    while quota.take():
        pass
    for _ in range(5):
        assert not quota.take()
        quota.refund()
    assert quota.take()
    for _ in range(10_000):
        quota.refund()
    assert sum(iter(quota.take, False)) == RetryQuota.CAPACITY // RetryQuota.COST


def test_after_an_outage_successes_let_requests_be_repeated_again():
    quota = RetryQuota()
    while quota.take():
        pass
    rig = Rig(*[PAGE] * RetryQuota.COST, reply(503), PAGE, quota=quota)
    for _ in range(RetryQuota.COST + 1):
        rig.client.list_phones()
    assert rig.backoffs == [0.5]


# --- stopping ---


def test_an_interruption_before_sending_sends_nothing():
    def stop():
        raise Interrupted("the engine is gone")

    rig = Rig(PAGE, checkpoint=stop)
    with pytest.raises(Interrupted, match="list-phones: the engine is gone"):
        rig.client.list_phones()
    assert rig.transport.sent == []


def test_an_interruption_between_attempts_ends_the_call():
    def stop(seconds):
        raise Interrupted

    rig = Rig(reply(500), PAGE, sleep=stop)
    with pytest.raises(Interrupted):
        rig.client.list_phones()
    assert len(rig.transport.sent) == 1


# --- the first refusal ---


@pytest.mark.parametrize(
    "refusal",
    [
        error_reply(401, "APIGW.0301", "Incorrect IAM authentication information"),
        reply(401, {"error": {"code": 401, "message": "Incorrect", "title": "Unauthorized"}}),
        error_reply(400, "IAM.1108", "Incorrect"),
        reply(401, b"Incorrect"),
    ],
)
def test_after_a_refusal_nothing_is_sent_to_any_endpoint(refusal):
    gate = CredentialGate()
    first, second = Rig(refusal, gate=gate), Rig(PAGE, gate=gate)
    with pytest.raises(AuthenticationError) as original:
        first.client.list_phones()
    for call in (
        first.client.list_phones,
        lambda: second.client.stop_phones([PHONE]),
        lambda: second.iam.project_id("cn-north-4"),
    ):
        with pytest.raises(Closed) as later:
            call()
        assert later.value.message == original.value.message
    assert (len(first.transport.sent), len(second.transport.sent)) == (1, 0)


def test_a_thousand_phones_with_a_wrong_key_are_one_request():
    rig = Rig(error_reply(401, "APIGW.0301"))

    def show(number):
        with pytest.raises(AuthenticationError):
            rig.client.show_phone(f"phone-{number}")

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(show, range(1000)))
    assert len(rig.transport.sent) == 1


def test_requests_wait_for_the_first_answer_and_go_together_afterwards():
    together = threading.Barrier(4, timeout=5)
    lock, seen = threading.Lock(), []

    def answer(request):
        with lock:
            seen.append(request)
            first = len(seen) == 1
        if not first:
            together.wait()
        return PAGE

    rig = Rig(answer)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: rig.client.list_phones(), range(5)))
    assert len(seen) == 5


def test_a_wrong_clock_is_named_in_the_refusal():
    response = error_reply(401, "APIGW.0303", "Incorrect", Date=DATE_NOW)
    rig = Rig(response, clock=lambda: NOW + timedelta(minutes=47))
    with pytest.raises(AuthenticationError, match="the local clock is 47 minutes ahead"):
        rig.client.list_phones()


# --- what is refused before it is sent ---


@pytest.mark.parametrize("identifier", ["", ".", "..", "\ud800"])
def test_an_id_that_no_path_can_hold_is_rejected_here(identifier):
    rig = Rig(reply(200, phone_json()))
    with pytest.raises(RequestRejected, match="show-phone"):
        rig.client.show_phone(identifier)
    assert rig.transport.sent == []


def test_a_parameter_that_is_no_unicode_is_rejected_here():
    with pytest.raises(RequestRejected, match="not valid Unicode"):
        Rig(PAGE).client.list_phones(phone_name="\udfff")


# --- anything at all ---

bodies = st.binary(max_size=40) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["jobs", "phones", "error"]), inner),
    max_leaves=6,
).map(lambda value: json.dumps(value).encode())


@settings(deadline=None)
@given(st.integers(200, 599), bodies, st.sampled_from([None, "ended early", "took too long", "is too large"]))
def test_any_answer_is_a_result_or_an_api_error(status, body, cut):
    rig = Rig(HttpResponse(status, {}, body, cut))
    for call in (
        rig.client.list_phones,
        lambda: rig.client.show_phone(PHONE),
        lambda: rig.client.stop_phones([PHONE]),
        lambda: rig.client.list_jobs(["r"]),
        lambda: rig.client.show_job("j"),
        lambda: rig.iam.project_id("r"),
    ):
        with suppress(ApiError):
            call()


def test_a_body_that_was_cut_says_how():
    rig = Rig(HttpResponse(200, {}, b"{", "is too large"))
    with pytest.raises(InvalidResponse, match=r"it is too large \(HTTP 200\)"):
        rig.client.list_phones()


def test_the_status_counts_also_when_the_body_was_cut():
    with pytest.raises(AuthenticationError):
        Rig(HttpResponse(401, {}, b'{"err', "ended early")).client.list_phones()


def test_a_successful_batch_proves_the_credentials_like_any_other_answer():
    rig = Rig(BATCH)
    assert rig.client.restart_phones([PHONE]).request_id == "r"
