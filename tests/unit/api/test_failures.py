"""Answers that are no success: their class, their one line, and what the line adds."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cph.api import (
    ApiError,
    AuthenticationError,
    Closed,
    ConnectionFailed,
    HttpResponse,
    Interrupted,
    InvalidResponse,
    RequestRejected,
    ServerError,
    Throttled,
    phone_is_gone,
)
from pulumi_cph.api.failures import failure
from pulumi_cph.api.redaction import Redaction
from tests.unit.api.wire import DATE_NOW, KEY, NOW, REQUEST_ID, error_reply, reply

SHAPES = {
    "the service": (
        400,
        {"request_id": REQUEST_ID, "error_code": "CPS.0042", "error_msg": "System busy."},
        ("CPS.0042", "System busy.", REQUEST_ID),
    ),
    "the gateway": (
        403,
        {"error_msg": "denied", "error_code": "APIGW.0302", "request_id": REQUEST_ID},
        ("APIGW.0302", "denied", REQUEST_ID),
    ),
    "an older gateway": (
        404,
        {"error_msg": "no api", "error_code": "APIG.0101"},
        ("APIGW.0101", "no api", None),
    ),
    "Keystone": (
        400,
        {"error": {"code": 400, "message": "The request body is invalid", "title": "Bad Request"}},
        ("400", "The request body is invalid", None),
    ),
    "IAM's extensions": (403, {"error_msg": "no", "error_code": "IAM.0011"}, ("IAM.0011", "no", None)),
    "camel case": (400, {"errorCode": "CPS.0002", "errorMsg": "bad"}, ("CPS.0002", "bad", None)),
    "code and message": (400, {"code": "CPS.0002", "message": "bad"}, ("CPS.0002", "bad", None)),
    "nested": (
        400,
        {"request_id": REQUEST_ID, "detail": {"error_code": "CPS.0002", "error_msg": "bad"}},
        ("CPS.0002", "bad", REQUEST_ID),
    ),
    "a code without its dot": (400, {"error_code": "CPS0005", "error_msg": "x"}, ("CPS.0005", "x", None)),
    "a code that is none": (400, {"error_code": ["CPS.1"], "error_msg": "x"}, (None, "x", None)),
    "a policy's denial": (
        403,
        {"encoded_authorization_message": "AAAA", "error_code": "CPS.0001", "error_msg": "No permission"},
        ("CPS.0001", "No permission", None),
    ),
    "nothing but an encoded message": (
        403,
        {"encoded_authorization_message": "AAAA"},
        (None, "Forbidden", None),
    ),
    "an empty object": (404, {}, (None, "Not Found", None)),
    "an array": (404, [1], (None, "Not Found", None)),
    "nothing": (502, b"", (None, "Bad Gateway", None)),
    "text": (503, b"upstream\r\nconnect\terror", (None, "upstream connect error", None)),
    "a page": (502, b"<html><h1>502</h1>\n<p>nginx</p></html>", (None, "502 nginx", None)),
    "octets": (500, b"\xff\xfe\x00", (None, "\ufffd\ufffd", None)),
}


def fail(response: HttpResponse, now=NOW) -> ApiError:
    return failure("show-phone", response, Redaction(KEY.secrets()), now)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_known_shape_is_understood(shape):
    status, body, (code, message, request_id) = SHAPES[shape]
    error = fail(reply(status, body))
    assert (error.code, error.message, error.request_id) == (code, message, request_id)
    assert error.http_status == status
    assert error.call == "show-phone"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "CPS.0042", RequestRejected),
        (401, "APIGW.0301", AuthenticationError),
        (401, "", AuthenticationError),
        (400, "IAM.1108", AuthenticationError),
        (400, "APIGW.0301", AuthenticationError),
        (403, "CPS.0001", RequestRejected),
        (404, "CPS.0005", RequestRejected),
        (429, "APIGW.0308", Throttled),
        (500, "CPS.0003", ServerError),
        (503, "", ServerError),
        (599, "", ServerError),
    ],
)
def test_the_class_says_what_it_means(status, code, kind):
    assert type(fail(error_reply(status, code))) is kind


@pytest.mark.parametrize("status", [204, 206, 301, 302, 303, 304, 307, 308])
def test_a_status_below_400_that_is_no_success_is_an_invalid_response(status):
    error = fail(reply(status, b"", Location="https://login.example/?next=1"))
    assert isinstance(error, InvalidResponse)
    assert error.http_status == status
    assert not error.truncated
    if status >= 300:
        assert "a redirect to https://login.example/" in error.message


def test_the_line_has_everything_one_needs_at_night():
    error = fail(error_reply(400, "CPS.0042", "System busy."))
    assert str(error) == f"show-phone: CPS.0042 System busy. (HTTP 400, request id {REQUEST_ID})"
    error.attempts = 5
    assert str(error).endswith(f"request id {REQUEST_ID}, 5 attempts)")
    assert str(ConnectionFailed("connection refused", call="x", sent=False)) == "x: connection refused"


def test_the_request_id_may_stand_in_a_header():
    assert fail(reply(500, b"", X_Request_Id="r-1")).request_id == "r-1"
    assert fail(reply(500, b"", X_IAM_Trace_Id="t-1")).request_id == "t-1"
    assert fail(reply(500, {"request_id": "a b\n"}, X_Request_Id=KEY.access_key)).request_id is None


def test_a_long_message_is_cut_and_a_line_stays_a_line():
    error = fail(error_reply(400, "CPS.0001", "a\r\n\x1b[31m " * 1000))
    assert len(error.message) <= 300
    assert error.message.isprintable()


def test_an_echoed_canonical_request_shows_no_credential():
    echoed = (
        "Incorrect IAM authentication information: verify aksk signature fail, canonical request: GET|/v1/|"
        f"|x-security-token:{'Ab1+' * 500}|ak:{KEY.access_key}|Signature={'f' * 64}"
    )
    for body in (echoed.encode(), json.dumps({"error_msg": echoed, "error_code": "APIGW.0301"}).encode()):
        error = fail(reply(401, body))
        for text in (str(error), repr(error), error.message, repr(error.args)):
            assert KEY.access_key not in text
            assert "Ab1+" not in text
            assert "ffff" not in text


@pytest.mark.parametrize(
    ("hours", "minutes", "direction"),
    [(0, 16, "16 minutes ahead of"), (0, -16, "16 minutes behind"), (2, 0, "120 minutes ahead of")],
)
def test_a_wrong_clock_is_named_when_the_credentials_are_refused(hours, minutes, direction):
    response = error_reply(401, "APIGW.0303", "Incorrect app authentication", Date=DATE_NOW)
    error = fail(response, NOW + timedelta(hours=hours, minutes=minutes))
    assert f"the local clock is {direction} the server's" in error.message
    assert "Incorrect app authentication" in error.message


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Jan 2026 99:99:99 GMT", "1", DATE_NOW])
def test_a_clock_within_bounds_or_unknown_is_not_blamed(date):
    error = fail(error_reply(401, "APIGW.0301", Date=date), NOW + timedelta(minutes=15))
    assert "clock" not in error.message


def test_the_clock_is_not_blamed_for_anything_but_a_refusal():
    error = fail(error_reply(400, "CPS.0042", Date=DATE_NOW), NOW + timedelta(hours=9))
    assert "clock" not in error.message


@pytest.mark.parametrize(
    ("status", "code", "text", "reason"),
    [
        (401, "APIGW.0307", "The token must be updated.", "the token has expired or is of another region"),
        (401, "APIGW.0301", "Incorrect ...: token expires, expires_at: 2026", "access key has expired"),
        (401, "IAM.0066", "The token has expired.", "the token has expired"),
        (400, "IAM.1108", "bad", "the security token of the temporary access key has expired"),
        (400, "IAM.1105", "bad", "the access key has expired"),
        (401, "APIGW.0301", "AK access failed to reach the limit,forbidden", "locked for 5 minutes"),
    ],
)
def test_a_refusal_for_age_or_for_a_lock_says_so_first(status, code, text, reason):
    error = fail(error_reply(status, code, text))
    assert isinstance(error, AuthenticationError)
    assert reason in error.message.split(": ")[0]
    assert error.message.endswith(text)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 2.5 ", 2.5),
        ("Fri, 02 Jan 2026 03:04:35 GMT", 30.0),
        ("Fri, 02 Jan 2026 03:00:00 GMT", 0.0),
        ("", None),
        ("-3", None),
        ("soon", None),
        ("nan", None),
        ("1e9", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value, seconds):
    assert fail(error_reply(429, "APIGW.0308", Retry_After=value)).retry_after == seconds


def test_a_retry_date_counts_from_the_clock_of_the_server():
    response = error_reply(429, "", Retry_After="Fri, 02 Jan 2026 03:04:15 GMT", Date=DATE_NOW)
    assert fail(response, NOW + timedelta(hours=5)).retry_after == 10.0


@pytest.mark.parametrize(
    ("error", "gone"),
    [
        (fail(reply(404, {})), True),
        (fail(reply(404, {"error": {"code": 404, "message": "no"}})), True),
        (fail(error_reply(404, "CPS.0005")), True),
        (fail(error_reply(400, "CPS.0005")), True),
        (fail(error_reply(400, "CPS0005")), True),
        (fail(error_reply(404, "APIGW.0101")), False),
        (fail(error_reply(404, "APIG.0101")), False),
        (fail(error_reply(404, "CPS.0011")), False),
        (fail(error_reply(400, "CPS.0004")), True),
        (fail(reply(500, {})), False),
        (Interrupted(), False),
    ],
)
def test_a_phone_is_gone_by_its_code_or_by_a_plain_404(error, gone):
    assert phone_is_gone(error) is gone


def test_closed_repeats_the_message_of_the_refusal_for_another_call():
    refusal = fail(error_reply(401, "APIGW.0301", "Incorrect IAM authentication information"))
    closed = Closed.after(refusal, "batch-stop")
    assert isinstance(closed, AuthenticationError)
    assert (closed.message, closed.code, closed.call) == (refusal.message, "APIGW.0301", "batch-stop")
    assert "(not sent, refused before, HTTP 401," in str(closed)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "error_code", "error_msg", "code", "message", "request_id"]) | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
headers = st.dictionaries(st.sampled_from(["Date", "Retry-After", "X-Request-Id", "Location"]), st.text(max_size=30))


@given(st.integers(100, 700), st.binary(max_size=60) | anything.map(lambda v: json.dumps(v).encode()), headers)
def test_any_answer_becomes_an_error_with_a_readable_line(status, body, headers):
    error = fail(HttpResponse(status, headers, body))
    assert isinstance(error, ApiError)
    assert error.message
    assert str(error).isprintable()
    assert len(error.message) <= 300
