"""The dispatcher's loop and threads, in real time: bounds are lower ones only, which no slow machine breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, cast

import pytest

from pulumi_cph.api.models import BatchAnswer
from pulumi_cph.dispatch.perform import Performer
from pulumi_cph.dispatch.shell import Dispatcher
from pulumi_cph.observe import Observer
from tests.unit.dispatch.driver import PLACE, TinyCloud, fleet, ids, wishes


class Client:
    """A client of a cloud of a few lines, which moves on with real time."""

    def __init__(self, cloud: TinyCloud) -> None:
        self._cloud = cloud
        self.posted_at = 0.0

    def __getattr__(self, name: str) -> Any:
        self._cloud.now = time.monotonic()
        return getattr(self._cloud, name)

    def stop_phones(self, phone_ids: Sequence[str]) -> BatchAnswer:
        self.posted_at = self._cloud.now = time.monotonic()
        return self._cloud.post("stop", phone_ids)


def dispatcher_of(client: Client, **options: int) -> tuple[Dispatcher, Observer]:
    observer = Observer(cast(Any, client), clock=time.monotonic)
    performer = Performer(
        client=lambda _: cast(Any, client), observer=lambda _: observer, clock=time.monotonic, alive=lambda: True
    )
    return Dispatcher(performer, **{"batch_size": 100, "threads": 2, **options}, listener=lambda _: None), observer


def test_the_first_of_two_operations_waits_for_the_other_that_was_declared() -> None:
    client = Client(fleet(1, seconds=lambda _: 0.0))
    dispatcher, observer = dispatcher_of(client)
    seen = observer.look(dict.fromkeys(ids(1), time.monotonic()))
    began = time.monotonic()
    for _ in range(2):
        dispatcher.expect()
    outcomes = dispatcher.submit(PLACE, wishes(ids(1)), seen=seen, timeout=60.0, listener=lambda _: None)

    assert outcomes[ids(1)[0]].job_id
    assert client.posted_at - began >= 0.25


def test_what_was_accepted_is_told_before_the_requests_behind_it_are_through() -> None:
    told = threading.Event()

    class Patient(Client):
        def stop_phones(self, phone_ids: Sequence[str]) -> BatchAnswer:
            if ids(1)[0] not in phone_ids:
                assert told.wait(10.0), "the first request's line waits for the second request"
            return super().stop_phones(phone_ids)

    dispatcher, observer = dispatcher_of(Patient(fleet(2, seconds=lambda _: 0.0)), batch_size=1, threads=1)
    seen = observer.look(dict.fromkeys(ids(2), time.monotonic()))
    outcomes = dispatcher.submit(PLACE, wishes(ids(2)), seen=seen, timeout=60.0, listener=lambda _: told.set())

    assert [outcome.failure for outcome in outcomes.values()] == [None, None]


def test_nobody_waits_for_a_loop_that_broke_not_even_who_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    dispatcher, _ = dispatcher_of(Client(fleet(1)))

    def broken(*_: object) -> list[object]:
        raise KeyError("a defect")

    monkeypatch.setattr("pulumi_cph.dispatch.core.Core.step", broken)
    raised: list[str] = []

    def submit() -> None:
        for _ in range(2):
            with pytest.raises(KeyError) as error:
                dispatcher.submit(PLACE, wishes(ids(1)), seen={}, timeout=60.0, listener=lambda _: None)
            raised.append(str(error.value))

    waiting = threading.Thread(target=submit, daemon=True)
    waiting.start()
    waiting.join(10.0)
    assert raised == ["'a defect'"] * 2
