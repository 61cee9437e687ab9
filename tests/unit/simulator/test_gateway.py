"""Who is let in: signatures by the published vectors, clock skew, lock-outs, tokens."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from pulumi_cph.simulator import Cloud, Options, Request, Response, SteppedClock, respond
from pulumi_cph.simulator.signature import AccessKey, canonical_request, signature
from tests.unit.simulator.builders import PROJECT, outcome

KEY = AccessKey("AKEXAMPLE0000000TEST", "SKexample00000000000000000000000000TEST")
PROJECT_ID = "0605767e8c0a4a4f8f5a1d0c0ffee000"
DATE = "20260102T030405Z"
HOST = "cph.cn-north-4.myhuaweicloud.com"
USUAL = {"content-type": "application/json", "host": HOST, "x-project-id": PROJECT_ID, "x-sdk-date": DATE}
STOP = b'{"phone_ids": ["1234567b8bab40ffb711234cb80d0234"]}'

VECTORS = {
    # Published by nobody: made with the official SDK's signer, and by an independent implementation.
    "post": (
        Request("POST", f"{PROJECT}/phones/batch-stop", "", USUAL, STOP),
        "7c2ed02ed1929a98db6d656d34c9525170b3743a7da7fb3a27217b871b6e5836",
    ),
    "query": (
        Request(
            "GET",
            f"{PROJECT}/phones",
            "limit=100&offset=0&phone_name=a%20b%2F%E6%89%8B%E6%9C%BA~",
            USUAL,
        ),
        "ffaaf4ff7209a5ee7cff4e330261f064cd7b16a74459c211318cd3e17b34aecd",
    ),
    "iam": (
        Request(
            "GET",
            "/v3/projects",
            "name=cn-north-4",
            {"host": "iam.cn-north-4.myhuaweicloud.com", "x-sdk-date": DATE},
        ),
        "cf9f07a7b71220ddd51169ce5e96bae27f02b9b0c646e916f919ed3c805dcba2",
    ),
    "security token": (
        Request(
            "GET",
            f"{PROJECT}/phones/1234567b8bab40ffb711234cb80d0234",
            "",
            {**USUAL, "x-security-token": "TOKENexample"},
        ),
        "34394441371e2de72705535ed82301dd797d158c4a1405c81d86fbfdc6de47a3",
    ),
    "port": (
        Request(
            "GET",
            f"{PROJECT}/jobs",
            "request_id=6837531fd3f54550927b930180a706bf",
            {"content-type": "application/json", "host": "127.0.0.1:8080", "x-sdk-date": DATE},
        ),
        "f8d3305640fb02bbb71e578ab2a0264bf89e455f794e527d1ccee49119b23490",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_signature_is_that_of_the_vector(name: str) -> None:
    request, expected = VECTORS[name]
    canonical = canonical_request(request, tuple(request.headers))
    assert signature(KEY.secret_key, DATE, canonical) == expected


class Door:
    """A cloud that asks for signatures, and a correct client of it."""

    def __init__(self, key: AccessKey = KEY, **options: object) -> None:
        self.clock = SteppedClock()
        self.cloud = Cloud(Options().changed(options), phones=1, key=key, clock=self.clock)

    def request(
        self,
        path: str = f"{PROJECT}/phones",
        query: str = "",
        *,
        secret: str = KEY.secret_key,
        access: str = KEY.access_key,
        skew: float = 0,
        signed: tuple[str, ...] = ("host", "x-sdk-date"),
        extra: dict[str, str] | None = None,
    ) -> Request:
        date = datetime.fromtimestamp(self.clock() + skew, timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": "localhost", "x-sdk-date": date, **(extra or {})}
        bare = Request("GET", path, query, headers)
        names = ";".join(sorted(signed))
        value = signature(secret, date, canonical_request(bare, signed))
        headers["authorization"] = f"SDK-HMAC-SHA256 Access={access}, SignedHeaders={names}, Signature={value}"
        return Request("GET", path, query, headers)

    def knock(self, request: Request | None = None, **how: object) -> Response:
        return respond(self.cloud, request or self.request(**how))  # type: ignore[arg-type]


def test_a_signed_request_is_let_in() -> None:
    assert Door().knock().status == 200


def test_only_the_date_must_be_signed() -> None:
    assert Door().knock(signed=("x-sdk-date",)).status == 200
    refused = Door().knock(signed=("host",))
    assert outcome(refused) == (401, "APIGW.0301")


def test_headers_outside_the_signed_list_may_be_anything() -> None:
    door = Door()
    request = door.request()
    changed = Request("GET", request.path, "", {**request.headers, "x-project-id": "p", "x-domain-id": "d"})
    assert door.knock(changed).status == 200


@pytest.mark.parametrize("part", ["path", "query", "body", "host"])
def test_what_was_signed_must_be_what_was_sent(part: str) -> None:
    door = Door()
    sent = door.request()
    headers = {**sent.headers, **({"host": "elsewhere"} if part == "host" else {})}
    changed = Request(
        "GET",
        sent.path + ("/x" if part == "path" else ""),
        "limit=1" if part == "query" else "",
        headers,
        b"x" if part == "body" else b"",
    )
    refused = door.knock(changed)
    assert outcome(refused) == (401, "APIGW.0301")
    message = refused.json()["error_msg"]
    assert message.startswith("Incorrect IAM authentication information: verify aksk signature fail")
    assert "GET|/v1/" in message


def test_a_plus_is_not_a_space() -> None:
    door = Door()
    signed = door.request(query="phone_name=a%20b")
    assert door.knock(signed).status == 200
    assert door.knock(Request("GET", signed.path, "phone_name=a+b", signed.headers)).status == 401


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (None, "x-auth-token not found"),
        ("Basic abc", "authorization format is incorrect"),
        (
            "SDK-HMAC-SHA256 Access=AKNOBODY, SignedHeaders=x-sdk-date, Signature=00",
            "Get secretKey failed,ak:AKNOBODY,err:ak not exist",
        ),
    ],
)
def test_other_failures_have_the_documented_messages(header: str | None, told: str) -> None:
    door = Door()
    headers = {"x-sdk-date": DATE, **({"authorization": header} if header else {})}
    response = door.knock(Request("GET", f"{PROJECT}/phones", "", headers))
    assert outcome(response) == (401, "APIGW.0301")
    assert response.json()["error_msg"] == f"Incorrect IAM authentication information: {told}"


@pytest.mark.parametrize(("skew", "status"), [(-901, 401), (-899, 200), (899, 200), (901, 401)])
def test_the_date_may_be_fifteen_minutes_off(skew: float, status: int) -> None:
    assert Door().knock(skew=skew).status == status


@pytest.mark.parametrize("code", ["APIGW.0301", "APIGW.0303"])
def test_the_code_of_clock_skew_is_an_option(code: str) -> None:
    assert outcome(Door(skew_code=code).knock(skew=5000)) == (401, code)


def test_a_temporary_key_needs_its_token() -> None:
    door = Door(AccessKey(KEY.access_key, KEY.secret_key, security_token="T"))
    assert door.knock(extra={"x-security-token": "T"}).status == 200
    assert door.knock().status == 401
    assert door.knock(extra={"x-security-token": "U"}).status == 401


def test_a_token_beside_a_permanent_key_is_ignored() -> None:
    assert Door().knock(extra={"x-security-token": "T"}).status == 200


def test_more_than_five_failures_in_a_row_lock_the_key_for_five_minutes() -> None:
    door = Door()
    for _ in range(2):
        for _ in range(5):
            assert door.knock(secret="wrong").status == 401
        assert door.knock().status == 200, "five are not too many, and a success forgives them"
    for _ in range(6):
        door.knock(secret="wrong")
    locked = door.knock()
    assert outcome(locked) == (401, "APIGW.0301")
    assert "AK access failed to reach the limit,forbidden" in locked.json()["error_msg"]
    door.clock.step(299)
    assert door.knock().status == 401
    door.clock.step(1)
    assert door.knock().status == 200


def test_failures_of_one_key_do_not_lock_another() -> None:
    door = Door()
    for _ in range(7):
        door.knock(access="AKOTHER")
    assert door.knock().status == 200


@pytest.mark.parametrize(("shape", "keys"), [("gateway", "error_code"), ("keystone", "error")])
def test_a_bad_signature_at_iam_is_told_in_either_shape(shape: str, keys: str) -> None:
    response = Door(iam_errors=shape).knock(path="/v3/projects", secret="wrong")
    assert response.status == 401
    assert keys in response.json()


def test_a_token_is_issued_for_the_password_and_opens_the_door_for_a_day() -> None:
    door = Door()
    user = {"name": "u", "password": KEY.secret_key, "domain": {"name": "acct"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = json.dumps({"auth": {"identity": identity, "scope": {"project": {"name": "cn-north-4"}}}})
    issued = respond(door.cloud, Request("POST", "/v3/auth/tokens", "", {}, body.encode()))
    assert (issued.status, issued.json()["token"]["project"]["id"]) == (201, PROJECT_ID)
    held = Request("GET", f"{PROJECT}/phones", "", {"x-auth-token": issued.headers["x-subject-token"]})
    assert door.knock(held).status == 200
    door.clock.step(24 * 3600)
    assert outcome(door.knock(held)) == (401, "APIGW.0307")
    wrong = Request("POST", "/v3/auth/tokens", "", {}, body.replace(KEY.secret_key, "x").encode())
    refused = respond(door.cloud, wrong)
    assert (refused.status, refused.json()["error"]["title"]) == (401, "Unauthorized")


def test_an_unknown_token_is_refused() -> None:
    response = Door().knock(Request("GET", f"{PROJECT}/phones", "", {"x-auth-token": "x"}))
    assert outcome(response) == (401, "APIGW.0301")


def test_secrets_are_not_in_representations() -> None:
    door = Door()
    text = repr((KEY, door.request(), door.cloud.gateway))
    assert KEY.secret_key not in text
    assert "Signature=" not in text
