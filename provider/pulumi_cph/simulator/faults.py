"""Faults on demand: which requests they strike, and what they do to the answer.

A fault can be written as JSON with the fields of `Fault`:
``{"kind": "drop", "call": "batch-stop", "acted": true, "times": 1}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from pulumi_cph.simulator.wire import DROPPED_BEFORE_ANSWER, Response, json_response

Kind = Literal[
    "error",
    "drop",
    "cut",
    "delay",
    "slow",
    "html",
    "redirect",
    "truncated",
    "huge",
    "wrong-types",
    "no-jobs",
    "duplicate-entries",
    "foreign-entries",
    "lying-count",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

HUGE = 10 * 1024 * 1024
"""Size of the body of a ``huge`` answer, in bytes."""
FOREIGN_ID = "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0"
"""The id that ``foreign-entries`` puts among phones and jobs."""


@dataclass(frozen=True)
class Fault:
    """One rule: requests that match it are answered badly.

    Kinds that answer in place of the service, and let it act before only when `acted`:
    ``error`` (status, code, message, headers), ``drop`` (the connection is lost, no answer),
    ``html`` (a proxy's error page), ``redirect`` (302 to `location`).

    Kinds that change the real answer, so the service always acts: ``delay`` (`seconds` before the answer),
    ``slow`` (one byte a second), ``cut`` (the connection is lost half-way through the body), ``truncated``
    (half of the JSON in a complete answer), ``huge`` (10 MB), ``wrong-types`` (numbers are texts, lists are
    objects), ``no-jobs`` (without ``jobs``), ``duplicate-entries`` and ``foreign-entries`` (in the phones or
    jobs listed), ``lying-count`` (``count`` is seven too high).
    """

    kind: Kind
    call: str | None = None
    """The call it strikes, such as ``batch-stop``; None: any."""
    method: str | None = None
    """The HTTP method it strikes; None: any."""
    phone_ids: tuple[str, ...] | None = None
    """Strike only requests about one of these phones; None: any request."""
    skip: int = 0
    """So many matching requests pass unharmed first."""
    times: int | None = 1
    """So many are struck then; None: all."""
    acted: bool = False
    """Whether the service has done what was asked before the answer goes wrong."""
    status: int = 503
    """HTTP status of ``error`` and ``html``."""
    code: str = "CPS.0042"
    """``error_code`` of ``error``."""
    message: str = "System busy."
    """``error_msg`` of ``error``."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers of ``error``, ``html`` and ``redirect``, such as ``Retry-After``."""
    seconds: float = 1.0
    """How long ``delay`` delays."""
    location: str = "http://127.0.0.1:9/elsewhere"
    """Where ``redirect`` leads."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Fault:
        """The fault that `values` describe; ValueError in one sentence when they do not."""
        unknown = sorted(set(values) - {each.name for each in fields(cls)})
        if unknown:
            raise ValueError(f"a fault has no field {unknown[0]!r}")
        if values.get("kind") not in KINDS:
            raise ValueError(f"a fault's kind is one of {', '.join(KINDS)}, not {values.get('kind')!r}")
        ids = values.get("phone_ids")
        return cls(**{**values, "phone_ids": None if ids is None else tuple(ids)})

    def as_dict(self) -> dict[str, Any]:
        """The fault, JSON-able."""
        return asdict(self)

    @property
    def replaces(self) -> bool:
        """Whether it strikes before the service acts, so that there is no real answer."""
        return self.kind in _INSTEAD and not self.acted

    def matches(self, call: str, method: str, phones: Sequence[str]) -> bool:
        """Whether a request is of the kind this fault strikes, however often it has struck already."""
        if self.call not in (None, call) or self.method not in (None, method):
            return False
        return self.phone_ids is None or not set(self.phone_ids).isdisjoint(phones)

    def answer(self, request_id: str, real: Response | None) -> Response:
        """What is sent. `real` is the service's answer, or None when the fault `replaces` it."""
        if self.kind in _INSTEAD:
            return _INSTEAD[self.kind](self, request_id)
        assert real is not None
        return _AFTER[self.kind](self, real)


class Faults:
    """The faults in force, the oldest first."""

    def __init__(self) -> None:
        self._rules: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        """Put `fault` in force behind the others."""
        self._rules.append((fault, [0]))

    def take(self, call: str, method: str, phones: Sequence[str]) -> Fault | None:
        """The first fault that strikes this request, if any; those behind it do not see the request."""
        for fault, seen in self._rules:
            if not fault.matches(call, method, phones):
                continue
            seen[0] += 1
            if seen[0] > fault.skip and (fault.times is None or seen[0] <= fault.skip + fault.times):
                return fault
        return None

    def as_list(self) -> list[dict[str, Any]]:
        """All faults with the number of matching requests so far (``seen``), JSON-able."""
        return [{**fault.as_dict(), "seen": seen[0]} for fault, seen in self._rules]

    def clear(self) -> None:
        """Withdraw all faults."""
        self._rules.clear()


def _error(fault: Fault, request_id: str) -> Response:
    content = {"request_id": request_id, "error_code": fault.code, "error_msg": fault.message}
    return json_response(fault.status, content, fault.headers)


def _html(fault: Fault, _: str) -> Response:
    page = f"<html><head><title>{fault.status}</title></head><body><h1>Bad Gateway</h1></body></html>"
    return Response(fault.status, page.encode(), {"content-type": "text/html", **fault.headers})


def _redirect(fault: Fault, _: str) -> Response:
    return Response(302, b"", {"location": fault.location, **fault.headers})


def _drop(_: Fault, __: str) -> Response:
    return Response(0, sent=DROPPED_BEFORE_ANSWER)


def _half(response: Response) -> int:
    return len(response.body) // 2


def _rewritten(response: Response, rewrite: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
    content = response.json()
    return replace(response, body=json_response(response.status, rewrite(content)).body)


def _no_jobs(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != "jobs"}


def _wrong_types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _wrong_types(each) for key, each in value.items()}
    if isinstance(value, list):
        return {str(index): each for index, each in enumerate(value)}
    if isinstance(value, bool) or value is None:
        return value
    return str(value) if isinstance(value, (int, float)) else [value]


def _entries(content: dict[str, Any], change: Callable[[list[Any]], list[Any]]) -> dict[str, Any]:
    return {
        key: change(value) if key in ("jobs", "phones") and isinstance(value, list) else value
        for key, value in content.items()
    }


def _foreign(entries: list[Any]) -> list[Any]:
    model = entries[0] if entries else {}
    return [
        {**model, "phone_id": FOREIGN_ID, **({"job_id": FOREIGN_ID} if "job_id" in model else {})},
        *entries,
    ]


def _lying(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "count": content["count"] + 7} if "count" in content else content


def _huge(response: Response) -> Response:
    # A real answer with a long tail of white space would still be parsed: this one ends in a long text.
    padding = json.dumps({"padding": "x" * HUGE}).encode()
    return replace(response, body=padding)


_INSTEAD: dict[Kind, Callable[[Fault, str], Response]] = {
    "error": _error,
    "drop": _drop,
    "html": _html,
    "redirect": _redirect,
}
_AFTER: dict[Kind, Callable[[Fault, Response], Response]] = {
    "delay": lambda fault, real: replace(real, delay=real.delay + fault.seconds),
    "slow": lambda _, real: replace(real, bytes_per_second=1.0),
    "cut": lambda _, real: replace(real, sent=_half(real)),
    "truncated": lambda _, real: replace(real, body=real.body[: _half(real)]),
    "huge": lambda _, real: _huge(real),
    "wrong-types": lambda _, real: _rewritten(real, _wrong_types),
    "no-jobs": lambda _, real: _rewritten(real, _no_jobs),
    "duplicate-entries": lambda _, real: _rewritten(real, lambda c: _entries(c, lambda e: [*e, *e])),
    "foreign-entries": lambda _, real: _rewritten(real, lambda c: _entries(c, _foreign)),
    "lying-count": lambda _, real: _rewritten(real, _lying),
}
