"""One simulated job: its time, its outcome, and how the service prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pulumi_cph.simulator.clock import timestamp
from pulumi_cph.simulator.options import Options
from pulumi_cph.simulator.rules import PowerCall

RUNNING, SUCCEEDED, FAILED = 1, 2, -1
"""The three published job statuses."""


@dataclass(frozen=True)
class Job:
    """What one power call does to one phone. Its end and outcome are known from the beginning."""

    job_id: str
    request_id: str
    phone_id: str
    server_id: str
    call: PowerCall
    begin: float
    end: float
    error_code: str = ""
    """Empty when the job will succeed."""
    error_msg: str = ""

    def status(self, now: float) -> int:
        """1 while it runs, then 2 or -1."""
        if now < self.end:
            return RUNNING
        return FAILED if self.error_code else SUCCEEDED

    def visible(self, now: float, options: Options) -> bool:
        """Whether the service tells of it: no longer too new and not yet too old."""
        if now < self.begin + options.jobs_appear_after:
            return False
        return options.job_retention is None or now <= self.end + options.job_retention

    def listed(self, now: float, options: Options) -> dict[str, Any]:
        """The job as an entry of ListJobs."""
        return self._printed(now, options, blank="")

    def detailed(self, now: float, options: Options) -> dict[str, Any]:
        """The job as ShowJob answers it, without the request id (which is the answer's own)."""
        return self._printed(now, options, blank=None)

    def _printed(self, now: float, options: Options, *, blank: str | None) -> dict[str, Any]:
        status = self.status(now)
        fields: dict[str, Any] = {
            "phone_id": self.phone_id,
            "server_id": self.server_id,
            "job_id": self.job_id,
            "begin_time": timestamp(self.begin),
            "end_time": timestamp(self.end) if status != RUNNING else "",
            "status": status,
            "error_code": self.error_code if status == FAILED else "",
            "error_msg": self.error_msg if status == FAILED else "",
            "execute_msg": "",
        }
        if options.job_blank == "absent":
            return {key: value for key, value in fields.items() if value != ""}
        if options.job_blank != "documented":
            blank = None if options.job_blank == "null" else ""
        return {key: blank if value == "" else value for key, value in fields.items()}
