"""The real Pulumi engine, one folder per test, against a cloud of the test's own.

    stack = Stack(folder, cloud, 'cph.PhonePower("p", phone_id="...", power_state="stopped")')
    stack.up()

What must hold for every command is asserted here, every time: no traceback, the secret key nowhere, a preview that
changes nothing, a server with nothing to complain of, and after an `up` that succeeded an empty preview.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from tests.foreign_cloud import ForeignCloud
from tools.pulumi_cli import locate

SECRET_KEY = "foreign/secret+key=&?%0000000000000000001"
"""Odd characters, so that each encoding of it looks different."""

PROJECT, STACK = "phones", "test"
COMMAND_SECONDS = 180
"""Far more than any command takes, even on a busy machine."""

PREAMBLE = "import pulumi\nimport pulumi_cph as cph\n"

Post = tuple[str, list[str]]
"""A request that changes something: the call, and its phones (sorted)."""


def stop(*phone_ids: str) -> Post:
    """A batch-stop of these phones, as `Result.posts` has it."""
    return "batch-stop", sorted(phone_ids)


def start(*phone_ids: str) -> Post:
    """A batch-restart of these phones, as `Result.posts` has it."""
    return "batch-restart", sorted(phone_ids)


def together(posts: Iterable[Post]) -> list[Post]:
    """Requests of one kind as one: whether two resources share a request depends on the machine's load."""
    by_verb: dict[str, list[str]] = {}
    for verb, ids in posts:
        by_verb.setdefault(verb, []).extend(ids)
    return [(verb, sorted(ids)) for verb, ids in sorted(by_verb.items())]


def stop_elsewhere(cloud: ForeignCloud, phone_id: str, seconds: float) -> None:
    """Somebody else has the phone stopped by a job of their own."""
    usual, cloud.job_seconds = cloud.job_seconds, seconds
    cloud.requests["elsewhere"] = []
    assert "job_id" in cloud.submit("stop", phone_id, "elsewhere", time.monotonic())
    cloud.job_seconds = usual


_OWN = re.compile(
    r"(preview|update|destroy|refresh) failed$"
    r"|an unhandled error occurred: program exited"
    r"|[\w/:-]+ resource '.*' has a problem: $"
    r"|\d+ errors? occurred:$"
)
"""Error lines of the engine's own, that say nothing new."""


@dataclass(frozen=True)
class Result:
    """What a command did: its exit code and text, and what it asked the cloud for meanwhile."""

    command: str
    rc: int
    text: str
    seconds: float
    posts: list[Post]
    gets: int
    unauthorized: int

    @property
    def errors(self) -> list[str]:
        """The error lines and, under "error occurred", their reasons; the engine's own closing lines left out."""
        said = re.findall(r"^\s*(?:error: |\* )(.*)$", self.text, re.MULTILINE)
        return list(dict.fromkeys(line for line in said if not _OWN.match(line)))

    @property
    def warnings(self) -> list[str]:
        """The warning lines, each once."""
        return list(dict.fromkeys(re.findall(r"^\s*warning: (.*)$", self.text, re.MULTILINE)))


