"""Waiting for jobs: from the accepted phones to the end of each job, or to not knowing it."""

from __future__ import annotations

from collections.abc import Iterable

from pulumi_cph.api.models import JOB_FAILED, JOB_SUCCEEDED, Job
from pulumi_cph.dispatch import answers, policy
from pulumi_cph.dispatch import events as ev
from pulumi_cph.dispatch.polling import Asked
from pulumi_cph.dispatch.state import State
from pulumi_cph.dispatch.task import Task


class Jobs:
    """What the listings of jobs mean for the phones that have one."""

    def __init__(self, state: State) -> None:
        self._state = state

    def wait_for(self, name: str, request_id: str | None, tasks: Iterable[Task]) -> None:
        """A request started these phones' jobs."""
        state, place = self._state, self._state.place(name)
        if not place.polling:
            place.listed_at = state.now
        for task in tasks:
            if not request_id or not task.job_id or task.job_id in place.jobs:
                # A job that cannot be listed, or that is another phone's too.
                state.watch_soon(task, "confirm")
                continue
            state.enter(task, "job")
            task.not_before = state.now
            place.jobs[task.job_id] = task
            place.polling.add(request_id, [task.job_id], state.now)
            place.watching.follow(task, state.now)
        state.arrange_look(name)
        self._arrange_tick(name)

    def listed(self, event: ev.JobsListed) -> None:
        """The listing of some requests' jobs is here, or has failed."""
        name, asked, error = event.poll.place, event.poll.request_ids, event.error
        place, now = self._state.place(name), self._state.now
        empty = error is not None and len(asked) == 1 and answers.jobs_unknown(error)
        if error is None or empty:
            place.listed_at = now
        else:
            if answers.jobs_hidden(error) or now - place.listed_at > policy.LISTING_GRACE:
                self._unknown(name, list(place.jobs))
            self._ask(name, place.polling.failed(asked, now, doubtful=answers.may_be_about_one(error)))
            return
        answer = place.polling.listed(asked, event.jobs or (), now)
        self._ended(name, answer.ended)
        self._state.effects.extend(ev.ShowJob(name, job_id) for job_id in answer.absent)
        self._ask(name, answer.next)

    def shown(self, event: ev.JobShown) -> None:
        """The answer about a single job is here, or has failed."""
        name, job_id, error = event.poll.place, event.poll.job_id, event.error
        self._state.place(name).polling.shown(job_id)
        if error is not None and (answers.jobs_unknown(error) or answers.jobs_hidden(error)):
            self._unknown(name, [job_id])
        elif event.job is not None and event.job.status in (JOB_FAILED, JOB_SUCCEEDED):
            self._ended(name, [event.job])

    def suspect(self, task: Task) -> None:
        """The phone is where its job was to bring it, but the job is not known to have ended."""
        if task.job_id:
            self._state.place(task.place).polling.suspect(task.job_id)

    def _arrange_tick(self, name: str) -> None:
        polling, now = self._state.place(name).polling, self._state.now
        if polling:
            self._state.timers.set(("tick", name), now + polling.interval(now), lambda: self._tick(name))

    def _tick(self, name: str) -> None:
        self._ask(name, self._state.place(name).polling.tick(self._state.now))
        self._arrange_tick(name)

    def _ask(self, name: str, listings: Iterable[Asked]) -> None:
        self._state.effects.extend(ev.ListJobs(name, asked) for asked in listings)

    def _unknown(self, name: str, job_ids: list[str]) -> None:
        """Of these jobs nothing can be learnt: the phones' own status decides."""
        for job_id in job_ids:
            if task := self._state.place(name).jobs.get(job_id):
                self._state.watch(task, "confirm", self._state.now)

    def _ended(self, name: str, jobs: Iterable[Job]) -> None:
        state, place = self._state, self._state.place(name)
        for job in jobs:
            task = place.jobs.get(job.job_id)
            if task is not None and job.status == JOB_SUCCEEDED:
                task.job_ended = True
                # One look for many: while other jobs of the place run, a phone waits a while for company.
                wait = state.company(task) if place.polling else 0.0
                state.watch(task, "confirm", state.now + wait)
            elif task is not None:
                code, message = job.error_code or "job-failed", job.error_message or "the job failed"
                state.finish(task, ev.Failure("failed", code, message, task.request_id))
        if not place.polling:
            place.watching.hasten(state.now)
            state.arrange_look(name)
