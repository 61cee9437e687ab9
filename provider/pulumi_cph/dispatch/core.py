"""The dispatcher's decisions: (state, now, event) -> effects. Pure but for updating its own state in place.

No threads, no I/O, no clock: `now` is an argument, and `wake_at` tells when the next timer is due. The same
function serves the process (`shell` performs the effects) and the tests (which perform them on a stepped clock).
This module says what the events mean for operations and what a look means for a phone; `posts` and `jobs` say
what answers mean, and `state` keeps what they all know.
"""

from __future__ import annotations

from collections.abc import Callable

from pulumi_cph.api.errors import AuthenticationError
from pulumi_cph.dispatch import answers, policy
from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.batches import Batches
from pulumi_cph.dispatch.jobs import Jobs
from pulumi_cph.dispatch.operations import Operation
from pulumi_cph.dispatch.posts import Posts
from pulumi_cph.dispatch.state import State
from pulumi_cph.dispatch.task import WATCHED, Task
from pulumi_cph.observe import Sight
from pulumi_cph.plan import decide, in_turn
from pulumi_cph.status import RESTART_FAILED, RESTARTING, STOP_FAILED, STOPPING


class Core:
    """The state of a dispatcher, and `step`.

    Args:
        batch_size: phones in one request at most; what a place's service teaches (CPS.0190) lowers it.
        random: jitter for repeated requests, in 0..1.
    """

    def __init__(self, *, batch_size: int, random: Callable[[], float]) -> None:
        self._state = State(Batches(batch_size))
        self._jobs = Jobs(self._state)
        self._posts = Posts(self._state, self._jobs, random)

    @property
    def wake_at(self) -> float:
        """When the next timer is due; infinity when nothing is waited for."""
        return self._state.timers.next_at

    def step(self, now: float, event: ev.Event) -> list[ev.Effect]:
        """What is to be done now that `event` has happened, timers that are due included."""
        state = self._state
        state.now, state.effects = max(now, state.now), []
        self._happened(event)
        # A loop, so that thousands of phones that are there already need no thousands of nested calls.
        while state.ready or state.timers.next_at <= state.now:
            if act := state.timers.take(state.now):
                act()
            else:
                self._proceed(state.operations[state.ready.popitem()[0]])
        return state.effects

    def _happened(self, event: ev.Event) -> None:
        error = None if isinstance(event, ev.Submitted | ev.MoreToCome | ev.TimePassed | ev.Ended) else event.error
        if isinstance(error, AuthenticationError):
            self._close(answers.failure_of(error))
        match event:
            case ev.Submitted():
                self._submitted(event.order)
            case ev.MoreToCome():
                self._state.batches.expect(now=self._state.now)
            case ev.Looked():
                self._looked(event)
            case ev.Posted():
                self._posts.posted(event)
            case ev.JobsListed():
                self._jobs.listed(event)
            case ev.JobShown():
                self._jobs.shown(event)
            case ev.Ended():
                self._close(ev.Failure("interrupted", "interrupted", event.reason))
            case ev.TimePassed():
                pass

    # --- operations

    def _submitted(self, order: ev.Order) -> None:
        state = self._state
        op = state.operations[order.op] = Operation(order)
        state.ready[order.op] = None
        state.place(order.place).pages = order.pages
        state.batches.begun()
        if state.closed:
            self._end(op, state.closed)
            return
        state.timers.set(("deadline", order.op), order.deadline, lambda: self._deadline(op))
        if len(order.wishes) > 1:
            # How far a single phone is, the engine shows itself.
            state.timers.set(("progress", order.op), state.now + policy.PROGRESS, lambda: self._progress(op))
        to_do = []
        for phone_id in order.wishes:
            if self._needs_nothing(order, phone_id):
                op.began()
                self._begin(op, phone_id)
            else:
                to_do.append(phone_id)
        servers = {phone_id: sight.server_id for phone_id, sight in order.seen.items()}
        phones = to_do if order.max_in_flight is None else in_turn(to_do, servers)
        op.backlog.extend(sorted(phones, key=lambda phone_id: _turn(order, phone_id)))

    def _needs_nothing(self, order: ev.Order, phone_id: str) -> bool:
        """Whether it is over for the phone as soon as it is begun, so that it need not wait for its turn."""
        sight = self._usable(order, phone_id)
        if sight is None or (order.place, phone_id) in self._state.tasks:
            return False
        return decide(order.wishes[phone_id], sight.status).action in ("already", "refuse")

    def _proceed(self, op: Operation) -> None:
        """Begin what may be begun; an operation with nothing left is over."""
        for phone_id in op.launch():
            self._begin(op, phone_id)
        if op.over:
            number = op.order.op
            del self._state.operations[number]
            self._state.ready.pop(number, None)
            for alarm in ("deadline", "progress", "end"):
                self._state.timers.drop((alarm, number))
            self._state.effects.append(ev.Finish(number, op.outcomes))

    def _begin(self, op: Operation, phone_id: str) -> None:
        order, state = op.order, self._state
        power, key = order.wishes[phone_id], (order.place, phone_id)
        task, sight = state.tasks.get(key), self._usable(order, phone_id)
        if task is None:
            task = state.tasks[key] = Task(order.place, phone_id, power, [order.op])
            if sight:
                self._seen(task, sight)
            else:
                usable_from = self._usable_from(key)
                due = max(state.now + policy.GATHER_QUIET, usable_from)
                state.watch(task, "look", due, not_before=usable_from)
        elif task.power != power:
            task.next.append(order.op)
        else:
            task.ops.append(order.op)
            if sight and task.phase in ("look", "queued") and (not task.sight or sight.at > task.sight.at):
                self._seen(task, sight)

    def _usable(self, order: ev.Order, phone_id: str) -> Sight | None:
        """How the phone was last seen, unless that is too long ago, or before our own last change to it."""
        sight = order.seen.get(phone_id)
        return sight if sight and sight.at >= self._usable_from((order.place, phone_id)) else None

    def _usable_from(self, key: tuple[str, str]) -> float:
        return max(self._state.now - policy.FRESH_TO_QUEUE, self._state.changed.get(key, float("-inf")))

    def _progress(self, op: Operation) -> None:
        state, key = self._state, ("progress", op.order.op)
        state.effects.append(op.progress)
        state.timers.set(key, state.now + policy.PROGRESS, lambda: self._progress(op))

    def _deadline(self, op: Operation) -> None:
        self._end(op, ev.Failure("timeout", "timeout", "the time to wait is over; it was not there yet"))

    def _close(self, failure: ev.Failure) -> None:
        """Nothing is sent any more, and every wait comes to its end."""
        self._state.closed = failure
        for op in self._state.operations.values():
            self._end(op, failure)

    def _end(self, op: Operation, failure: ev.Failure, *, at_once: bool = False) -> None:
        """End an operation's wait; unless `at_once`, stay a moment for the answers of requests under way, as they
        bring job ids that nothing else knows."""
        state, number = self._state, op.order.op
        op.ending = failure
        op.backlog.clear()
        for phone_id in op.unfinished():
            task = state.tasks.get((op.order.place, phone_id))
            if at_once or not (task and task.phase == "posting" and number in task.ops):
                state.part(op, phone_id)
        if not op.over:
            later = state.now + policy.CLOSING
            state.timers.set(("end", number), later, lambda: self._end(op, failure, at_once=True))
        state.ready[number] = None

    # --- looks

    def _looked(self, event: ev.Looked) -> None:
        place, error = event.look.place, event.error
        for phone_id, sight in event.sights.items():
            task = self._state.tasks.get((place, phone_id))
            if task and task.phase != "posting" and sight.at >= _newest(task):
                self._seen(task, sight)
        for task in self._state.place(place).watching.looked():
            if error is not None and task.phase in ("look", "retry"):
                self._state.finish(task, answers.failure_of(error))
            else:
                # What was begun is waited for; the client has already tried several times.
                self._state.look_again(task)
        self._state.arrange_look(place)

    def _seen(self, task: Task, sight: Sight) -> None:
        verdict = task.judged(sight, self._state.now)
        if isinstance(verdict, ev.Failure):
            self._state.finish(task, verdict)
        elif verdict == "done" or (verdict == "send" and not task.ops):
            self._state.finish(task)
        elif verdict == "send":
            self._posts.enqueue(task)
        elif verdict != "keep" and verdict != task.phase:
            self._state.watch_soon(task, verdict)
        elif task.phase in WATCHED:
            self._state.look_again(task)
        elif task.phase == "job" and decide(task.power, sight.status).action == "already":
            self._jobs.suspect(task)


def _turn(order: ev.Order, phone_id: str) -> int:
    """When a phone is begun: those that are being changed already hold their place of the bound first. Those whose last
    change failed come late, so that the same ones do not hold back all others at every try, and those that are only
    waited for come last: they may never settle."""
    sight = order.seen.get(phone_id)
    if sight is None:
        return 1
    action = decide(order.wishes[phone_id], sight.status).action
    if action == "join" and sight.status in (STOPPING, RESTARTING):
        return 0
    if action in ("join", "wait"):
        return 3
    return 2 if sight.status in (STOP_FAILED, RESTART_FAILED) else 1


def _newest(task: Task) -> float:
    """The time from which on a sight says something new about the phone."""
    return max(task.not_before, task.sight.at) if task.sight else task.not_before
