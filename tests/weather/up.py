"""What a `pulumi up` does, and the state that it saves.

The operations themselves are the real ones (`pulumi_cph.operation`); what the engine and the provider's calls do
around them is here: check, diff, create or update, and save. Deletes come last, and only if all went well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from pulumi_cph import operation
from pulumi_cph.api.errors import ApiError
from pulumi_cph.dispatch import events as ev
from pulumi_cph.inputs import Declared
from pulumi_cph.plan import Power
from pulumi_cph.session import QUIET, Place
from pulumi_cph.state import Result
from tests.weather.process import Process
from tests.weather.witness import Witness

Program = Mapping[str, Declared]
"""The resources by name."""

PLACE = Place("cn-north-4", "here")


@dataclass
class Recorded:
    """One resource of the state: its inputs and its outputs."""

    declared: Declared
    phones: dict[str, Power]
    """Those declared, and those that could not be released yet."""
    result: Result


class State:
    """The stack's state."""

    def __init__(self) -> None:
        self.resources: dict[str, Recorded] = {}
        self.jobs: set[str] = set()
        """Every job id that any output ever held ..."""
        self.requests: set[str] = set()
        """... and every request id."""

    def save(self, name: str, recorded: Recorded) -> None:
        """An operation has come to its end, well or not."""
        self.resources[name] = recorded
        self.jobs.update(recorded.result.job_ids.values())
        self.requests.update(recorded.result.sent)


class PulumiUp:
    """One `pulumi up`, from its begin on. `over` once every resource is through."""

    def __init__(self, program: Program, state: State, process: Process, witness: Witness, timeout: float) -> None:
        self.program, self.state = program, state
        self.outcomes: list[ev.Outcome] = []
        self.errors: list[ApiError] = []
        self.failed = False
        self._process, self._witness, self._timeout = process, witness, timeout
        self._left = len(program)
        self._deleting = False
        witness.allowed = self._allowed()
        for name in program:
            self._begin(lambda name=name: self._resource(name))  # type: ignore[misc]
        if not program:
            self._deletes()

    @property
    def over(self) -> bool:
        return self._left == 0 and self._deleting

    def _allowed(self) -> dict[str, Power]:
        """What any resource may want of each phone: `on_delete` for those that no resource declares any more."""
        allowed: dict[str, Power] = {}
        for name, recorded in self.state.resources.items():
            declared = self.program.get(name, recorded.declared)
            if declared.release:
                allowed.update(dict.fromkeys(recorded.phones, declared.release))
        for declared in self.program.values():
            allowed.update(declared.phones)
        return allowed

    def _resource(self, name: str) -> None:
        """Check and diff; then create or update, if there is anything to do."""
        declared, recorded = self.program[name], self.state.resources.get(name)
        left = [i for i in recorded.phones if i not in declared.phones] if recorded else []
        self._process.expect()
        view = operation.prospect(cast(Any, self._process), PLACE, declared, left)
        same = recorded is not None and recorded.phones == declared.phones and recorded.declared == declared
        if same and not operation.drifted(declared, view):
            return
        leaving = self._unclaimed(left) if declared.release else []
        reached = self._bring(declared, leaving)
        kept = {o.phone_id: power for o in reached.failed if o.phone_id in leaving and (power := declared.release)}
        members = {**declared.phones, **kept}
        earlier = recorded.result if recorded else Result()
        self.state.save(name, Recorded(declared, members, operation.result(earlier, members, reached)))

    def _delete(self, name: str) -> None:
        recorded = self.state.resources[name]
        if recorded.declared.release:
            gone = replace(recorded.declared, phones={}, kept={})
            leaving = self._unclaimed(list(recorded.phones))
            operation.prospect(cast(Any, self._process), PLACE, gone, leaving)
            if self._bring(gone, leaving).failed:
                return
        del self.state.resources[name]

    def _bring(self, declared: Declared, leaving: list[str]) -> operation.Reached:
        say = self._witness.said
        session = cast(Any, self._process)
        reached = operation.bring(session, PLACE, declared, leaving, timeout=self._timeout, say=say)
        self.outcomes.extend(reached.outcomes.values())
        self.failed |= bool(reached.failed)
        for line in reached.lines:
            say("warning", line)
        return reached

    def _unclaimed(self, phone_ids: list[str]) -> list[str]:
        """Those of the phones that no resource declares."""
        if phone_ids:
            self._process.sleep(QUIET)
        claimed = {phone_id for declared in self.program.values() for phone_id in declared.phones}
        return [phone_id for phone_id in phone_ids if phone_id not in claimed]

    def _deletes(self) -> None:
        self._deleting = True
        if self.failed:
            return
        gone = [name for name in self.state.resources if name not in self.program]
        self._left += len(gone)
        for name in gone:
            self._begin(lambda name=name: self._delete(name))  # type: ignore[misc]

    def _begin(self, what: Callable[[], None]) -> None:
        def begun() -> None:
            try:
                what()
            except ApiError as error:
                self.errors.append(error)
                self.failed = True
            self._left -= 1
            if self._left == 0 and not self._deleting:
                self._deletes()

        self._process.begin_operation(begun)
