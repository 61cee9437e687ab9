"""`make demo`: it shows what it tells, reruns, and ends cleanly on Ctrl-C, in whatever it is doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tools import pulumi_cli

ROOT = Path(__file__).resolve().parents[2]
MARK = "MARK_OF_A_TEST"
"""A variable that every process of a demo inherits; by its value they are found."""


@contextmanager
def started(folder: Path, mark: str, job_seconds: float) -> Iterator[subprocess.Popen[str]]:
    """A demo that works in `folder`, with a home of its own and an environment that would lead it astray."""
    cache = pulumi_cli.home().parent.parent
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    astray = {
        "HW_ACCESS_KEY": "theirs",
        "HW_SECRET_KEY": "theirs",
        "HW_REGION_NAME": "nowhere-1",
        "HUAWEICLOUD_SDK_PROJECT_ID": "theirs",
        "CPH_ENDPOINT": "http://127.0.0.1:9",
        "PULUMI_BACKEND_URL": "file:///nowhere",
        "PULUMI_STACK": "theirs",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "NO_PROXY": "",
    }
    process = subprocess.Popen(
        [sys.executable, ROOT / "tools" / "demo.py", "--folder", folder, "--job-seconds", str(job_seconds)],
        env={**os.environ, **astray, MARK: mark, "HOME": str(home), "XDG_CACHE_HOME": str(cache)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def living(mark: str) -> list[str]:
    """The command lines of the processes with that mark, which may take a moment to end."""
    deadline = time.monotonic() + 10
    while (found := _living(mark)) and time.monotonic() < deadline:
        pass
    return found


def _living(mark: str) -> list[str]:
    if not Path("/proc/self/environ").exists():
        shown = subprocess.run(["ps", "-axEww", "-o", "command"], capture_output=True, text=True, check=True).stdout
        return [line for line in shown.splitlines() if f"{MARK}={mark}" in line]
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended meanwhile, or is another user's
    return found


def program() -> dict[str, bytes]:
    """The files that the demo runs a copy of."""
    return {path.name: path.read_bytes() for path in [*ROOT.glob("Pulumi*.yaml"), *ROOT.glob("*.py")]}


def end(demo: subprocess.Popen[str], mark: str, number: signal.Signals, moment: str) -> None:
    """Send a signal as soon as the demo has said something; it ends with 128 + its number and without a traceback."""
    assert demo.stdout is not None
    while moment not in (line := demo.stdout.readline()):
        assert line, f"the demo ended before it said {moment!r}"
    assert any("simulate" in command for command in _living(mark))
    os.killpg(demo.pid, number)
    output, errors = demo.communicate(timeout=120)
    assert (demo.returncode, errors) == (128 + number, "demo: ended\n"), f"{output}\n{errors}"
    assert "Traceback" not in output


def test_the_demo_shows_what_it_tells_and_touches_nothing_else_also_after_it_was_interrupted(tmp_path: Path) -> None:
    before, mark = program(), uuid4().hex
    with started(tmp_path / "demo", mark, job_seconds=0.5) as demo:
        end(demo, mark, signal.SIGINT, "Previewing update")
    with started(tmp_path / "demo", mark, job_seconds=0.5) as demo:
        output, errors = demo.communicate(timeout=300)
    assert (demo.returncode, errors) == (0, ""), f"{output}\n{errors}"
    assert living(mark) == []
    assert "199 phones stopped with 2 requests, and 199 job ids in the outputs" in output
    assert "repaired with one request for this phone alone" in output
    assert program() == before
    assert list((tmp_path / "home").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "home"]


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, "batch-stop accepted for 99"), (signal.SIGTERM, "A simulated cloud")],
    ids=["Ctrl-C while phones are stopped", "SIGTERM at the start"],
)
def test_a_signal_ends_the_demo_and_all_its_children(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    with started(tmp_path / "demo", mark := uuid4().hex, job_seconds=60) as demo:
        end(demo, mark, number, moment)
    assert living(mark) == []


def test_a_demo_without_its_simulator_fails_with_a_sentence(tmp_path: Path) -> None:
    with started(tmp_path / "demo", uuid4().hex, job_seconds=-1) as demo:
        _, errors = demo.communicate(timeout=120)
    assert demo.returncode == 1
    assert errors.splitlines()[-1] == "demo: the simulator did not start; what it said stands above"
    assert "Traceback" not in errors
