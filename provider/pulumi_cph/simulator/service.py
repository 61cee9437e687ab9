"""The calls of the CPH service, each a function from a world and a request to an answer.

They check what was sent and print what the world says; a request that is not right raises `Refused`.
"""

from __future__ import annotations

from typing import Any

from pulumi_cph.simulator.codes import Refused
from pulumi_cph.simulator.rules import PhoneStatus, PowerCall
from pulumi_cph.simulator.wire import Request, Response, json_response
from pulumi_cph.simulator.world import Entry, World

MAX_PHONES_A_PAGE = 200
MAX_JOBS_A_PAGE = 100
MAX_REQUEST_IDS = 20


def list_phones(world: World, request: Request, request_id: str) -> Response:
    """ListCloudPhones: one page of the phones that match, the newest first."""
    sent = request.parameters
    offset, limit = _page(sent, world.options.default_limit, MAX_PHONES_A_PAGE)
    status = _whole_number(sent.get("status"), "CPS.0010")
    if status is not None and status not in set(PhoneStatus):
        raise Refused("CPS.0010")
    count, phones = world.find(
        name=sent.get("phone_name", ""),
        server_id=sent.get("server_id", ""),
        status=status,
        type_=_whole_number(sent.get("type"), "CPS.0116"),
        offset=offset,
        limit=limit,
    )
    now = world.clock()
    content: dict[str, Any] = {"request_id": request_id}
    if world.options.send_count:
        content["count"] = count
    content["phones"] = [phone.listed(now) for phone in phones]
    return json_response(200, content)


def show_phone(world: World, phone_id: str, request_id: str) -> Response:
    """ShowCloudPhoneDetail: one phone, its fields at top level."""
    phone = world.phone(phone_id)
    return json_response(200, {"request_id": request_id, **phone.detailed(world.clock())})


def batch_stop(world: World, request: Request, request_id: str) -> Response:
    """StopCloudPhone: ``{"phone_ids": [...]}``."""
    body = request.json()
    if not isinstance(body, dict):
        raise Refused("CPS.0080")
    phone_ids = body.get("phone_ids")
    if phone_ids is None or phone_ids == []:
        raise Refused("CPS.0009")
    if not isinstance(phone_ids, list) or not all(isinstance(each, str) for each in phone_ids):
        raise Refused("CPS.0080")
    return _power(world, "stop", phone_ids, request_id)


def batch_restart(world: World, request: Request, request_id: str) -> Response:
    """RestartCloudPhone, which also powers on: ``{"phones": [{"phone_id": ...}]}``."""
    body = request.json()
    if not isinstance(body, dict):
        raise Refused("CPS.0077")
    phones = body.get("phones")
    if phones is None or phones == []:
        raise Refused("CPS.0081")
    if not isinstance(phones, list):
        raise Refused("CPS.0077")
    for phone in phones:
        if not isinstance(phone, dict) or not isinstance(phone.get("phone_id"), str):
            raise Refused("CPS.0077")
        if not isinstance(phone.get("property", ""), str):
            raise Refused("CPS.0078")
    phone_ids = [phone["phone_id"] for phone in phones]
    return _power(world, "restart", phone_ids, request_id, image_id=body.get("image_id"))


def list_jobs(world: World, request: Request, request_id: str) -> Response:
    """ListJobs: the jobs of one power call, or of several."""
    sent = request.parameters
    request_ids = [each for each in sent.get("request_ids", "").split(",") if each]
    if not request_ids:
        request_ids = [each for each in [sent.get("request_id", "")] if each]
    if not request_ids:
        raise Refused("CPS.0049")
    if len(request_ids) > MAX_REQUEST_IDS:
        raise Refused("CPS.0161")
    offset, limit = _page(sent, MAX_JOBS_A_PAGE, MAX_JOBS_A_PAGE)
    jobs, now = world.jobs(request_ids), world.clock()
    page = [job.listed(now, world.options) for job in jobs[offset : offset + limit]]
    return json_response(200, {"request_id": request_id, "jobs": page})


def show_job(world: World, job_id: str, request_id: str) -> Response:
    """ShowJob: one job, its fields at top level. The request id is that of this answer, not of the job."""
    if not job_id:
        raise Refused("CPS.0048")
    job = world.job(job_id)
    return json_response(200, {"request_id": request_id, **job.detailed(world.clock(), world.options)})


def phones_of(request: Request) -> tuple[str, ...]:
    """The phone ids in the body of a power call, as far as they can be read."""
    body = request.json()
    if not isinstance(body, dict):
        return ()
    entries = body.get("phone_ids", body.get("phones"))
    if not isinstance(entries, list):
        return ()
    ids = (each.get("phone_id") if isinstance(each, dict) else each for each in entries)
    return tuple(each for each in ids if isinstance(each, str))


def _power(
    world: World, call: PowerCall, phone_ids: list[str], request_id: str, image_id: str | None = None
) -> Response:
    entries = world.power(call, phone_ids, request_id, image_id=image_id)
    content = {"request_id": request_id, "jobs": [_printed(entry) for entry in entries]}
    return json_response(world.options.post_status, content)


def _printed(entry: Entry) -> dict[str, str]:
    if entry.refused is not None:
        refused = entry.refused
        return {"phone_id": entry.phone_id, "error_code": refused.code, "error_msg": refused.message}
    return {"phone_id": entry.phone_id, "job_id": entry.job_id or ""}


def _page(sent: dict[str, str], default: int, most: int) -> tuple[int, int]:
    offset = _whole_number(sent.get("offset"), "CPS.0002")
    limit = _whole_number(sent.get("limit"), "CPS.0002")
    offset = 0 if offset is None else offset
    limit = default if limit is None else limit
    if offset < 0 or not 1 <= limit <= most:
        raise Refused("CPS.0002")
    return offset, limit


def _whole_number(text: str | None, code: str) -> int | None:
    """`text` as a number, None when it was not sent, and Refused with `code` when it is no number."""
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise Refused(code) from None
