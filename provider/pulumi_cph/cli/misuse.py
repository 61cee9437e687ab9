"""What a subcommand raises when its arguments make no sense."""

from __future__ import annotations


class Misuse(Exception):
    """Arguments that make no sense; the text is the one sentence to print. Exit code 2."""
