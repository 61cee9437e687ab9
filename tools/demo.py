"""`make demo`: the real Pulumi engine stops a fleet of simulated phones, notices a change made by hand, repairs it.

Everything happens in `.demo/`, which is made anew each time and can be deleted: a copy of this repository's own
program, Pulumi's state and home. The cloud is `pulumi-cph simulate`, a child process on a free port. What is shown
is also checked; the demo fails with a sentence where it is not as told. Ctrl-C ends it, and its children, at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pulumi_cli
from children import Children

ROOT: Final = Path(__file__).resolve().parent.parent
PROGRAM: Final = ("Pulumi.yaml", "Pulumi.demo.yaml", "__main__.py", "fleets.py")
PHONES: Final = 220
"""All of them are in a fleet of Pulumi.demo.yaml, whose patterns reach to phone-0299."""

RUNNING: Final = 2
"""The API's number for a running phone."""

BEGUN: Final = re.compile(r"(creating|refreshing|running|updating)( \(\d+s\))?\s*$")
"""Pulumi's lines that only say that something has begun; they are not shown."""

FOREIGN: Final = ("HW_", "HUAWEICLOUD_", "CPH_", "PULUMI_", "OTEL_")
"""Variables that would lead Pulumi or the provider out of the demo, to a real account."""


class DemoFailed(Exception):
    """The demo did not show what it tells; the text is one sentence."""


class Cloud:
    """The simulated cloud, and what may be asked of it behind the scenes."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.endpoint: str = told["endpoint"]
        self.environment = {
            "CPH_ENDPOINT": self.endpoint,
            "CPH_IAM_ENDPOINT": self.endpoint,
            "HW_ACCESS_KEY": told["access_key"],
            "HW_SECRET_KEY": told["secret_key"],
        }
        # A proxy of the user's has nothing to do with this machine's own ports.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def control(self, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        with self._opener.open(f"{self.endpoint}/_control/{name}", data, timeout=10) as answer:
            answered: dict[str, Any] = json.load(answer)
            return answered

    def requests(self) -> list[list[str]]:
        """The phones of each request that changed something since this was asked last."""
        log = self.control("log")["log"]
        self.control("clear-log", {})
        return [entry["phones"] for entry in log if entry["call"] in ("batch-stop", "batch-restart")]


def simulated(folder: Path, environment: Mapping[str, str], children: Children, job_seconds: float) -> Cloud:
    """A simulated cloud, until the children are ended."""
    ready = folder / "simulator.json"
    options = ["--port", "0", "--phones", str(PHONES), "--job-seconds", str(job_seconds), "--ready-file", str(ready)]
    command = [sys.executable, "-m", "pulumi_cph.cli.main", "simulate", *options]
    child = children.start(*command, env=environment, stdout=subprocess.PIPE)
    assert child.stdout is not None
    # It prints something once it listens; by then the file is complete.
    if not child.stdout.readline():
        raise DemoFailed("the simulator did not start; what it said stands above")
    return Cloud(json.loads(ready.read_text(encoding="utf-8")))


class Stack:
    """The demo's stack, as the `pulumi` command sees it."""

    def __init__(self, folder: Path, environment: Mapping[str, str], children: Children) -> None:
        self._folder = folder
        self._environment = environment
        self._children = children

    def show(self, *arguments: str) -> str:
        """Run a command, show what it prints as it comes, and return it."""
        print(bold(f"  $ pulumi {' '.join(arguments)}"), flush=True)
        printed = self._run(*arguments, "--suppress-outputs", "--suppress-progress", show=True)
        print(flush=True)
        return printed

    def output(self, name: str) -> Any:
        """One of the stack's outputs."""
        return json.loads(self._run("stack", "output", name, "--json", stderr=None))

    def init(self) -> None:
        self._run("stack", "init", "demo")

    def _run(self, *arguments: str, show: bool = False, stderr: int | None = subprocess.STDOUT) -> str:
        child = self._children.start(
            *("pulumi", *arguments, "--non-interactive", "--color", "never"),
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line)
            if show and line.strip() and not BEGUN.search(line):
                print(f"    {shortened(line.rstrip())}", flush=True)
        if child.wait():
            said = "" if show else f": {' '.join(''.join(lines).split())}"
            raise DemoFailed(f"`pulumi {' '.join(arguments)}` ended with exit code {child.returncode}{said}")
        return "".join(lines)


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


def shortened(line: str, most: int = 150) -> str:
    return line if len(line) <= most else f"{line[: most - 3]}..."


def tell(*lines: str) -> None:
    """Narration."""
    print("\n".join(bold(line) for line in lines), flush=True)


def expect(true: bool, sentence: str) -> None:
    if not true:
        raise DemoFailed(sentence)


