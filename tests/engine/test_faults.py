"""Chosen faults under the real engine: each row of the table has a cloud of its own, and many share one `up`.

Asserted of every row: what the first `up` says, sends and records, and that the next one, with the weather fine
again, does what is left and nothing else. Never, and `Stack` looks after that: a traceback, a secret in any file or
line, a request for a phone that is on its way or runs already, a preview that is not empty in the end.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pulumi_cph.simulator.rules import PhoneStatus
from tests.engine.fault_rows import Row, Way
from tests.engine.fault_table import TABLE
from tests.engine.harness import Post, Process, Stack
from tests.engine.simulated import ACCESS_KEY, PROJECT_ID, SECRET_KEY, Simulated, simulated

SHARING: dict[Way, int] = {"well": 17, "badly": 10, "long": 10, "unseen": 10}
"""Rows in one `up` at most; every second one of those that end soon is with `refresh: always`."""

TOGETHER = ("--continue-on-error", "--parallel", "64")
"""Rows do not keep each other from being tried."""

_ORDINARY = {"stopped": PhoneStatus.RUNNING, "running": PhoneStatus.STOPPED}
_REACHED = {"stopped": PhoneStatus.STOPPED, "running": PhoneStatus.RUNNING}


@dataclass(frozen=True)
class Seen:
    """What came of a row: the first `up` and the next."""

    first: Run
    next: Run
    status: dict[str, int | None]
    """The phones' real status in the end."""


@dataclass(frozen=True)
class Run:
    """One `up`, as far as it is about one row."""

    said: str
    posts: list[Post]
    accepted: Counter[str]
    resource: dict[str, Any]
    jobs: dict[str, str]
    """The latest job of each phone, as the cloud knows it."""
    times: list[float]
    """When each request of `posts` arrived."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as elsewhere:
        yield elsewhere
        assert elsewhere.requests == [], "a redirect was followed"


@pytest.fixture(scope="module")
def seen(elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What came of a row, by its number; rows that end alike are tried together when the first is asked for."""

    @lru_cache
    def together(numbers: tuple[int, ...]) -> dict[int, Seen] | AssertionError:
        try:
            return _tried(numbers, elsewhere, tmp_path_factory.mktemp("rows"))
        except AssertionError as error:
            return error

    def seen(number: int) -> Seen:
        [group] = [group for group in _groups(TABLE[number].way) if number in group]
        tried = together(group)
        if isinstance(tried, AssertionError):
            raise AssertionError(f"the rows that were tried together did not end as they must: {tried}")
        return tried[number]

    return seen


@pytest.mark.parametrize("number", range(len(TABLE)), ids=[f"{n:02} {row.name}" for n, row in enumerate(TABLE)])
def test_what_must_hold(number: int, seen: Any) -> None:
    row, first, after = TABLE[number], seen(number).first, seen(number).next
    fleet = FLEETS[number]

    # What the first up said and sent.
    text = re.sub(r"[0-9a-f]{32}", lambda id_: f"{{{fleet.index(id_[0])}}}" if id_[0] in fleet else id_[0], first.said)
    for words in row.says:
        assert words in text, text
    assert ("error: " in first.said) == bool(row.fails and not row.warned), first.said
    sizes = [len(phones) for _, phones in first.posts]
    if row.sent is not None:
        assert sorted(sizes) == sorted(row.sent)
    assert max(sizes, default=0) <= row.each_at_most
    assert {call for call, _ in first.posts} <= {row.call}
    assert not first.accepted or max(first.accepted.values()) == 1, "a phone was asked for twice"
    assert not first.times or first.times[-1] - first.times[0] <= 60
    if row.pause:
        assert first.times[1] - first.times[0] >= row.pause

    # What it recorded.
    if row.way == "unseen":
        assert first.resource == {}
    else:
        outputs = first.resource["outputs"]
        failed = {fleet[n]: status for n, status in row.fails.items()}
        expected = {**dict.fromkeys(fleet, row.power), **failed}
        if row.whichever:
            assert Counter(outputs["statuses"].values()) == Counter(expected.values())
        else:
            assert outputs["statuses"] == expected
        assert set(outputs["failures"]) == set(failed)
        assert outputs["job_ids"] == ({} if row.jobs_unknown else first.jobs)
        assert bool(first.resource.get("initErrors")) == bool(failed and not row.warned)

    # The next up.
    assert sorted(i for _, phones in after.posts for i in phones) == sorted(fleet[n] for n in row.unfinished)
    outputs = after.resource["outputs"]
    assert outputs["statuses"] == dict.fromkeys(fleet, row.power)
    assert outputs["failures"] == {}
    assert outputs["job_ids"] == ({} if row.jobs_unknown else after.jobs)
    assert seen(number).status == dict.fromkeys(fleet, _REACHED[row.power])


FLEETS: dict[int, list[str]] = {}
"""The phones of each row that was tried."""


