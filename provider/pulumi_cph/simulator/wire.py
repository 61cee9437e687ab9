"""A request and a response as plain values, so that everything behind the network is free of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Request:
    """One HTTP request as it came over the wire: not decoded, since signatures are about the bytes."""

    method: str
    path: str
    """Percent-encoded, without the query."""
    query: str = ""
    """Percent-encoded, without the question mark."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By lower-case name. Not shown by repr: credentials are among them."""
    body: bytes = field(default=b"", repr=False)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The decoded parameters as sent. A ``+`` is a plus: the signature rules know only ``%20``."""
        parts = (part.partition("=") for part in self.query.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in parts]

    @property
    def parameters(self) -> dict[str, str]:
        """The decoded parameters by name; the last one counts."""
        return dict(self.pairs)

    def json(self) -> Any:
        """The body as JSON, or None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True)
class Response:
    """What is to be sent, and in which bad manner if any."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds to wait before the first byte."""
    sent: int | None = None
    """Drop the connection after so many bytes of the body; -1 before anything is sent. None: do not."""
    bytes_per_second: float | None = None
    """How slowly the body goes out. None: at once."""

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


DROPPED_BEFORE_ANSWER = -1
"""`Response.sent` of a connection that is lost before any byte of an answer."""


def json_response(status: int, content: object, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as a JSON answer."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, {"content-type": "application/json", **(headers or {})})
