"""The clouds that are asked: the project's simulator and the tests' independent server, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.project import ROOT, hermetic
from benchmarks.rows import Step

_STATUS = {"running": 2, "stopped": 8}
_START_SECONDS = 60


@dataclass(frozen=True)
class Tally:
    """What a cloud was asked for since the last `begin`.

    Attributes:
        requests: requests by call; `posts` are those that change something.
        longest_job: seconds; what the status shows late belongs to the job.
        last_end: when the last job ended (seconds since 1970); None without jobs.
    """

    requests: Mapping[str, int]
    longest_job: float = 0.0
    last_end: float | None = None

    @property
    def posts(self) -> int:
        return sum(number for call, number in self.requests.items() if call.startswith("batch-"))

    @property
    def gets(self) -> int:
        return sum(self.requests.values()) - self.posts


def _credentials(ready: Mapping[str, str]) -> Mapping[str, str]:
    return {"HW_ACCESS_KEY": ready["access_key"], "HW_SECRET_KEY": ready["secret_key"]}


class Cloud(Protocol):
    """A cloud with phones that all run in the beginning."""

    endpoint: str
    phone_ids: list[str]
    env: Mapping[str, str]

    def reset(self) -> None:
        """All phones run again."""

    def begin(self, step: Step) -> None:
        """Count from now on; behave as `step` wants."""

    def tally(self) -> Tally:
        """What was counted."""

    def set_power(self, phone_ids: Sequence[str], power: str) -> None:
        """Somebody else changed these phones, at once."""


class Simulator:
    """`pulumi-cph simulate`."""

    def __init__(self, ready: Mapping[str, Any]) -> None:
        self.endpoint: str = ready["endpoint"]
        self.project_id: str = ready["project_id"]
        self.phone_ids: list[str] = ready["phones"]
        self.env = _credentials(ready)
        self._job_seconds = 0.0

    def reset(self) -> None:
        self._control("reset", {})

    def begin(self, step: Step) -> None:
        self._job_seconds = step.job_seconds
        self._control("options", {"latency": step.round_trip, "job_seconds": step.job_seconds})
        self._control("clear-log", {})

    def tally(self) -> Tally:
        log = self._control("log")["log"]
        state = self._control("state")
        blamed = [each for region in state["regions"].values() for each in region["violations"]]
        if blamed:
            raise AssertionError(f"the simulator complains: {blamed[:3]}")
        posted = [entry["time"] for entry in log if entry["method"] == "POST"]
        requests = Counter(entry["call"] for entry in log)
        if not posted:
            return Tally(requests)
        return Tally(requests, self._job_seconds, max(posted) + self._job_seconds)

    def set_power(self, phone_ids: Sequence[str], power: str) -> None:
        self._control("phones", {"set": dict.fromkeys(phone_ids, _STATUS[power])})

    def _control(self, call: str, values: Mapping[str, Any] | None = None) -> Any:
        body = None if values is None else json.dumps(values).encode()
        request = urllib.request.Request(f"{self.endpoint}/_control/{call}", data=body)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@contextlib.contextmanager
def simulator(folder: Path, phones: int) -> Iterator[Simulator]:
    """A simulated cloud in a process of its own."""
    ready = folder / "ready.json"
    command = ["pulumi_cph.cli.main", "simulate", f"--phones={phones}", "--port=0", f"--ready-file={ready}"]
    with _process(folder, *command) as process:
        deadline = time.monotonic() + _START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the simulator did not start")
            time.sleep(0.05)
        yield Simulator(json.loads(ready.read_text()))


class Foreign:
    """`tests.foreign_cloud`, spoken to over the pipes of `benchmarks.foreign`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        ready = self._hear()
        self.endpoint: str = ready["endpoint"]
        self.phone_ids: list[str] = ready["phones"]
        self.env = _credentials(ready)

    def reset(self) -> None:
        self.set_power(self.phone_ids, "running")

    def begin(self, step: Step) -> None:
        self._say("begin", job_seconds=step.job_seconds, latency=step.round_trip)

    def tally(self) -> Tally:
        told = self._say("tally")
        if told["violations"]:
            raise AssertionError(f"the foreign server complains: {told['violations'][:3]}")
        return Tally(told["requests"], told["longest_job"], told["last_end"])

    def set_power(self, phone_ids: Sequence[str], power: str) -> None:
        self._say("set", phones=list(phone_ids), status=_STATUS[power])

    def _say(self, order: str, **values: Any) -> Any:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"order": order, **values}) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def foreign(folder: Path, phones: int) -> Iterator[Foreign]:
    """The independent server in a process of its own."""
    with _process(folder, "benchmarks.foreign", str(phones)) as process:
        yield Foreign(process)


@contextlib.contextmanager
def _process(folder: Path, module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=hermetic(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()
