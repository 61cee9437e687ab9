"""The calls: five of CPH (and their listings' single forms), one of IAM.

Each method is one request, described by its path, parameters and answer; how it is sent, and what may go
wrong on the way, is in `connection`. All of them raise `ApiError`.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import decoding
from .connection import Connection, endpoint_url, segment
from .errors import RequestRejected
from .models import BatchAnswer, Job, Phone, PhonePage
from .signing import sendable

PHONES_LIMIT = 200
"""The largest page of phones that may be asked for."""
JOBS_LIMIT = 100
"""The largest page of jobs that may be asked for, and the documented default."""
REQUEST_IDS_LIMIT = 20
"""How many request ids one `list_jobs` may name."""


class Client:
    """The cloud phones of one project in one region. Thread-safe.

    `endpoint` is e.g. "https://cph.cn-north-4.myhuaweicloud.com". Raises ValueError if it is no http(s)
    address, or if `project_id` cannot stand in a header.
    """

    def __init__(self, endpoint: str, project_id: str, connection: Connection) -> None:
        if not sendable(project_id):
            raise ValueError("the project id is empty or contains characters that cannot be sent")
        self._root = f"{endpoint_url(endpoint)}/v1/{segment('client', project_id)}/cloud-phone"
        self._headers = {"X-Project-Id": project_id}
        self._connection = connection

    def list_phones(
        self,
        *,
        offset: int = 0,
        limit: int = PHONES_LIMIT,
        phone_name: str | None = None,
        server_id: str | None = None,
        status: int | None = None,
    ) -> PhonePage:
        """Up to `limit` (1 to 200) phones from `offset` on, newest first, of those that match.

        `phone_name` matches parts of names. The limit is always sent: the documents disagree on its default.
        """
        query = [("limit", str(limit)), ("offset", str(offset))]
        query += [("phone_name", phone_name)] if phone_name is not None else []
        query += [("server_id", server_id)] if server_id is not None else []
        query += [("status", str(status))] if status is not None else []
        return decoding.phone_page("list-phones", self._get("list-phones", "/phones", *query))

    def show_phone(self, phone_id: str) -> Phone:
        """One phone. `phone_is_gone` tells whether the error means that there is none."""
        call = "show-phone"
        phone = decoding.phone(call, self._get(call, f"/phones/{segment(call, phone_id)}"))
        if phone.phone_id != phone_id:
            raise decoding.invalid(call, "it is about another phone")
        return phone

    def stop_phones(self, ids: Sequence[str]) -> BatchAnswer:
        """Switch phones off. Sent once; see `policy.outcome_unknown` and `policy.action_for` for errors."""
        return self._batch("batch-stop", {"phone_ids": list(ids)})

    def restart_phones(self, ids: Sequence[str]) -> BatchAnswer:
        """Switch phones on, or restart those that run. Sent once, as `stop_phones` is.

        Nothing but ids is sent: the same call can change the phones' image.
        """
        return self._batch("batch-restart", {"phones": [{"phone_id": phone_id} for phone_id in ids]})

    def list_jobs(self, request_ids: Sequence[str], *, offset: int = 0, limit: int = JOBS_LIMIT) -> tuple[Job, ...]:
        """Up to `limit` (1 to 100) jobs from `offset` on, of 1 to 20 batch requests.

        Raises ValueError for another number of ids.
        """
        if not 1 <= len(request_ids) <= REQUEST_IDS_LIMIT:
            raise ValueError(f"{len(request_ids)} request ids; 1 to {REQUEST_IDS_LIMIT} are possible")
        # One id goes by the parameter that older versions of the API know, too.
        name = "request_id" if len(request_ids) == 1 else "request_ids"
        query = [(name, ",".join(request_ids)), ("limit", str(limit)), ("offset", str(offset))]
        return decoding.jobs("list-jobs", self._get("list-jobs", "/jobs", *query), self._connection.clean)

    def show_job(self, job_id: str) -> Job:
        """One job."""
        call = "show-job"
        answer = self._get(call, f"/jobs/{segment(call, job_id)}")
        job = decoding.job(call, answer, self._connection.clean)
        if job.job_id != job_id:
            raise decoding.invalid(call, "it is about another job")
        return job

    def _get(self, call: str, path: str, *query: tuple[str, str]) -> decoding.Document:
        return self._connection.request(call, "GET", self._root + path, query=query, headers=self._headers)

    def _batch(self, call: str, body: dict[str, object]) -> BatchAnswer:
        url = f"{self._root}/phones/{call}"
        answer = self._connection.request(call, "POST", url, headers=self._headers, body=body)
        return decoding.batch_answer(call, answer, self._connection.clean)


class Iam:
    """What we ask of IAM: the id of a region's project.

    `endpoint` is e.g. "https://iam.cn-north-4.myhuaweicloud.com"; ValueError if it is no http(s) address.
    """

    def __init__(self, endpoint: str, connection: Connection) -> None:
        self._root = endpoint_url(endpoint)
        self._connection = connection

    def project_id(self, region: str) -> str:
        """The id of the project that has the region's name, as every region has one.

        Sub-projects, called `<region>_<name>`, are never meant. Raises `RequestRejected` with the remedy when
        there is not exactly one, or when the credentials may not list projects.
        """
        call = "list-projects"
        answer = self._connection.request(call, "GET", f"{self._root}/v3/projects", query=[("name", region)])
        found = decoding.project_ids(call, answer, region)
        if len(found) == 1:
            return found[0]
        problem = f"{len(found)} projects named" if found else "no project named"
        advice = "is it a region of this account? Or set cph:projectId"
        raise RequestRejected(f"{problem} '{region}': {advice}", call=call, http_status=200)
