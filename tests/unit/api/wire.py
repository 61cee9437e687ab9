"""Builders that the tests of `pulumi_cph.api` share: a scripted service, and time that does not pass."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pulumi_cph.api import (
    Client,
    Connection,
    CredentialGate,
    Credentials,
    HttpRequest,
    HttpResponse,
    Iam,
    KeyPair,
    Limiter,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
DATE_NOW = "Fri, 02 Jan 2026 03:04:05 GMT"
PROJECT = "0605767e8c0a4a4f8f5a1d0c0ffee000"
ENDPOINT = "https://cph.cn-north-4.myhuaweicloud.com"
IAM_ENDPOINT = "https://iam.cn-north-4.myhuaweicloud.com"
KEY = KeyPair("AKEXAMPLE0000000TEST", "SKexample00000000000000000000000000TEST")
PHONE = "1234567b8bab40ffb711234cb80d0234"
REQUEST_ID = "6837531fd3f54550927b930180a706bf"

Reply = HttpResponse | Exception | Callable[[HttpRequest], HttpResponse]


def reply(status: int = 200, body: Any = None, **headers: str) -> HttpResponse:
    """An answer: `body` as JSON, or as it is when it is bytes; header names with _ for -."""
    content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def error_reply(status: int, code: str, message: str = "said", **headers: str) -> HttpResponse:
    """An answer in the shape of the service and of the gateway."""
    body = {"request_id": REQUEST_ID, "error_code": code, "error_msg": message}
    return reply(status, body, **headers)


class Script:
    """A `Transport` that answers from a list, the last entry for ever, and remembers what was sent."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.sent: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpResponse:
        self.sent.append(request)
        answer = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, HttpResponse) else answer(request)

    @property
    def calls(self) -> list[str]:
        """The requests as "GET /path?query" lines."""
        return [f"{r.method} {r.url.split('myhuaweicloud.com', 1)[-1]}" for r in self.sent]


class StoppedClock:
    """Seconds that pass only while somebody sleeps, and a record of those sleeps."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


class Rig:
    """A connection whose transport, time and luck are the test's."""

    def __init__(self, *replies: Reply, credentials: Credentials = KEY, luck: float = 1.0, **more: Any) -> None:
        self.transport = Script(*replies)
        self.time = StoppedClock()
        self.gate: CredentialGate = more.pop("gate", None) or CredentialGate()
        self.backoffs: list[float] = []
        self.limiter = Limiter(clock=self.time, sleep=self.time.sleep)
        self.connection = Connection(
            credentials,
            transport=self.transport,
            limiter=self.limiter,
            gate=self.gate,
            clock=more.pop("clock", lambda: NOW),
            sleep=more.pop("sleep", self._back_off),
            random=lambda: luck,
            **more,
        )
        self.client = Client(ENDPOINT, PROJECT, self.connection)
        self.iam = Iam(IAM_ENDPOINT, self.connection)

    def _back_off(self, seconds: float) -> None:
        self.backoffs.append(seconds)
        self.time.now += seconds


def phone_json(phone_id: str = PHONE, status: object = 2, **fields: object) -> dict[str, object]:
    """A phone as the service shows it, with some of the fields that we do not read."""
    shown: dict[str, object] = {
        "phone_name": "mobile-0001",
        "server_id": "88b8449b896f4a4587e767c9",
        "phone_id": phone_id,
        "phone_model_name": "AOSP-1U4G15G-001",
        "vnc_enable": "true",
        "status": status,
        "metadata": {"order_id": "CS1", "product_id": "00301-1"},
    }
    return {**shown, **fields}


def query_of(request: HttpRequest) -> dict[str, str]:
    """The parameters of a request."""
    return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True, strict_parsing=True))


def without(document: Mapping[str, object], keys: Iterable[str]) -> dict[str, object]:
    """`document` without some of its keys."""
    return {key: value for key, value in document.items() if key not in set(keys)}