@dataclass
class Stack:
    """A Pulumi project with one stack, and the cloud that its program is about.

    Attributes:
        folder: an empty folder of its own.
        cloud: the cloud; the stack's configuration leads there.
        program: the body of `__main__.py`; `pulumi` and `cph` are imported.
        refresh_always: whether Pulumi.yaml says `options: refresh: always`.
        config: the stack configuration; by default the cloud's region and addresses.
        env: the environment's part that may be changed between commands: by default the cloud's key.
        others: more clouds that the program reaches by its own means.
        violations: what the server may complain of in this test (a regular expression).
    """

    folder: Path
    cloud: ForeignCloud
    program: str
    refresh_always: bool = False
    config: dict[str, str] | None = None
    env: dict[str, str] | None = None
    others: Sequence[ForeignCloud] = ()
    violations: str | None = None
    secrets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        template = _template()
        shutil.copytree(template, self.folder, dirs_exist_ok=True)
        if self.config is None:
            self.config = {
                "cph:region": self.cloud.region,
                "cph:endpoint": self.cloud.endpoint,
                "cph:iamEndpoint": self.cloud.endpoint,
            }
        if self.env is None:
            self.env = {"HW_ACCESS_KEY": self.cloud.access_key, "HW_SECRET_KEY": self.cloud.secret_key}
        self.secrets = [self.cloud.secret_key, *self.secrets]
        self._secret_config: list[str] = []
        self._salt = (self.project / f"Pulumi.{STACK}.yaml").read_text()

    @property
    def project(self) -> Path:
        return self.folder / "project"

    # --- commands

    def up(
        self,
        *options: str,
        rc: int = 0,
        whole: bool = False,
        no_preview_because: str = "",
        meanwhile: Callable[[Process], None] | None = None,
    ) -> Result:
        """`pulumi up`. When it succeeds the next preview is empty and changes nothing.

        Args:
            options: of the command line.
            rc: 0, or anything else if it shall fail.
            whole: with its own preview first, as a person runs it; it takes half as long again.
            no_preview_because: why the next preview is not looked at.
            meanwhile: called with the process as soon as it has been started.
        """
        result = self._pulumi(
            "up", "--yes", *(() if whole else ("--skip-preview",)), *options, rc=rc, meanwhile=meanwhile
        )
        if rc == 0 and not no_preview_because:
            self.preview("--expect-no-changes")
        return result

    def preview(self, *options: str, rc: int = 0) -> Result:
        """`pulumi preview`; it sends no request that changes anything."""
        result = self._pulumi("preview", *options, rc=rc)
        assert not result.posts, f"a preview sent {result.posts}"
        return result

    def refresh(self, *, rc: int = 0) -> Result:
        """`pulumi refresh`; it sends no request that changes anything."""
        result = self._pulumi("refresh", "--yes", rc=rc)
        assert not result.posts, f"a refresh sent {result.posts}"
        return result

    def destroy(self, *, rc: int = 0) -> Result:
        """`pulumi destroy`; when it succeeds nothing is left in the state."""
        result = self._pulumi("destroy", "--yes", rc=rc)
        if rc == 0:
            assert self.resources == {}
        return result

    def cancel(self) -> None:
        """`pulumi cancel`: unlock the stack after its CLI was killed."""
        self._pulumi("cancel", "--yes", rc=0)

    def set_secret(self, key: str, value: str) -> None:
        """`pulumi config set --secret`."""
        self.secrets.append(value)
        self._pulumi("config", "set", "--secret", key, rc=0, stdin=value)
        text = (self.project / f"Pulumi.{STACK}.yaml").read_text()
        found = re.search(rf"^  {re.escape(key)}:\n    secure: .*\n", text, re.MULTILINE)
        assert found
        self._secret_config.append(found[0])

    # --- what the state says

    def export(self) -> dict[str, Any]:
        """The stack's deployment, as the backend has it (secrets encrypted)."""
        [path] = (self.folder / "state").glob(f".pulumi/stacks/**/{STACK}.json")
        return json.loads(path.read_text())["checkpoint"]["latest"] or {}

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources in the state by name: `inputs`, `outputs`, `id`, `initErrors` and more."""
        listed = self.export().get("resources", [])
        return {each["urn"].rsplit("::", 1)[-1]: each for each in listed if "/cph:" in each["type"]}

    @property
    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        root = [each for each in self.export()["resources"] if each["type"] == "pulumi:pulumi:Stack"]
        return root[0].get("outputs", {})

    def of(self, name: str) -> dict[str, Any]:
        """The outputs of a resource in the state."""
        return self.resources[name]["outputs"]

    # --- running

    def urn(self, type_: str, name: str) -> str:
        return f"urn:pulumi:{STACK}::{PROJECT}::pulumi-python:dynamic/cph:{type_}::{name}"

    def environment(self) -> dict[str, str]:
        """The environment of the CLI: nothing of the user's, what keeps the engine to itself, and `env`."""
        assert self.env is not None
        return {**hermetic(self.folder), **self.env}

    def write(self) -> None:
        """Write the program, Pulumi.yaml and the stack's configuration."""
        options = "options:\n  refresh: always\n" if self.refresh_always else ""
        (self.project / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n{options}")
        (self.project / "__main__.py").write_text(PREAMBLE + textwrap.dedent(self.program))
        lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in (self.config or {}).items())
        config = f"{self._salt}config:\n{lines}{''.join(self._secret_config)}"
        (self.project / f"Pulumi.{STACK}.yaml").write_text(config)

    def _pulumi(
        self,
        command: str,
        *options: str,
        rc: int,
        stdin: str | None = None,
        meanwhile: Callable[[Process], None] | None = None,
    ) -> Result:
        self.write()
        clouds = [self.cloud, *self.others]
        before = [(len(cloud.posts), cloud.gets, cloud.unauthorized) for cloud in clouds]
        began = time.monotonic()
        process = _start(self.project, self.environment(), command, *options)
        try:
            if meanwhile:
                meanwhile(process)
            text, _ = process.communicate(stdin, timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            text, _ = process.communicate()
            raise AssertionError(f"pulumi {command} took more than {COMMAND_SECONDS} s:\n{text}") from None
        posts, gets, unauthorized = [], 0, 0
        for cloud, (posts_before, gets_before, unauthorized_before) in zip(clouds, before, strict=True):
            posts += [(verb, sorted(ids)) for verb, ids in cloud.posts[posts_before:]]
            gets += cloud.gets - gets_before
            unauthorized += cloud.unauthorized - unauthorized_before
        seconds = time.monotonic() - began
        result = Result(command, process.returncode, text, seconds, posts, gets, unauthorized)
        self._assert_what_always_holds(result, rc)
        return result

    def _assert_what_always_holds(self, result: Result, rc: int) -> None:
        assert (result.rc != 0) == (rc != 0), f"pulumi {result.command}: exit code {result.rc}\n{result.text}"
        assert "Traceback" not in result.text, result.text
        assert "RecursionError" not in result.text, result.text
        for cloud in (self.cloud, *self.others):
            unexpected = [v for v in cloud.violations if not (self.violations and re.search(self.violations, v))]
            assert not unexpected, f"the server complains: {unexpected}\n{result.text}"
        assert_no_secret(self.secrets, {"the output": result.text}, self.folder)


Process = subprocess.Popen[str]
MakeCloud = Callable[..., ForeignCloud]
MakeStack = Callable[..., Stack]
"""The fixtures `new_cloud` and `new_stack` of conftest.py."""


def assert_no_secret(secrets: Iterable[str], texts: Mapping[str, str], folder: Path | None = None) -> None:
    """No secret in any encoding stands in any of the texts, or of the files under `folder`."""
    places: dict[str, bytes] = {name: text.encode() for name, text in texts.items()}
    for path in folder.rglob("*") if folder else ():
        if path.is_file():
            places[str(path)] = path.read_bytes()
    for secret in secrets:
        for form in encodings(secret):
            for name, content in places.items():
                assert form not in content, f"a secret stands in {name}, as {form!r}"


@lru_cache
def encodings(secret: str) -> frozenset[bytes]:
    """A secret as it may look: plain, hex, base64 (wherever in a longer text it begins), URL-encoded, in JSON."""
    raw = secret.encode()
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    forms |= {quote(secret, safe="").encode(), quote_plus(secret).encode(), quote(secret).encode()}
    forms |= {json.dumps(secret)[1:-1].encode(), repr(secret)[1:-1].encode()}
    for offset in range(3):
        # Of what stands at such an offset, the characters that do not depend on its neighbours.
        whole = raw[(3 - offset) % 3 :]
        whole = whole[: len(whole) // 3 * 3]
        forms |= {base64.b64encode(whole), base64.urlsafe_b64encode(whole)}
    return frozenset(forms)


def hermetic(folder: Path) -> dict[str, str]:
    """An environment in which Pulumi knows nothing but this folder."""
    foreign = ("HW_", "HUAWEICLOUD_", "CPH_", "PULUMI_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {
        **kept,
        "PATH": f"{cli()}{os.pathsep}{kept.get('PATH', '')}",
        "NO_PROXY": "127.0.0.1,localhost",
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_PYTHON_CMD": sys.executable,
    }


def end_session(cli_pid: int) -> None:
    """End what a killed CLI left behind, but for its provider process, which must end by itself.

    Pulumi's own language host outlives its CLI, and the program that it runs may do so, too. A CLI's processes are
    those of its session, also when their parent is gone.
    """
    rows = subprocess.run(["ps", "-A", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    for row in rows.splitlines():
        pid, args = row.split(None, 1)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if "pulumi.dynamic" not in args and os.getsid(int(pid)) == cli_pid:
                os.kill(int(pid), signal.SIGKILL)


@lru_cache
def cli() -> Path:
    """The folder of the Pulumi CLI. Its absence is a failure, never a reason to skip."""
    folder = locate()
    assert folder is not None, "there is no Pulumi CLI: run `make setup`, which gets one (tools/pulumi_cli.py)"
    return folder


def _start(project: Path, env: Mapping[str, str], command: str, *options: str) -> Process:
    color = () if command == "config" else ("--color", "never")
    return subprocess.Popen(
        [str(cli() / "pulumi"), *command.split(), *options, "--stack", STACK, "--non-interactive", *color],
        cwd=project,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@lru_cache
def _template() -> Path:
    """A folder with an empty stack in it: `pulumi stack init` once for all tests of this process."""
    import atexit
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="pulumi-cph-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("project", "state", "home"):
        (folder / name).mkdir()
    (folder / "project" / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
    made = _start(folder / "project", hermetic(folder), "stack init")
    text, _ = made.communicate(timeout=COMMAND_SECONDS)
    assert made.returncode == 0, text
    return folder
