"""The dispatcher's loop and threads, in real time: bounds are lower ones only, which no slow machine breaks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast

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


def test_the_first_of_two_operations_waits_for_the_other_that_was_declared() -> None:
    client = Client(fleet(1, seconds=lambda _: 0.0))
    observer = Observer(cast(Any, client), clock=time.monotonic)
    performer = Performer(
        client=lambda _: cast(Any, client), observer=lambda _: observer, clock=time.monotonic, alive=lambda: True
    )
    dispatcher = Dispatcher(performer, batch_size=100, threads=2, listener=lambda _: None)
    seen = observer.look(dict.fromkeys(ids(1), time.monotonic()))
    began = time.monotonic()
    for _ in range(2):
        dispatcher.expect()
    outcomes = dispatcher.submit(PLACE, wishes(ids(1)), seen=seen, timeout=60.0, listener=lambda _: None)

    assert outcomes[ids(1)[0]].job_id
    assert client.posted_at - began >= 0.25
