"""Texts from elsewhere become one line without credentials."""

from __future__ import annotations

import base64
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cph.api.redaction import MESSAGE_LIMIT, Redaction, one_line

SECRET = "Sk+/ex=ample&0000~TEST"
FORMS = {
    "plain": SECRET,
    "in capitals": SECRET.upper(),
    "percent-encoded": quote(SECRET, safe=""),
    "percent-encoded with slashes": quote(SECRET),
    "percent-encoded in lower case": quote(SECRET, safe="").lower(),
    "as a form field": quote_plus(SECRET),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "url-safe base64": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "hex": SECRET.encode().hex(),
    "HEX": SECRET.encode().hex().upper(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form(form):
    line = Redaction([SECRET]).line(f"before {FORMS[form]} after")
    assert FORMS[form] not in line
    assert line.startswith("before ***")
    assert line.endswith("after")


@pytest.mark.parametrize(
    "text",
    [
        "Signature=VALUE",
        "Authorization: SDK-HMAC-SHA256 Access=VALUE, SignedHeaders=host, Signature=VALUE",
        "|x-auth-token:VALUE|x-sdk-date:20260102T030405Z|",
        "|x-security-token:VALUE|",
        '{"access_key":"VALUE","secret_key":"VALUE"}',
        r"{\"ak\":\"VALUE\",\"sk\":\"VALUE\"}",
        "Get secretKey failed,ak:VALUE,err:ak not exist",
        "authorization: Bearer VALUE",
        "password = VALUE",
        "token " + "VALUE" * 30,
    ],
)
def test_what_stands_where_secrets_stand_is_masked_without_being_known(text):
    line = Redaction().line(text)
    assert "VALUE" not in line
    assert "***" in line


def test_published_messages_stay_as_they_are():
    redaction = Redaction([SECRET])
    for text in (
        "Parameter: phone_id is invalid.",
        "No permission to request resources. Phone is freezed.",
        "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute",
        "Incorrect IAM authentication information: token expires, expires_at: 2026-01-02T03:04:05.000000Z",
        "关闭云手机失败",
    ):
        assert redaction.line(text) == text


def test_a_secret_at_the_cut_does_not_survive_in_half():
    line = Redaction([SECRET]).line("x" * (MESSAGE_LIMIT - 10) + " " + SECRET)
    assert SECRET[:5] not in line


def test_a_secret_of_a_few_characters_does_not_blot_out_words():
    assert Redaction(["on"]).line("phone is gone") == "phone is gone"


@given(st.text(max_size=1000))
def test_a_line_is_printable_bounded_and_one(text):
    for line in (one_line(text), Redaction([SECRET]).line(text)):
        assert len(line) <= MESSAGE_LIMIT
        assert line.isprintable()
        line.encode()
