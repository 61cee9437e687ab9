"""Child processes that never outlive their parent: Ctrl-C and its like end them first, in good order."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE: Final = 15.0
"""Seconds that a child gets to end by itself."""


class Children:
    """The children of a block of code. Within it a signal raises SystemExit (128 + its number); at its end, however
    that comes about, all children are ended, the last one first, and no further signal disturbs that."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[str]] = []
        self._held = False
        self._came: int | None = None

    def __enter__(self) -> Children:
        for number in SIGNALS:
            signal.signal(number, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held = True
        for child in reversed(self._children):
            finish(child)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        first, self._came = self._came is None, number
        if first and not self._held:
            raise SystemExit(128 + number)

    def start(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a child, in a session of its own: it hears of Ctrl-C from its parent alone."""
        # A signal in the midst of this would leave a child that nobody knows of.
        self._held = True
        child = subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL, start_new_session=True, **options)
        self._children.append(child)
        self._held = False
        if self._came is not None:
            raise SystemExit(128 + self._came)
        return child


def finish(child: subprocess.Popen[str]) -> None:
    """End a child as Ctrl-C would, twice if it must be; then its whole group, by force."""
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGKILL):
        if child.poll() is not None:
            break
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number) if number == signal.SIGKILL else child.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=PATIENCE)
    if child.stdout is not None:
        child.stdout.close()
