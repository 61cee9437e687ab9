"""``pulumi-cph``: picks the subcommand. Each subcommand is a module with `add_to` and `run`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from pulumi_cph.cli import simulate
from pulumi_cph.cli.misuse import Misuse
from pulumi_cph.version import __version__


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one sentence, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise Misuse(f"{self.prog}: {message}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (by default the process's own); the exit code.

    0: done. 1: it could not be done. 2: the arguments make no sense.
    """
    parser = _Parser(prog="pulumi-cph", description="Power states of Huawei Cloud phones, by Pulumi.")
    parser.add_argument("--version", action="version", version=f"pulumi-cph {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    simulate.add_to(commands)
    try:
        arguments = parser.parse_args(argv)
        code: int = arguments.run(arguments)
        return code
    except Misuse as misuse:
        print(misuse, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