def fresh(folder: Path) -> None:
    """Make the folder as if for the first time. Only what the demo made is deleted."""
    for name in ("project", "state", "home"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    (folder / "simulator.json").unlink(missing_ok=True)
    for name in PROGRAM:
        shutil.copy(ROOT / name, folder / "project")


def hermetic(folder: Path, cli: Path) -> dict[str, str]:
    """The user's environment without what leads out of the demo, and Pulumi kept inside `folder`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and not name.lower().endswith("_proxy")
    }
    return kept | {
        "PATH": f"{cli}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "demo",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_PYTHON_CMD": sys.executable,
    }


def show_jobs(jobs: Mapping[str, str], most: int = 3) -> None:
    print(bold("  $ pulumi stack output job_ids"))
    for phone_id, job_id in list(jobs.items())[:most]:
        print(f"    phone {phone_id}: job {job_id}")
    print(f"    ... and {len(jobs) - most} more\n" if len(jobs) > most else "", flush=True)


def jobs_of(stack: Stack) -> dict[str, str]:
    return {phone_id: job_id for fleet in stack.output("job_ids").values() for phone_id, job_id in fleet.items()}


def play(cloud: Cloud, stack: Stack) -> list[str]:
    """The demo itself; a summary of what was seen."""
    tell(f"A simulated cloud with {PHONES} phones, all running. Pulumi.demo.yaml wants two fleets of them:")
    print((ROOT / "Pulumi.demo.yaml").read_text(encoding="utf-8").partition("fleets:\n")[2], flush=True)

    tell("1. What would change? A preview only looks; it sends no request that changes anything.")
    stack.init()
    stack.show("preview")
    expect(not cloud.requests(), "the preview sent a request that changes phones")

    tell("2. Do it. One request stops up to 100 phones; then their jobs are waited for.")
    stack.show("up", "--yes", "--skip-preview")
    sent = cloud.requests()
    jobs, totals = jobs_of(stack), stack.output("totals")
    show_jobs(jobs)
    stopped = totals["counts"].get("stopped", 0)
    expect(totals["phones"] == PHONES, f"{totals['phones']} phones are in the fleets instead of {PHONES}")
    expect(totals["failures"] == 0, f"{totals['failures']} phones failed")
    expect(len(set(jobs.values())) == stopped > 0, f"{len(jobs)} jobs are in the outputs for {stopped} phones")
    expect(len(sent) == -(-stopped // 100), f"{stopped} phones took {len(sent)} requests")

    phone_id = next(iter(jobs))
    tell(f"3. Somebody starts a phone by hand, behind Pulumi's back: {phone_id}.")
    cloud.control("phones", {"set": {phone_id: RUNNING}})
    tell("   The next preview, for instance that of a pull request, names it:")
    named = stack.show("preview")
    expect(f"1 to stop: {phone_id}" in named, f"the preview does not name phone {phone_id}")

    tell("4. Repair it: the same program, nothing else.")
    stack.show("up", "--yes", "--skip-preview")
    repair = cloud.requests()
    expect(repair == [[phone_id]], f"the repair should have sent one request for one phone, and sent {repair}")
    after = jobs_of(stack)
    expect(after.pop(phone_id) != jobs.pop(phone_id), f"phone {phone_id} has no new job id")
    expect(after == jobs, "job ids of other phones changed with the repair")

    tell("5. All is as declared: the last preview is empty.")
    stack.show("preview", "--expect-no-changes")
    return [
        f"{stopped} phones stopped with {len(sent)} requests, and {len(jobs) + 1} job ids in the outputs",
        f"{PHONES - stopped} phones were running as declared: no request",
        "1 phone changed by hand: named in the preview, repaired with one request for this phone alone",
    ]


def demo(arguments: argparse.Namespace, children: Children) -> None:
    began = time.monotonic()
    folder: Path = arguments.folder.resolve()
    environment = hermetic(folder, pulumi_cli.ensure())
    fresh(folder)
    cloud = simulated(folder, environment, children, arguments.job_seconds)
    seen = play(cloud, Stack(folder / "project", environment | cloud.environment, children))
    tell(f"Seen in {time.monotonic() - began:.0f} seconds:", *(f"  - {line}" for line in seen))


def main() -> int:
    """0: all was as told. 1: it was not, or could not be shown. 128 + n: ended by signal n."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="where to work (.demo)")
    parser.add_argument("--job-seconds", type=float, default=5.0, help="how long a job takes (5)")
    arguments = parser.parse_args()
    try:
        with Children() as children:
            demo(arguments, children)
    except (DemoFailed, pulumi_cli.Unavailable, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except SystemExit:
        print("demo: ended", file=sys.stderr)
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
