"""What people do today: one phone per request, ten at once, a first look after 10 s and then one every 10 s.

So work the provider for Terraform and most scripts. It is acted out here with plain threads, so that the figures
beside ours are measured as ours are; there is no engine in it, and so no baseline.
"""

from __future__ import annotations

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import clouds
from benchmarks.rows import Step
from pulumi_cph.api import Client, Connection, CredentialGate, KeyPair, Limiter, RequestsTransport

AT_ONCE: Final = 10
"""Terraform's default number of operations at once."""
LOOK_EVERY: Final = 10.0
PHONES: Final = 100

_STOPPED = 8


@dataclass(frozen=True)
class Today:
    """The figures for so many phones; those that were not measured follow from the rounds of ten."""

    phones: int
    posts: int
    gets: int
    seconds: float
    longest_job: float
    measured: bool

    @property
    def ratio(self) -> float:
        return self.seconds / self.longest_job

    def scaled(self, phones: int) -> Today:
        """Computed for another number of phones."""
        factor = phones / self.phones
        return Today(phones, phones, round(self.gets * factor), self.seconds * factor, self.longest_job, measured=False)


def measure(phones: int, step: Step) -> Today:
    """Stop `phones` phones of a simulated cloud, one by one."""
    folder = tempfile.TemporaryDirectory(prefix="pulumi-cph-benchmark-")
    with folder as name, clouds.simulator(Path(name), phones) as cloud:
        cloud.begin(step)
        client = _client(cloud)
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda phone_id: _stop(client, phone_id), cloud.phone_ids))
        seconds = time.monotonic() - began
        tally = cloud.tally()
    return Today(phones, tally.posts, tally.gets, seconds, tally.longest_job, measured=True)


def _stop(client: Client, phone_id: str) -> None:
    client.stop_phones([phone_id])
    while True:
        threading.Event().wait(LOOK_EVERY)
        if client.show_phone(phone_id).status == _STOPPED:
            return


def _client(cloud: clouds.Simulator) -> Client:
    key = KeyPair(cloud.env["HW_ACCESS_KEY"], cloud.env["HW_SECRET_KEY"])
    limiter = Limiter(at_once=AT_ONCE)
    connection = Connection(key, transport=RequestsTransport(), limiter=limiter, gate=CredentialGate())
    return Client(cloud.endpoint, cloud.project_id, connection)
