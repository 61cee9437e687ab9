"""What the tests of the simulator are built from: worlds and clouds on a stepped clock, and calls to them."""

from __future__ import annotations

import json
from typing import Any

from pulumi_cph.simulator import Cloud, Options, Request, Response, SteppedClock, World, respond
from pulumi_cph.simulator.world import Entry

PROJECT = "/v1/0605767e8c0a4a4f8f5a1d0c0ffee000/cloud-phone"


class Stage:
    """A cloud without signatures on a stepped clock, driven without a network."""

    def __init__(self, phones: int = 3, *, running: float = 1.0, seed: int = 0, **options: Any) -> None:
        self.clock = SteppedClock()
        chosen = {"signature_required": False, "rate_limit": None, "job_seconds": 10.0, **options}
        self.cloud = Cloud(Options(**chosen), phones=phones, running=running, seed=seed, clock=self.clock)

    @property
    def world(self) -> World:
        return self.cloud.world

    @property
    def ids(self) -> list[str]:
        return self.world.phone_ids

    def step(self, seconds: float) -> None:
        self.clock.step(seconds)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        """Send to a path under the project, or to a whole path."""
        whole = path if path.startswith(("/v1/", "/v3/")) else PROJECT + path
        target, _, query = whole.partition("?")
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return respond(self.cloud, Request(method, target, query, headers, content))

    def get(self, path: str) -> Response:
        return self.send("GET", path)

    def stop(self, *ids: str) -> Response:
        return self.send("POST", "/phones/batch-stop", {"phone_ids": ids})

    def restart(self, *ids: str) -> Response:
        body = {"phones": [{"phone_id": each} for each in ids]}
        return self.send("POST", "/phones/batch-restart", body)

    def shown(self, phone_id: str) -> int:
        status: int = self.get(f"/phones/{phone_id}").json()["status"]
        return status

    def jobs(self, *request_ids: str) -> Any:
        return self.get(f"/jobs?request_ids={','.join(request_ids)}").json()["jobs"]


def outcome(response: Response) -> tuple[int, str]:
    """HTTP status and error code of an answer as a whole."""
    content = response.json()
    return response.status, content.get("error_code", "") if isinstance(content, dict) else ""


def codes(response: Response) -> list[str]:
    """Per entry of a power call: its error code, or "job"."""
    return [each.get("error_code", "job") for each in response.json()["jobs"]]


def refusals(entries: list[Entry]) -> list[str | None]:
    """Per entry of a world's answer: the code of its refusal, or None."""
    return [entry.refused.code if entry.refused else None for entry in entries]
