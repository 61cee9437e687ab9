"""Performs one effect that asks the service for something, and tells what came of it. No threads, no opinions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from pulumi_cph.api.client import Client
from pulumi_cph.api.errors import ApiError, Interrupted
from pulumi_cph.dispatch import events as ev
from pulumi_cph.observe import Observer


class TooLate(Interrupted):
    """Not sent: the look behind the request has become too old."""


class Performer:
    """Turns effects into calls, and their answers into events. Safe to use from many threads.

    Args:
        client: the client for a place, by its key.
        observer: the observer of a place, by its key.
        clock: the dispatcher's monotonic clock.
        alive: asked when a batch request is about to leave; it does not leave once the answer is False.
    """

    def __init__(
        self,
        *,
        client: Callable[[str], Client],
        observer: Callable[[str], Observer],
        clock: Callable[[], float],
        alive: Callable[[], bool],
    ) -> None:
        self._client = client
        self._observer = observer
        self._clock = clock
        self._alive = alive
        self._leaving: Final = threading.local()

    def perform(self, effect: ev.Request) -> ev.Event:
        """Make the call that `effect` asks for."""
        match effect:
            case ev.Post():
                return self._post(effect)
            case ev.Look():
                return self._look(effect)
            case ev.ListJobs():
                return self._list(effect)
            case ev.ShowJob():
                return self._show(effect)

    def pages(self, place: str) -> int:
        """Requests that a look at everything in the place costs."""
        return self._observer(place).pages

    def checkpoint(self) -> None:
        """Called in the thread of any request when it is about to leave; says no to batch requests that must not.

        Raises:
            TooLate: the look behind it has become too old.
            Interrupted: nobody is there any more to hear of it.
        """
        not_after = getattr(self._leaving, "not_after", None)
        if not_after is None:
            return
        if self._clock() > not_after:
            raise TooLate
        if not self._alive():
            raise Interrupted

    def _post(self, post: ev.Post) -> ev.Event:
        client, observer = self._client(post.place), self._observer(post.place)
        send = client.stop_phones if post.verb == "stop" else client.restart_phones
        self._leaving.not_after = post.not_after
        try:
            return ev.Posted(post, send(post.phone_ids))
        except TooLate:
            return ev.Posted(post, None)
        except ApiError as error:
            return ev.Posted(post, None, error)
        finally:
            self._leaving.not_after = None
            observer.touched(post.phone_ids)

    def _look(self, look: ev.Look) -> ev.Event:
        observer = self._observer(look.place)
        try:
            return ev.Looked(look, observer.look(look.needs))
        except ApiError as error:
            # One phone that cannot be read shall not hold up the others.
            return ev.Looked(look, observer.known(look.needs), error)

    def _list(self, poll: ev.ListJobs) -> ev.Event:
        try:
            return ev.JobsListed(poll, self._client(poll.place).list_jobs(poll.request_ids))
        except ApiError as error:
            return ev.JobsListed(poll, None, error)

    def _show(self, poll: ev.ShowJob) -> ev.Event:
        try:
            return ev.JobShown(poll, self._client(poll.place).show_job(poll.job_id))
        except ApiError as error:
            return ev.JobShown(poll, None, error)