def _groups(way: Way) -> list[tuple[int, ...]]:
    """The rows that end like this, in groups that share an `up`."""
    alike = [number for number, row in enumerate(TABLE) if row.way == way]
    groups = -(-len(alike) // SHARING[way])
    return [tuple(alike[at::groups]) for at in range(groups)]


def _tried(numbers: tuple[int, ...], elsewhere: Elsewhere, folder: Path) -> dict[int, Seen]:
    """Both `up`s of some rows."""
    with ExitStack() as open_clouds:
        clouds: dict[int, Simulated] = {}
        for number in numbers:
            clouds[number] = cloud = open_clouds.enter_context(_cloud(number))
            cloud.elsewhere, FLEETS[number] = elsewhere.address, cloud.fleet
            for act in TABLE[number].acts:
                act(cloud)
        stack = _stack(clouds, folder)
        way = TABLE[numbers[0]].way
        stack.refresh_always = way in ("well", "badly") and _groups(way).index(numbers) % 2 == 1
        # A check that fails ends the program, so that of the rows behind it nothing would be heard.
        shares = [(number,) for number in numbers] if way == "unseen" else [numbers]
        first = {}
        for share in shares:
            stack.program = "".join(_declared(number, clouds[number]) for number in share)
            first.update(_up(stack, {number: clouds[number] for number in share}, well=way == "well"))
        for number, cloud in clouds.items():
            _mend(TABLE[number], cloud)
        stack.program = "".join(_declared(number, cloud) for number, cloud in clouds.items())
        after = _up(stack, clouds, well=True)
        return {n: Seen(first[n], after[n], {i: c.status(i) for i in c.fleet}) for n, c in clouds.items()}


def _cloud(number: int) -> AbstractContextManager[Simulated]:
    row = TABLE[number]
    return simulated(
        row.phones + row.others,
        fleet=row.phones,
        region=f"fault-{number}",
        running=float(row.power == "stopped"),
        seed=number,
        **row.options,
    )


def _declared(number: int, cloud: Simulated) -> str:
    row = TABLE[number]
    project = "" if row.project else f"project_id='{PROJECT_ID}', "
    return (
        f"cph.FleetPower('row-{number}', region='{cloud.region}', {project}phone_ids={cloud.fleet}, "
        f"power_state='{row.power}', {row.fleet})\n"
    )


def _stack(clouds: dict[int, Simulated], folder: Path) -> Stack:
    env = {"HW_ACCESS_KEY": ACCESS_KEY, "HW_SECRET_KEY": SECRET_KEY}
    env |= {f"HUAWEICLOUD_SDK_REGION_CPH_FAULT_{number}": cloud.endpoint for number, cloud in clouds.items()}
    config = {"cph:region": "nowhere"}
    for number, cloud in clouds.items():
        if TABLE[number].project:
            assert "cph:iamEndpoint" not in config, "only one row of an `up` can have its project looked up"
            config |= {"cph:region": cloud.region, "cph:iamEndpoint": cloud.endpoint}
    first, *others = clouds.values()
    return Stack(folder / "stack", first, "", config=config, env=env, others=others)


def _up(stack: Stack, clouds: dict[int, Simulated], *, well: bool) -> dict[int, Run]:
    before = {number: (len(cloud.posts), len(cloud.requests)) for number, cloud in clouds.items()}
    middles = {number: middle for number in clouds if (middle := TABLE[number].middle) and not before[number][1]}

    def meanwhile(process: Process) -> None:
        while middles and process.poll() is None:
            for number in [number for number in middles if clouds[number].requests]:
                middles.pop(number)(clouds[number])
            time.sleep(0.02)

    result = stack.up(*TOGETHER, rc=0 if well else 1, meanwhile=meanwhile)
    runs = {}
    for number, cloud in clouds.items():
        posts, requests = before[number]
        arrived = [entry.time for entry in cloud.log if entry.call in ("batch-stop", "batch-restart")]
        runs[number] = Run(
            _said(result.text, f"row-{number}"),
            cloud.posts[posts:],
            Counter(phone_id for request in cloud.requests[requests:] for phone_id in request.accepted),
            stack.resources.get(f"row-{number}", {}),
            cloud.jobs,
            arrived[posts:],
        )
    return runs


def _said(text: str, name: str) -> str:
    """The engine's lines about a resource."""
    block = re.search(rf"^  \S+ \({name}\):\n((?:    .*\n|\s*\n)*)", text.partition("Diagnostics:\n")[2], re.MULTILINE)
    return block[1] if block else ""


def _mend(row: Row, cloud: Simulated) -> None:
    """Fine weather; phones that failed are where somebody can go on, and those that need nothing have arrived."""
    cloud.clear()
    for number in row.fails:
        phone_id, left = cloud.fleet[number], number in row.unfinished
        wanted = (_ORDINARY if left else _REACHED)[row.power]
        if cloud.status(phone_id) != wanted:
            cloud.set_status(phone_id, wanted)


class Elsewhere:
    """Another host, which remembers whatever it is asked."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        heard = self.requests

        class Heard(BaseHTTPRequestHandler):
            def handle(self) -> None:
                heard.append(self.rfile.readline().decode())

        self._server = HTTPServer(("127.0.0.1", 0), Heard)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Elsewhere:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
