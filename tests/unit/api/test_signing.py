"""The signature, against the published rules' vectors and against the official SDK."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from urllib.parse import quote, urlsplit

import pytest
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_cph.api import KeyPair, Token
from pulumi_cph.api.signing import authorize, canonical_path, canonical_query, sign
from tests.unit.api.wire import KEY, NOW, PROJECT

CPH = "https://cph.cn-north-4.myhuaweicloud.com"
JSON = {"Content-Type": "application/json"}
OURS = {**JSON, "X-Project-Id": PROJECT}
NAMES = "content-type;host;x-project-id;x-sdk-date"

VECTORS = {
    "a batch-stop": (
        {
            "key": KEY,
            "method": "POST",
            "url": f"{CPH}/v1/{PROJECT}/cloud-phone/phones/batch-stop",
            "headers": OURS,
            "body": b'{"phone_ids": ["1234567b8bab40ffb711234cb80d0234"]}',
        },
        NAMES,
        "7c2ed02ed1929a98db6d656d34c9525170b3743a7da7fb3a27217b871b6e5836",
    ),
    "a listing with odd characters": (
        {
            "key": KEY,
            "method": "GET",
            "url": f"{CPH}/v1/{PROJECT}/cloud-phone/phones?"
            + canonical_query([("phone_name", "a b/手机~"), ("offset", "0"), ("limit", "100")]),
            "headers": OURS,
            "body": b"",
        },
        NAMES,
        "ffaaf4ff7209a5ee7cff4e330261f064cd7b16a74459c211318cd3e17b34aecd",
    ),
    "IAM with only the date and the host signed": (
        {
            "key": KEY,
            "method": "GET",
            "url": "https://iam.cn-north-4.myhuaweicloud.com/v3/projects?name=cn-north-4",
            "headers": {},
            "body": b"",
        },
        "host;x-sdk-date",
        "cf9f07a7b71220ddd51169ce5e96bae27f02b9b0c646e916f919ed3c805dcba2",
    ),
    "a temporary key": (
        {
            "key": KeyPair(KEY.access_key, KEY.secret_key, "TOKENexample"),
            "method": "GET",
            "url": f"{CPH}/v1/{PROJECT}/cloud-phone/phones/1234567b8bab40ffb711234cb80d0234",
            "headers": OURS,
            "body": b"",
        },
        NAMES + ";x-security-token",
        "34394441371e2de72705535ed82301dd797d158c4a1405c81d86fbfdc6de47a3",
    ),
    "a host with a port": (
        {
            "key": KEY,
            "method": "GET",
            "url": f"http://127.0.0.1:8080/v1/{PROJECT}/cloud-phone/jobs?request_id=6837531fd3f54550927b930180a706bf",
            "headers": JSON,
            "body": b"",
        },
        "content-type;host;x-sdk-date",
        "f8d3305640fb02bbb71e578ab2a0264bf89e455f794e527d1ccee49119b23490",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_published_vectors_come_out(name):
    request, names, signature = VECTORS[name]
    headers = sign(**request, at=NOW)
    assert headers["Authorization"] == (
        f"SDK-HMAC-SHA256 Access={KEY.access_key}, SignedHeaders={names}, Signature={signature}"
    )
    assert headers["X-Sdk-Date"] == "20260102T030405Z"


def test_the_query_of_the_vectors_is_spelt_as_published():
    parameters = [("phone_name", "a b/手机~"), ("offset", "0"), ("limit", "100")]
    assert canonical_query(parameters) == "limit=100&offset=0&phone_name=a%20b%2F%E6%89%8B%E6%9C%BA~"


def test_the_signed_path_ends_in_a_slash_and_is_encoded_once():
    assert canonical_path("/v1/a%20b/%E6%89%8B") == "/v1/a%20b/%E6%89%8B/"
    assert canonical_path("") == "/"


def test_the_date_is_written_in_utc_whatever_the_zone_of_the_clock():
    east = NOW.astimezone(timezone(timedelta(hours=8)))
    assert sign(KEY, method="GET", url=CPH, headers={}, body=b"", at=east)["X-Sdk-Date"] == "20260102T030405Z"


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
hosts = st.sampled_from(["cph.cn-north-4.myhuaweicloud.com", "127.0.0.1:8080", "localhost", "[::1]:443"])


@settings(max_examples=400, deadline=None)
@given(
    key=st.builds(KeyPair, visible, visible, st.none() | visible),
    method=st.sampled_from(["GET", "POST", "get"]),
    host=hosts,
    segments=st.lists(words, max_size=4),
    query=st.lists(st.tuples(words, words), max_size=5),
    project=visible,
    body=st.binary(max_size=60),
    at=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)),
)
def test_every_request_is_signed_as_the_official_sdk_signs_it(key, method, host, segments, query, project, body, at):
    path = "/v1/" + "/".join(quote(segment, safe="~") for segment in segments)
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    theirs = SdkRequest(
        method=method,
        schema="https",
        host=host,
        resource_path=path,
        query_params=list(query),
        header_params={**JSON, "X-Project-Id": project, "X-Sdk-Date": stamp},
        body=body,
    )
    if key.security_token:
        theirs.header_params["X-Security-Token"] = key.security_token
    Signer(SimpleNamespace(ak=key.access_key, sk=key.secret_key)).sign(theirs)

    url = f"https://{host}{path}" + (f"?{canonical_query(query)}" if query else "")
    ours = sign(
        key,
        method=method,
        url=url,
        headers={**JSON, "X-Project-Id": project},
        body=body,
        at=at.replace(tzinfo=timezone.utc),
    )

    assert ours["Authorization"] == theirs.header_params["Authorization"]
    target = urlsplit(url)
    assert target.path + (f"?{target.query}" if target.query else "") == theirs.uri


def test_a_token_is_sent_as_it_is_and_nothing_is_signed():
    headers = authorize(Token("MIItoken"), method="GET", url=f"{CPH}/v1", headers=JSON, body=b"", at=NOW)
    assert headers == {**JSON, "Host": "cph.cn-north-4.myhuaweicloud.com", "X-Auth-Token": "MIItoken"}


@pytest.mark.parametrize("credentials", [KEY, KeyPair("AK12345", "SK12345", "ST12345"), Token("TOK12345")])
def test_the_text_of_credentials_shows_nothing_of_them(credentials):
    for text in (repr(credentials), str(credentials), f"{credentials}", repr([credentials])):
        assert not any(secret in text for secret in credentials.secrets())


@pytest.mark.parametrize("bad", ["", "secret\n", "se cret", "geheimniß", "a\x00b", "\u200bkey"])
def test_credentials_that_no_header_can_hold_are_refused_without_being_quoted(bad):
    for make in (
        lambda: KeyPair(bad, "sk"),
        lambda: KeyPair("ak", bad),
        lambda: KeyPair("ak", "sk", bad),
        lambda: Token(bad),
    ):
        with pytest.raises(ValueError, match="is empty or contains") as caught:
            make()
        assert not bad or bad not in str(caught.value)
