"""A running simulator with the face that `Stack` wants of its cloud, and what the chosen faults do to it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

from pulumi_cph.simulator.cloud import project_id
from pulumi_cph.simulator.history import PowerRequest
from pulumi_cph.simulator.options import Options
from pulumi_cph.simulator.requestlog import Entry
from pulumi_cph.simulator.server import Simulator
from pulumi_cph.simulator.signature import INCORRECT, AccessKey
from pulumi_cph.simulator.world import World
from tests.engine.harness import SECRET_KEY, Post

__all__ = ["ACCESS_KEY", "INCORRECT", "PROJECT_ID", "SECRET_KEY", "Simulated", "simulated"]

PROJECT_ID = project_id(0)
"""The project of every simulated cloud here: each has one region."""

ACCESS_KEY = "AKSIMULATED000000001"
QUICK: Mapping[str, Any] = {"job_seconds": 0.3, "status_lag": 0.1}

_POSTS = ("batch-stop", "batch-restart")


class Simulated:
    """One simulated cloud, as `Stack` and the table of faults see it."""

    access_key, secret_key = ACCESS_KEY, SECRET_KEY

    def __init__(self, simulator: Simulator, fleet: int | None = None) -> None:
        """`fleet`: how many of its phones, the oldest first, a test declares; None: all."""
        self.simulator = simulator
        self.phone_ids = self.world.phone_ids
        self.fleet = self.phone_ids[:fleet]
        self.elsewhere = ""
        """The address of another host."""

    # --- what `Stack` asks

    @property
    def region(self) -> str:
        return self.simulator.region

    @property
    def endpoint(self) -> str:
        return self.simulator.endpoint

    @property
    def posts(self) -> list[Post]:
        """Every request that changes something, in order, also those that were refused or lost."""
        return [(entry.call, list(entry.phones)) for entry in self.log if entry.call in _POSTS]

    @property
    def gets(self) -> int:
        return sum(entry.method == "GET" for entry in self.log)

    @property
    def unauthorized(self) -> int:
        return sum(entry.status == 401 for entry in self.log)

    @property
    def violations(self) -> list[str]:
        return [f"{each.kind} {each.phone_id}" for each in self.world.history.violations]

    # --- what the faults' tests ask

    @property
    def world(self) -> World:
        return self.simulator.world

    @property
    def log(self) -> list[Entry]:
        with self.simulator.cloud.lock:
            return list(self.simulator.log)

    @property
    def requests(self) -> list[PowerRequest]:
        """The requests that the world carried out, as far as it accepted them."""
        with self.simulator.cloud.lock:
            return list(self.world.history.requests)

    @property
    def jobs(self) -> dict[str, str]:
        """Phone id -> id of its latest job, also of those that the service does not tell of any more."""
        with self.simulator.cloud.lock:
            return {job.phone_id: job.job_id for job in self.world._jobs.values()}

    def set_status(self, phone_id: str, status: int, **then: Any) -> None:
        """Somebody else changes the phone, at once; if it is gone, it comes back."""
        with self.simulator.cloud.lock:
            if phone_id in self.world.phone_ids:
                self.world.set_status(phone_id, status, **then)
            else:
                self.world.add_phone(status, phone_id=phone_id)

    def status(self, phone_id: str) -> int | None:
        """What the phone really is, None if it is gone."""
        with self.simulator.cloud.lock:
            return self.world.status(phone_id) if phone_id in self.world.phone_ids else None

    def shift_clock(self, seconds: float) -> None:
        """The cloud's time of day is ahead of ours: that which signatures are checked with, and that which it tells."""
        self.simulator.cloud.gateway.wall = lambda: time.time() + seconds
        assert self.simulator._server
        config = self.simulator._server.config
        config.date_header = seconds == 0
        date = formatdate(time.time() + seconds, usegmt=True).encode()
        config.encoded_headers = [(b"date", date)] if seconds else []

    def clear(self) -> None:
        """The weather is fine again."""
        with self.simulator.cloud.lock:
            self.simulator.faults.clear()
            self.world.refusals.clear()
            self.world.failures.clear()
            self.simulator.options = Options(**QUICK)
        self.shift_clock(0)


@contextmanager
def simulated(
    phones: int,
    *,
    fleet: int | None = None,
    region: str = "cn-north-4",
    running: float = 1.0,
    seed: int = 0,
    **options: Any,
) -> Iterator[Simulated]:
    """A cloud of its own region, whose jobs take moments unless `options` (those of the simulator) say otherwise."""
    simulator = Simulator(
        Options(**{**QUICK, **options}),
        phones=phones,
        running=running,
        seed=seed,
        regions=(region,),
        key=AccessKey(ACCESS_KEY, SECRET_KEY),
    )
    with simulator:
        yield Simulated(simulator, fleet)
