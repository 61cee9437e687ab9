"""What the dispatcher knows, and the moves of a phone from one phase to another.

The parts of the core share one `State`: it keeps a phone out of two places at once, tells its operations when it
is over, and collects the effects of a step. What an event means is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch import policy
from pulumi_cph.dispatch.batches import Batches
from pulumi_cph.dispatch.operations import Operation
from pulumi_cph.dispatch.polling import JobPolling
from pulumi_cph.dispatch.task import IDLE, Phase, Task
from pulumi_cph.dispatch.timers import Timers
from pulumi_cph.dispatch.watching import Watching


@dataclass(slots=True)
class Place:
    """What is waited for in one region and project."""

    polling: JobPolling = field(default_factory=JobPolling)
    watching: Watching = field(default_factory=Watching)
    jobs: dict[str, Task] = field(default_factory=dict)
    """The phones whose job runs, by job id."""
    listed_at: float = 0.0
    """When jobs were last listed, or began to be waited for."""
    pages: int = 1
    """Requests that a look at everything costs."""


@dataclass(slots=True)
class State:
    """Everything that outlives a step.

    Attributes:
        effects: what is to be done after this step.
        tasks: the phones that operations wait for, by place and phone id.
        changed: when we last changed a phone, for phones without a task: older sights say nothing.
        ready: operations that may have phones to begin, or are over.
        closed: why nothing is begun any more, once that is so.
    """

    batches: Batches
    now: float = 0.0
    effects: list[ev.Effect] = field(default_factory=list)
    timers: Timers = field(default_factory=Timers)
    operations: dict[int, Operation] = field(default_factory=dict)
    tasks: dict[tuple[str, str], Task] = field(default_factory=dict)
    changed: dict[tuple[str, str], float] = field(default_factory=dict)
    ready: dict[int, None] = field(default_factory=dict)
    closed: ev.Failure | None = None
    _places: dict[str, Place] = field(default_factory=dict)

    def place(self, name: str) -> Place:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = Place()
        return place

    def found(self, place: str, phone_ids: Iterable[str]) -> list[Task]:
        """Those of the phones that operations wait for."""
        tasks = (self.tasks.get((place, phone_id)) for phone_id in phone_ids)
        return [task for task in tasks if task]

    # --- moves

    def enter(self, task: Task, phase: Phase) -> None:
        """The phone leaves whatever it stands in, for another phase."""
        self._leave(task)
        task.phase, task.since = phase, self.now

    def watch(self, task: Task, phase: Phase, due: float, not_before: float | None = None) -> None:
        """Its own status is awaited: as seen from now on, or as seen after `not_before`."""
        self.enter(task, phase)
        task.not_before = self.now if not_before is None else not_before
        self.look_again(task, due)

    def watch_soon(self, task: Task, phase: Phase) -> None:
        """Its own status is awaited, which may take a moment to show."""
        self.watch(task, phase, self.now + policy.look_interval(0.0))

    def look_again(self, task: Task, due: float | None = None) -> None:
        """Look at the phone when it is `due`: by default, later the longer the phase lasts."""
        task.due = self.now + self._interval(task) if due is None else due
        self.place(task.place).watching.watch(task)
        self.arrange_look(task.place)

    def _interval(self, task: Task) -> float:
        if task.phase == "confirm" and self.place(task.place).polling:
            return self.company(task)
        return policy.look_interval(self.now - task.since)

    def company(self, task: Task) -> float:
        """How long a phone whose job has ended waits for others to be looked at with it, while jobs run."""
        last = any(self.operations[number].left == 1 for number in task.ops)
        place = self.place(task.place)
        return policy.company_interval(self.now - task.posted_at, min(place.pages, place.watching.awaited), last=last)

    def arrange_look(self, place: str) -> None:
        """Wake up when it is time for the next look at a place."""
        self.timers.set(("look", place), self.place(place).watching.next_at, lambda: self._look(place))

    def _look(self, place: str) -> None:
        needs = self.place(place).watching.look(self.now)
        if needs:
            self.effects.append(ev.Look(place, needs))
        else:
            self.arrange_look(place)

    def _leave(self, task: Task) -> None:
        place = self.place(task.place)
        place.watching.drop(task)
        self.batches.drop(task)
        if task.job_id and place.jobs.get(task.job_id) is task:
            del place.jobs[task.job_id]
            place.polling.drop(task.job_id)

    # --- ends

    def finish(self, task: Task, failure: ev.Failure | None = None) -> None:
        """The phone is where it should be, or will not get there."""
        self._forget(task)
        outcome = task.outcome(failure)
        for number in task.ops:
            self.operations[number].landed(outcome, changed=task.tries > 0)
            self.ready[number] = None
        for number in task.next:
            self.operations[number].put_back(task.phone_id)
            self.ready[number] = None

    def part(self, op: Operation, phone_id: str) -> None:
        """An operation that is ending waits for this phone no longer."""
        number = op.order.op
        task = self.tasks.get((op.order.place, phone_id))
        if task and number in task.ops:
            op.record(task.outcome(op.ending))
            task.ops.remove(number)
        else:
            op.record(ev.Outcome(phone_id, failure=op.ending))
        if task and number in task.next:
            task.next.remove(number)
        if task:
            self.drop_unwanted(task)
        self.ready[number] = None

    def drop_unwanted(self, task: Task) -> None:
        """If nobody waits any more for the phone to be in this power state, it is left alone, or it is the other
        power state's turn."""
        if task.ops or task.phase == "posting":
            # What a request that is under way does to the phone must be known before another is sent.
            return
        if not task.next:
            # Of a request whose outcome is unknown the phone may tell nothing for a while yet.
            self._forget(task, policy.LOST_PATIENCE if task.phase == "verify" else 0.0)
        elif task.phase in IDLE:
            self.finish(task)

    def _forget(self, task: Task, patience: float = 0.0) -> None:
        self._leave(task)
        del self.tasks[task.key]
        if task.tries:
            self.changed[task.key] = self.now + patience
