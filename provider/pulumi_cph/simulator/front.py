"""A request in, a response out: the whole endpoint without a network.

Nothing here sleeps or starts a thread, so tests drive it with a stepped clock, in process. Whoever holds a
`Response` performs what it says of delays and lost connections.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import unquote

from pulumi_cph.simulator import iam, service
from pulumi_cph.simulator.cloud import Cloud
from pulumi_cph.simulator.codes import Refused, http_status
from pulumi_cph.simulator.requestlog import Entry
from pulumi_cph.simulator.wire import DROPPED_BEFORE_ANSWER, Request, Response, json_response
from pulumi_cph.simulator.world import World

_CPH = re.compile(r"/v1/(?P<project>[^/]+)/cloud-phone/(?P<rest>.*)")


@dataclass(frozen=True)
class Call:
    """One request, understood: what it is called, which phones it is about, and how to answer it."""

    name: str
    """``list-phones``, ``show-phone``, ``batch-stop``, ``batch-restart``, ``list-jobs``, ``show-job``,
    ``projects``, ``token`` or ``unknown``."""
    answer: Callable[[str], Response]
    """From the id of this request to the service's answer."""
    phones: tuple[str, ...] = ()
    body: Any = None
    """The body, where it may be logged."""
    iam: bool = False
    open: bool = False
    """Whether no credentials are asked for."""


def respond(cloud: Cloud, request: Request) -> Response:
    """The answer of `cloud` to `request`. Calls from several threads are answered one after the other."""
    with cloud.lock:
        request_id = cloud.new_id()
        call = _understood(cloud, request)
        fault = None
        try:
            if not call.open:
                cloud.gateway.admit(request, call.name, cloud.options)
            fault = cloud.faults.take(call.name, request.method, call.phones)
            real = None if fault is not None and fault.replaces else _answer(cloud, call, request_id)
            response = real if fault is None else fault.answer(request_id, real)
            assert response is not None
        except Refused as refused:
            response = _refusal(cloud, call, refused, request_id)
        response = replace(
            response,
            headers={_trace_header(call): request_id, "x-request-id": request_id, **response.headers},
            delay=response.delay + cloud.options.latency,
        )
        dropped = response.sent == DROPPED_BEFORE_ANSWER
        cloud.log.add(
            Entry(
                time=cloud.clock(),
                call=call.name,
                method=request.method,
                path=request.path,
                query=request.query,
                phones=call.phones,
                status=0 if dropped else response.status,
                code=_error_code(response),
                request_id=request_id,
                fault=fault.kind if fault else "",
                body=call.body,
            )
        )
        return response


def _answer(cloud: Cloud, call: Call, request_id: str) -> Response:
    try:
        return call.answer(request_id)
    except Refused as refused:
        return _refusal(cloud, call, refused, request_id)


def _understood(cloud: Cloud, request: Request) -> Call:
    """Which call `request` is; an unknown path or a wrong method is a call too, and is refused."""
    if (request.method, request.path) == ("GET", "/v3/projects"):
        return Call("projects", lambda _: iam.list_projects(cloud, request), iam=True)
    if (request.method, request.path) == ("POST", "/v3/auth/tokens"):
        return Call("token", lambda _: iam.create_token(cloud, request), iam=True, open=True)
    match = _CPH.fullmatch(request.path)
    if match is None:
        return _UNKNOWN
    world = cloud.world_of(match["project"])
    kind, slash, id_ = match["rest"].partition("/")
    id_ = unquote(id_)
    if request.method == "POST":
        named = {"phones/batch-stop": service.batch_stop, "phones/batch-restart": service.batch_restart}
        if match["rest"] not in named:
            return _UNKNOWN
        phones = service.phones_of(request)
        return Call(id_, _in(world, named[match["rest"]], request), phones, body=request.json())
    if request.method != "GET" or kind not in ("phones", "jobs") or "/" in id_:
        return _UNKNOWN
    if kind == "phones":
        if slash:
            return Call("show-phone", _in(world, service.show_phone, id_), (id_,))
        return Call("list-phones", _in(world, service.list_phones, request))
    if slash:
        return Call("show-job", _in(world, service.show_job, id_))
    return Call("list-jobs", _in(world, service.list_jobs, request))


def _in(world: World | None, answer: Callable[..., Response], *given: object) -> Callable[[str], Response]:
    """`answer` for a world; refused when the project in the path is none of the account's."""
    return partial(answer, world, *given) if world is not None else partial(_refuse, "APIGW.0310")


def _refuse(code: str, _: str) -> Response:
    raise Refused(code)


_UNKNOWN = Call("unknown", partial(_refuse, "APIGW.0101"), open=True)


def _refusal(cloud: Cloud, call: Call, refused: Refused, request_id: str) -> Response:
    """The error body that belongs to `refused`: the service's, the gateway's or the identity service's."""
    status = refused.status or http_status(refused.code, cloud.options.cps_http)
    if call.iam and cloud.options.iam_errors == "keystone":
        return iam.keystone_error(status, refused.message, refused.headers)
    content = {"request_id": request_id, "error_code": refused.code, "error_msg": refused.message}
    if refused.code.startswith("APIGW."):
        # The gateway prints the same three keys in the opposite order.
        content = dict(reversed(content.items()))
    return json_response(status, content, refused.headers)


def _trace_header(call: Call) -> str:
    """The header in which the identity service names a request; CPH and the gateway have only the other."""
    return "x-iam-trace-id" if call.iam else "x-request-id"


def _error_code(response: Response) -> str:
    """The error code of an answer as a whole, if it has one."""
    if response.status < 400 or not response.headers.get("content-type", "").startswith("application/json"):
        return ""
    try:
        content = response.json()
    except ValueError:
        return ""
    return str(content.get("error_code", "")) if isinstance(content, dict) else ""
