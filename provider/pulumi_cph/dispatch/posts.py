"""Sending requests: from the phones that need one to what its answer means for each."""

from __future__ import annotations

from collections.abc import Callable

from pulumi_cph.api.errors import ApiError
from pulumi_cph.api.models import BatchAnswer
from pulumi_cph.dispatch import answers, policy
from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.batches import Kind
from pulumi_cph.dispatch.jobs import Jobs
from pulumi_cph.dispatch.state import State
from pulumi_cph.dispatch.task import Task


class Posts:
    """The requests that change phones. A phone that was accepted is handed over to `jobs`."""

    def __init__(self, state: State, jobs: Jobs, random: Callable[[], float]) -> None:
        self._state = state
        self._jobs = jobs
        self._random = random
        self._sent = 0

    def enqueue(self, task: Task) -> None:
        """The phone needs a request, as `task.sight` shows."""
        if task.phase == "queued":
            return
        if task.tries >= policy.TRIES:
            message = f"{task.tries} requests had no effect on it"
            self._state.finish(task, ev.Failure("failed", "no-effect", message, task.request_id))
            return
        self._state.enter(task, "queued")
        self._state.batches.add(task, self._state.now)
        self._flush(task.kind)

    def _flush(self, kind: Kind) -> None:
        due = self._state.batches.due(kind)
        if due <= self._state.now:
            for tasks in self._state.batches.take(kind):
                self._send(kind, tasks)
        else:
            self._state.timers.set(("flush", kind), due, lambda: self._flush(kind))

    def _send(self, kind: Kind, tasks: list[Task]) -> None:
        self._sent += 1
        seen_at = self._state.now
        for task in tasks:
            if task.sight:
                task.before, seen_at = task.sight.status, min(seen_at, task.sight.at)
            self._state.enter(task, "posting")
        phone_ids = tuple(task.phone_id for task in tasks)
        # When everybody's time is over, nobody would hear of the jobs.
        deadlines = [self._state.operations[number].order.deadline for task in tasks for number in task.ops]
        not_after = min(seen_at + policy.FRESH, max(deadlines, default=self._state.now))
        self._state.effects.append(ev.Post(*kind, phone_ids, not_after, self._sent))

    def posted(self, event: ev.Posted) -> None:
        """The answer to a request is here, or it has failed, or it did not leave in time."""
        post, state = event.post, self._state
        if event.answer is not None:
            self._answered(post, event.answer)
        for task in state.found(post.place, post.phone_ids):
            for op in [state.operations[number] for number in task.ops]:
                if op.ending:
                    # It stayed for this answer alone.
                    state.part(op, task.phone_id)
        waiting = self._waiting(post)
        if event.error is not None:
            self._refused(post, event.error, waiting)
        else:
            for task in waiting:
                state.watch(task, "look", state.now)
        for task in state.found(post.place, post.phone_ids):
            state.drop_unwanted(task)

    def _waiting(self, post: ev.Post) -> list[Task]:
        """The phones of the request whose fate is open."""
        return [task for task in self._state.found(post.place, post.phone_ids) if task.phase == "posting"]

    def _answered(self, post: ev.Post, answer: BatchAnswer) -> None:
        entries, tasks = answers.one_each(answer), self._waiting(post)
        started = [phone_id for phone_id in post.phone_ids if (e := entries.get(phone_id)) and e.job_id]
        if started:
            ops = tuple(sorted({number for task in tasks for number in task.ops}))
            accepted = ev.Accepted(post.place, post.verb, answer.request_id, len(started), ops)
            self._state.effects.append(accepted)
        jitter = self._random()
        begun = []
        for task in tasks:
            task.tries, task.posted_at = task.tries + 1, self._state.now
            entry = entries.get(task.phone_id)
            if entry and entry.job_id:
                task.job_id, task.request_id, task.job_ended = entry.job_id, answer.request_id, False
                begun.append(task)
            elif entry and entry.error_code:
                failure = answers.failure_of_entry(entry, answer.request_id)
                self._again(task, answers.meaning_of_entry(entry), failure, None, jitter)
            else:
                # Not a word about this phone: only its own status can tell.
                self._state.watch_soon(task, "verify")
        self._jobs.wait_for(post.place, answer.request_id, begun)

    def _refused(self, post: ev.Post, error: ApiError, tasks: list[Task]) -> None:
        """The whole request failed."""
        meaning = answers.meaning_of(error, len(post.phone_ids))
        if answers.too_many(error):
            self._state.batches.refused(post.place, len(post.phone_ids))
        if meaning == "divide":
            wanted = [task for task in tasks if task.ops]
            for task in tasks:
                if not task.ops:
                    self._state.finish(task)
            for part in self._state.batches.halves(wanted):
                self._send((post.place, post.verb), part)
            return
        jitter = self._random()
        for task in tasks:
            task.tries += 1
            if meaning == "unknown":
                self._state.watch_soon(task, "verify")
            else:
                self._again(task, meaning, answers.failure_of(error), error.retry_after, jitter)

    def _again(
        self, task: Task, meaning: answers.Meaning, failure: ev.Failure, wish: float | None, jitter: float
    ) -> None:
        """Try again after a while, and after a look, if that can help and has not been done often enough."""
        now = self._state.now
        first = task.first_refusal = now if task.first_refusal is None else task.first_refusal
        delay = policy.backoff(task.tries, jitter, wish, slow=meaning == "again_slowly")
        spent = task.tries >= policy.TRIES or now + delay > first + policy.TRYING
        if spent or meaning == "give_up":
            self._state.finish(task, failure)
        else:
            self._state.watch(task, "retry", now + delay, not_before=now + delay)
