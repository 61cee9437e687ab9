"""Bodies into models. Strict where a wrong value could mislead, tolerant where the documents leave doubts.

A missing status or a job without an id is an `InvalidResponse`; an error field that is null, "" or absent is
None (the documents' own examples use all three), and what we do not read is not looked at. The messages name
keys and types, never values: what a server says is cleaned elsewhere before it is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from .errors import InvalidResponse
from .models import BatchAnswer, BatchEntry, Job, Phone, PhonePage

T = TypeVar("T")
Document = Mapping[str, object]
"""A JSON object."""
Clean = Callable[[str], str]
"""Makes a server's text fit for a log (`Redaction.line`)."""

_CODE: Final = re.compile(r"([A-Za-z]{2,8})\.?(\d{1,6})|\d{1,6}")


def document(call: str, body: bytes) -> Document:
    """The JSON object that `body` is. The error says so when it looks like one that was cut off."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # ValueError: no JSON, no UTF-8, or a number of thousands of digits
        start, end = body.lstrip()[:1], body.rstrip()[-1:]
        raise invalid(call, _what_it_looks_like(start), truncated=start == b"{" and end != b"}") from None
    if not isinstance(value, dict):
        raise invalid(call, f"a JSON {_kind(value)}, not an object")
    return value


def phone(call: str, source: Document) -> Phone:
    """A phone, as an entry of a listing or as a detail."""
    return Phone(
        phone_id=_text(call, source, "phone_id"),
        name=_optional_text(call, source, "phone_name") or "",
        server_id=_optional_text(call, source, "server_id") or "",
        status=_integer(call, source, "status"),
    )


def phone_page(call: str, source: Document) -> PhonePage:
    """A page of the listing."""
    count = None if source.get("count") is None else _integer(call, source, "count")
    if count is not None and count < 0:
        raise invalid(call, "'count' is negative")
    phones = tuple(phone(call, entry) for entry in _objects(call, source, "phones"))
    return PhonePage(phones, count, _optional_text(call, source, "request_id"))


def batch_answer(call: str, source: Document, clean: Clean) -> BatchAnswer:
    """The answer to a batch request; duplicate and foreign entries are kept for the caller to see.

    An entry that cannot be read is left out, as if nothing were said of its phone: the jobs in the others must be
    known. When none can be read, the answer is invalid.
    """
    entries, unreadable = [], None
    for entry in _objects(call, source, "jobs"):
        try:
            entries.append(_batch_entry(call, entry, clean))
        except InvalidResponse as error:
            unreadable = error
    if unreadable and not entries:
        raise unreadable
    return BatchAnswer(_optional_text(call, source, "request_id"), tuple(entries))


def _batch_entry(call: str, entry: Document, clean: Clean) -> BatchEntry:
    return BatchEntry(
        phone_id=_text(call, entry, "phone_id"),
        job_id=_optional_text(call, entry, "job_id"),
        error_code=error_code(entry.get("error_code")),
        error_message=_message(entry, clean),
    )


def job(call: str, source: Document, clean: Clean) -> Job:
    """A job, as an entry of a listing or as a detail."""
    return Job(
        job_id=_text(call, source, "job_id"),
        phone_id=_optional_text(call, source, "phone_id"),
        status=_integer(call, source, "status"),
        error_code=error_code(source.get("error_code")),
        error_message=_message(source, clean),
    )


def jobs(call: str, source: Document, clean: Clean) -> tuple[Job, ...]:
    """The jobs of a listing."""
    return tuple(job(call, entry, clean) for entry in _objects(call, source, "jobs"))


def project_ids(call: str, source: Document, name: str) -> tuple[str, ...]:
    """The ids of the projects that are called exactly `name`; a sub-project's name merely begins so."""
    projects = _objects(call, source, "projects")
    return tuple(_text(call, project, "id") for project in projects if project.get("name") == name)


def error_code(value: object) -> str | None:
    """An error code in its usual spelling, or None for anything that is no code.

    Numbers become text; "CPS0005" (seen in a published example) gets its dot, and the "APIG." of older
    gateways becomes "APIGW.", so that tables need one spelling only.
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1_000_000:
        return str(value)
    match = _CODE.fullmatch(value.strip()) if isinstance(value, str) and value.isascii() else None
    if not match:
        return None
    family, number = match.groups()
    if family is None:
        return match[0]
    return f"{'APIGW' if family.upper() == 'APIG' else family.upper()}.{number}"


def invalid(call: str, what: str, *, truncated: bool = False) -> InvalidResponse:
    """The error for an answer that is `what`."""
    error = InvalidResponse(f"the answer is not what the API documents: {what}", call=call)
    error.truncated = truncated
    return error


def _objects(call: str, source: Document, key: str) -> list[Document]:
    values = source.get(key)
    if not isinstance(values, list):
        raise invalid(call, f"'{key}' is {_found(source, key)}, not an array")
    for value in values:
        if not isinstance(value, dict):
            raise invalid(call, f"'{key}' contains a JSON {_kind(value)}")
    return values


def _text(call: str, source: Document, key: str) -> str:
    value = _optional_text(call, source, key)
    if value is None:
        raise invalid(call, f"'{key}' is {_found(source, key)}")
    return value


def _optional_text(call: str, source: Document, key: str) -> str | None:
    value = source.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid(call, f"'{key}' is {_found(source, key)}, not a string")
    # Half a surrogate pair is valid in JSON, but can be neither printed nor sent nor stored.
    return value.encode("utf-8", "replace").decode()


def _integer(call: str, source: Document, key: str) -> int:
    value = source.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(call, f"'{key}' is {_found(source, key)}, not an integer")
    return value


def _message(source: Document, clean: Clean) -> str | None:
    value = source.get("error_msg")
    return clean(value) or None if isinstance(value, str) else None


def _found(source: Document, key: str) -> str:
    return f"a JSON {_kind(source[key])}" if key in source else "missing"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if value == "":
        return "empty string"
    kinds: list[tuple[type, str]] = [(str, "string"), (int, "integer"), (float, "number"), (list, "array")]
    kinds += [(dict, "object"), (type(None), "null")]
    return next(name for kind, name in kinds if isinstance(value, kind))


def _what_it_looks_like(start: bytes) -> str:
    if start == b"<":
        return "an HTML or XML page (is the endpoint right, is a proxy in between?)"
    return "JSON that is damaged or cut off" if start in (b"{", b"[") else "no JSON" if start else "empty"
