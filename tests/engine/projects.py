"""Whole Pulumi projects of this repository (its own program, the examples), run against a simulated cloud.

As in `harness`, what must hold for every command is asserted every time; but the project's files are its own, and it
is configured as its README says.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi_cph.simulator.options import Options
from pulumi_cph.simulator.server import Simulator
from tests.engine.harness import COMMAND_SECONDS, assert_no_secret, cli, hermetic

ROOT = Path(__file__).resolve().parents[2]
RUNNING, STOPPED = 2, 8


@contextmanager
def simulated(phones: int, **options: Any) -> Iterator[Simulator]:
    """A simulated cloud whose jobs take moments."""
    with Simulator(Options(job_seconds=0.3, **options), phones=phones) as cloud:
        yield cloud


class Project:
    """A copy of a project, with a stack in a backend of its own."""

    def __init__(self, folder: Path, files: Iterable[Path], cloud: Simulator) -> None:
        self.folder = folder
        self.cloud = cloud
        for name in ("project", "state", "home"):
            (folder / name).mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder / "project")
        self.pulumi("stack", "init", "test")

    def pulumi(self, *arguments: str, rc: int = 0) -> str:
        """Run a command; what it printed."""
        done = subprocess.run(
            [str(cli() / "pulumi"), *arguments, "--non-interactive", "--color", "never"],
            cwd=self.folder / "project",
            env={**hermetic(self.folder), **self.cloud.environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert (done.returncode != 0) == (rc != 0), f"pulumi {arguments}: exit code {done.returncode}\n{printed}"
        assert "Traceback" not in printed, printed
        assert_no_secret([self.cloud.key.secret_key], {"the output": printed}, self.folder)
        return printed

    def configure(self, **values: str) -> None:
        """`pulumi config set`, in one command, for keys of the project's own."""
        pairs = [word for key, value in values.items() for word in ("--plaintext", f"{key}={value}")]
        self.pulumi("config", "set-all", "--path", *pairs)

    def up(self) -> list[tuple[str, list[str]]]:
        """`pulumi up`, after which the next preview is empty; the requests that it sent."""
        self.cloud.log.clear()
        self.pulumi("up", "--yes", "--skip-preview")
        sent = self.sent()
        self.pulumi("preview", "--expect-no-changes")
        assert self.sent() == sent, "a preview sent a request that changes something"
        return sent

    def sent(self) -> list[tuple[str, list[str]]]:
        """The requests so far that change something: the call, and its phones (sorted)."""
        return [(each.call, sorted(each.phones)) for each in self.cloud.log.of("batch-stop", "batch-restart")]

    def output(self, name: str) -> Any:
        """One of the stack's outputs."""
        return json.loads(self.pulumi("stack", "output", name, "--json"))
