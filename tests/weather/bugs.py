"""Deliberate bugs: realistic mistakes, put into the real code for a moment, that the weather test must catch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from pulumi_cph import plan
from pulumi_cph import status as st
from pulumi_cph.api import connection, limiter, redaction
from pulumi_cph.api import policy as api_policy
from pulumi_cph.api.errors import ApiError, AuthenticationError
from pulumi_cph.dispatch import answers, policy, polling


@dataclass(frozen=True)
class Bug:
    """A mistake. `put_in` makes it; `caught_by` is in the message of the invariant that catches it."""

    name: str
    put_in: Callable[[pytest.MonkeyPatch], None]
    caught_by: str

    @contextmanager
    def present(self) -> Iterator[None]:
        """While the body runs, the mistake is in the code."""
        with pytest.MonkeyPatch.context() as patch:
            self.put_in(patch)
            yield


def _resent_without_a_look(patch: pytest.MonkeyPatch) -> None:
    real = answers.meaning_of

    def meaning_of(error: ApiError, phones: int) -> answers.Meaning:
        meaning = real(error, phones)
        return "divide" if meaning == "unknown" else meaning  # sent again at once, in smaller requests

    patch.setattr(answers, "meaning_of", meaning_of)


def _look_too_old(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy, "FRESH", 1e9)


def _absent_jobs_never_asked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(polling.JobPolling, "_absent", lambda *_: [])


def _running_phones_restarted(patch: pytest.MonkeyPatch) -> None:
    row = plan._TABLE[st.RUNNING]
    patch.setitem(plan._TABLE, st.RUNNING, {**row, "running": plan.Decision("start")})


def _refusals_of_the_key_repeated(patch: pytest.MonkeyPatch) -> None:
    real_repeat, real_leave = api_policy.may_repeat, limiter.CredentialGate._leave

    def may_repeat(error: ApiError, method: str, attempt: int) -> bool:
        return real_repeat(error, method, attempt) or (isinstance(error, AuthenticationError) and attempt < 3)

    def leave(gate: limiter.CredentialGate, probe: bool, proven: bool, refusal: AuthenticationError | None) -> None:
        real_leave(gate, probe, proven, None)

    patch.setattr(api_policy, "may_repeat", may_repeat)
    patch.setattr(limiter.CredentialGate, "_leave", leave)


def _no_patience_after_a_lost_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy, "LOST_PATIENCE", 0.5)


def _only_200_is_success(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(connection, "_SUCCESS", {"GET": frozenset((200,)), "POST": frozenset((200,))})


def _unknown_numbers_are_stopped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan, "_UNKNOWN", plan.Decision("start"))


def _server_texts_repeated(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(redaction.Redaction, "line", lambda _, text, limit=300: redaction.one_line(text, 4000))


def _deadline_not_for_requests(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy, "CLOSING", 8.0)


BUGS = (
    Bug("a lost request is sent again without a look", _resent_without_a_look, "whose job to"),
    Bug("the look behind a request may be of any age", _look_too_old, "s old"),
    Bug("jobs that a listing does not show are never asked for", _absent_jobs_never_asked_for, "timeout"),
    Bug("running phones are restarted", _running_phones_restarted, "that the look behind it showed running"),
    Bug("a refusal of the key is repeated", _refusals_of_the_key_repeated, "the credentials had been refused"),
    Bug("no patience for a late status after a lost answer", _no_patience_after_a_lost_answer, "whose job to"),
    Bug("201 and 202 are failures", _only_200_is_success, "is in no log"),
    Bug("unknown status numbers mean stopped", _unknown_numbers_are_stopped, "that the look behind it showed unknown"),
    Bug("the server's texts are repeated as they are", _server_texts_repeated, "in what was said"),
    Bug("the deadline waits for answers under way", _deadline_not_for_requests, "after its deadline"),
)
