"""The published phone statuses: their numbers, our words for them, and nothing else.

Numbers and meanings are those of ListCloudPhones and ShowCloudPhoneDetail. 0 was a second "creating" in the
API's documents until 2021; 5 was never defined. A number that is not in the table becomes `unknown-<n>` and
is never taken for any other status.
"""

from __future__ import annotations

from typing import Final

CREATING: Final = "creating"
RUNNING: Final = "running"
RESETTING: Final = "resetting"
RESTARTING: Final = "restarting"
FROZEN: Final = "frozen"
STOPPING: Final = "stopping"
STOPPED: Final = "stopped"
RESET_FAILED: Final = "reset-failed"
RESTART_FAILED: Final = "restart-failed"
ABNORMAL: Final = "abnormal"
CREATE_FAILED: Final = "create-failed"
STOP_FAILED: Final = "stop-failed"
MISSING: Final = "missing"
"""No status of the API: the phone is not there (a single read said so)."""

_WORDS: Final[dict[int, str]] = {
    0: CREATING,
    1: CREATING,
    2: RUNNING,
    3: RESETTING,
    4: RESTARTING,
    6: FROZEN,
    7: STOPPING,
    8: STOPPED,
    -5: RESET_FAILED,
    -6: RESTART_FAILED,
    -7: ABNORMAL,
    -8: CREATE_FAILED,
    -9: STOP_FAILED,
}

_UNKNOWN: Final = "unknown-"


def word_of(number: int) -> str:
    """The word for a status number of the API; `unknown-<n>` for a number that is not published."""
    return _WORDS.get(number, f"{_UNKNOWN}{number}")


def is_status(word: object) -> bool:
    """Whether `word` is one that `word_of` can return, or `missing`."""
    return isinstance(word, str) and (word in _WORDS.values() or word == MISSING or word.startswith(_UNKNOWN))
