"""Which power call is allowed in which phone status: the table, and nothing else.

The documents publish no such table per call. This one follows the console's rule and the wording of the
codes (as the service documents them): restart from running or shut down, stop from running, everything else is refused.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

PowerCall = Literal["stop", "restart"]


class PhoneStatus(IntEnum):
    """Every published phone status. 5 is not defined, and 0 (also "creating") left the documents in 2021."""

    CREATING = 1
    RUNNING = 2
    RESETTING = 3
    RESTARTING = 4
    FROZEN = 6
    STOPPING = 7
    STOPPED = 8
    RESET_FAILED = -5
    RESTART_FAILED = -6
    ABNORMAL = -7
    CREATE_FAILED = -8
    STOP_FAILED = -9


_S = PhoneStatus

ALLOWED: dict[PowerCall, frozenset[int]] = {
    "stop": frozenset({_S.RUNNING}),
    "restart": frozenset({_S.RUNNING, _S.STOPPED}),
}
RECOVERABLE: frozenset[int] = frozenset({_S.RESTART_FAILED, _S.ABNORMAL, _S.STOP_FAILED})
"""Failed states a restart may lead out of; unpublished, so an option (`Options.restart_failed`)."""

HARMLESS: dict[PowerCall, frozenset[int]] = {
    "stop": frozenset({_S.STOPPING, _S.STOPPED}),
    "restart": frozenset({_S.RESTARTING}),
}
"""Where a call only asks for what is already so or already under way (`Options.wrong_state` "accept")."""

ON_THE_WAY: dict[PowerCall, PhoneStatus] = {"stop": _S.STOPPING, "restart": _S.RESTARTING}
ARRIVED: dict[PowerCall, PhoneStatus] = {"stop": _S.STOPPED, "restart": _S.RUNNING}
FAILED: dict[PowerCall, PhoneStatus] = {"stop": _S.STOP_FAILED, "restart": _S.RESTART_FAILED}

_WRONG_STATE: dict[PowerCall, str] = {"stop": "CPS.0141", "restart": "CPS.0165"}


def refusal_code(call: PowerCall, status: int, *, restart_failed: bool = False) -> str | None:
    """The code with which `call` is refused for a phone in `status`, or None when it is allowed.

    `restart_failed` lets a restart begin in the failed states of `RECOVERABLE`.
    """
    if status in ALLOWED[call]:
        return None
    if call == "restart" and restart_failed and status in RECOVERABLE:
        return None
    return "CPS.0053" if status == PhoneStatus.FROZEN else _WRONG_STATE[call]
