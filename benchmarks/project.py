"""A Pulumi project in a folder of its own, its commands, and what can be seen of them from outside."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from benchmarks import nothing
from benchmarks.rows import Resource
from tools.pulumi_cli import ensure

ROOT = Path(__file__).resolve().parent.parent

STACK = "bench"
_POWER = "BENCHMARK_POWER"
_LOOK_EVERY = 0.05
_ENDED = b'"resOutputsEvent"'
_OURS = b"pulumi-python:dynamic/"

_PROGRAM = """\
import json, os
from pathlib import Path

{imports}

power = os.environ["{power}"]
phone_ids = json.loads(Path("phones.json").read_text())
{declaration}
"""

_DECLARATIONS: Mapping[Resource, str] = {
    "FleetPower": 'FleetPower("fleet", phones=dict.fromkeys(phone_ids, power))',
    "PhonePower": 'for each in phone_ids:\n    PhonePower("phone-" + each, phone_id=each, power_state=power)',
}


@dataclass(frozen=True)
class Run:
    """What a command did.

    Attributes:
        seconds: wall time.
        ended: when the last resource was done (seconds since 1970); None when none was changed.
        memory: the most that a provider process had resident, in MB; None where the system does not tell.
        text: what it printed.
    """

    seconds: float
    ended: float | None
    memory: float | None
    text: str


class Failed(Exception):
    """A command failed; the text is its output."""


class Project:
    """A program and its stack.

    Args:
        folder: an empty folder.
        module: where the resource classes come from.
        phone_ids: the phones that the program declares.
        config: stack configuration.
        env: more environment, such as credentials.
    """

    def __init__(
        self,
        folder: Path,
        *,
        module: str,
        resource: Resource,
        phone_ids: list[str],
        config: Mapping[str, str],
        env: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self._home = folder / "project"
        shutil.copytree(_empty(), folder, dirs_exist_ok=True)
        self._env = {**hermetic(folder), **env}
        program = _PROGRAM.format(
            imports=f"from {module} import {resource}", power=_POWER, declaration=_DECLARATIONS[resource]
        )
        (self._home / "__main__.py").write_text(program)
        (self._home / "phones.json").write_text(json.dumps(phone_ids))
        lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in config.items())
        with (self._home / f"Pulumi.{STACK}.yaml").open("a") as file:
            file.write(f"config:\n{lines or '  {}'}")

    def run(
        self,
        *command: str,
        power: str,
        drifted: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a command; `power` is the state that the program wants. Raises `Failed`."""
        ids, events = self._folder / "drifted.json", self._folder / "events.jsonl"
        ids.write_text(json.dumps(list(drifted)))
        events.write_text("")
        full = {**self._env, _POWER: power, nothing.DRIFTED: str(ids), **(env or {})}
        began = time.monotonic()
        process = _start(self._home, full, *command, "--event-log", str(events))
        watch = _Watch(self._home, events)
        watch.start()
        text, _ = process.communicate()
        seconds = time.monotonic() - began
        watch.stop()
        if process.returncode:
            raise Failed(f"pulumi {' '.join(command)}: exit code {process.returncode}\n{text}")
        return Run(seconds, watch.ended, watch.memory, text)


class _Watch(threading.Thread):
    """Looks, while a command runs, at its event log and at the memory of its provider processes."""

    def __init__(self, home: Path, events: Path) -> None:
        super().__init__(daemon=True)
        self.ended: float | None = None
        self.memory: float | None = None
        self._home = home
        self._events = events
        self._over = threading.Event()

    def stop(self) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        with self._events.open("rb") as events:
            rest, over = b"", False
            while not over:
                over = self._over.wait(_LOOK_EVERY)
                if events.tell() > self._events.stat().st_size:
                    # The update begins the log of its preview anew.
                    events.seek(0)
                    rest = b""
                *lines, rest = (rest + events.read()).split(b"\n")
                if any(_ENDED in line and _OURS in line for line in lines):
                    self.ended = time.time()
                for memory in map(_peak_memory, _providers(self._home)):
                    self.memory = max(memory, self.memory or 0.0)


def _providers(home: Path) -> list[Path]:
    """The provider processes that serve the project in `home` (their folders in /proc)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = b"pulumi.dynamic" in (process / "cmdline").read_bytes()
            if ours and (process / "cwd").resolve() == home.resolve():
                found.append(process)
        except OSError:
            pass  # it has ended, or it is somebody else's
    return found


def _peak_memory(process: Path) -> float:
    try:
        peak = re.search(r"^VmHWM:\s+(\d+) kB", (process / "status").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(peak[1]) / 1024 if peak else 0.0


def hermetic(folder: Path) -> dict[str, str]:
    """An environment in which Pulumi knows nothing but `folder`, and Python this checkout."""
    foreign = ("HW_", "HUAWEICLOUD_", "CPH_", "PULUMI_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {
        **kept,
        "PATH": f"{_cli()}{os.pathsep}{kept.get('PATH', '')}",
        "PYTHONPATH": f"{ROOT / 'provider'}{os.pathsep}{ROOT}",
        "NO_PROXY": "127.0.0.1,localhost",
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_DEBUG_COMMANDS": "true",
        "PULUMI_PYTHON_CMD": sys.executable,
    }


def _start(home: Path, env: Mapping[str, str], *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(_cli() / "pulumi"), *command, "--stack", STACK, "--non-interactive", "--color", "never"],
        cwd=home,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@lru_cache
def _cli() -> Path:
    return ensure()


@lru_cache
def _empty() -> Path:
    """A folder with an empty stack in it."""
    import atexit
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="pulumi-cph-benchmark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("project", "state", "home"):
        (folder / name).mkdir()
    (folder / "project" / "Pulumi.yaml").write_text("name: benchmark\nruntime: python\n")
    made = _start(folder / "project", hermetic(folder), "stack", "init")
    text, _ = made.communicate()
    if made.returncode:
        raise Failed(text)
    return folder
