"""``pulumi-cph simulate``: a simulated cloud on this machine, in the foreground."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi_cph.cli.misuse import Misuse
from pulumi_cph.simulator.cloud import DEFAULT_KEY
from pulumi_cph.simulator.options import Options
from pulumi_cph.simulator.signature import AccessKey

if TYPE_CHECKING:
    from pulumi_cph.simulator.server import Simulator

SHOWN_PHONES = 3
"""So many phone ids are printed; ``--ready-file`` has all of them."""


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "simulate",
        help="run a simulated cloud with phones that can be stopped and started",
        description="Run a simulated Huawei Cloud with phones that can be stopped and started, until Ctrl-C.",
    )
    parser.add_argument("--phones", type=int, default=200, metavar="N", help="phones per region (200)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on, 0 for any free one (8080)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--region", action="append", metavar="REGION", help="region, may be repeated (cn-north-4)")
    parser.add_argument("--job-seconds", type=float, metavar="S", help="how long a job takes (5)")
    parser.add_argument(
        "--running", type=float, default=1.0, metavar="F", help="fraction of phones that are on, 0 to 1 (1)"
    )
    parser.add_argument("--access-key", default=DEFAULT_KEY.access_key, help="the access key that opens it")
    parser.add_argument("--secret-key", default=DEFAULT_KEY.secret_key, help="the secret key that goes with it")
    parser.add_argument("--seed", type=int, default=0, help="decides ids and how long jobs take (0)")
    parser.add_argument("--options", type=Path, metavar="FILE", help="JSON object of options")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one option, may be repeated")
    parser.add_argument(
        "--ready-file",
        type=Path,
        metavar="FILE",
        help="write address, keys and phone ids as JSON once it listens",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    try:
        from pulumi_cph.simulator.server import Simulator
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("starlette", "uvicorn", "h11", "anyio"):
            raise
        print("The simulator needs a web server: pip install 'pulumi-cph[simulator]'", file=sys.stderr)
        return 1

    if arguments.phones < 0:
        raise Misuse(f"pulumi-cph simulate: --phones must not be negative, but is {arguments.phones}")
    if not 0 <= arguments.port <= 65535:
        raise Misuse(f"pulumi-cph simulate: --port must lie between 0 and 65535, but is {arguments.port}")
    if arguments.ready_file is not None and not arguments.ready_file.parent.is_dir():
        raise Misuse(f"pulumi-cph simulate: there is no directory {arguments.ready_file.parent}")
    regions = list(dict.fromkeys(arguments.region or ["cn-north-4"]))
    try:
        simulator = Simulator(
            _options(arguments),
            phones=dict.fromkeys(regions, arguments.phones),
            running=arguments.running,
            seed=arguments.seed,
            regions=regions,
            key=AccessKey(arguments.access_key, arguments.secret_key),
            host=arguments.host,
            port=arguments.port,
        )
    except ValueError as wrong:
        raise Misuse(f"pulumi-cph simulate: {wrong}") from None

    def ready() -> None:
        if arguments.ready_file is not None:
            _write(arguments.ready_file, simulator)
        print(_summary(simulator), flush=True)

    try:
        simulator.run(ready)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        address = f"{arguments.host}:{arguments.port}"
        print(f"Cannot listen on {address}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def _options(arguments: argparse.Namespace) -> Options:
    """The options of the file, changed by ``--set``, changed by ``--job-seconds``."""
    values: dict[str, Any] = {}
    if arguments.options is not None:
        try:
            loaded = json.loads(arguments.options.read_text(encoding="utf-8"))
        except OSError as error:
            raise Misuse(f"pulumi-cph simulate: cannot read {arguments.options}: {error.strerror}") from None
        except ValueError:
            loaded = None
        if not isinstance(loaded, dict):
            raise Misuse(f"pulumi-cph simulate: {arguments.options} does not hold a JSON object")
        values.update(loaded)
    for each in arguments.set:
        name, equals, text = each.partition("=")
        if not equals:
            raise Misuse(f"pulumi-cph simulate: --set wants NAME=VALUE, not {each!r}")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    if arguments.job_seconds is not None:
        values["job_seconds"] = arguments.job_seconds
    return Options().changed(values)


def _summary(simulator: Simulator) -> str:
    """What a person needs to know to use the simulator."""
    ids = simulator.world.phone_ids
    first = ", ".join(ids[:SHOWN_PHONES]) + (", ..." if len(ids) > SHOWN_PHONES else "")
    regions = ", ".join(f"{region} (project {id_})" for region, id_ in simulator.cloud.projects.items())
    return f"""\
Simulated cloud at {simulator.endpoint}, with {len(ids)} phones; Ctrl-C ends it.

  region      {regions}
  access key  {simulator.key.access_key}
  secret key  {simulator.key.secret_key}
  phones      {first or "none"}

Lead a Pulumi stack to it:

  pulumi config set cph:region {simulator.region}
  pulumi config set cph:endpoint {simulator.endpoint}
  pulumi config set cph:iamEndpoint {simulator.endpoint}
  export HW_ACCESS_KEY={simulator.key.access_key} HW_SECRET_KEY={simulator.key.secret_key}
"""


def _write(path: Path, simulator: Simulator) -> None:
    """Write what scripts need, in one step so that nobody reads half of it."""
    content = {
        "endpoint": simulator.endpoint,
        "region": simulator.region,
        "project_id": simulator.project_id,
        "access_key": simulator.key.access_key,
        "secret_key": simulator.key.secret_key,
        "phones": simulator.world.phone_ids,
    }
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)
