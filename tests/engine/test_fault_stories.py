"""Chosen faults that take more commands, or more resources, than a row of the table: the stories."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from pulumi_cph.simulator.faults import Fault
from pulumi_cph.simulator.rules import PhoneStatus as Status
from tests.engine.fault_rows import ALWAYS, Act, error, refuse
from tests.engine.fault_stories import STORIES
from tests.engine.harness import MakeStack, Process, end_session, stop, together
from tests.engine.simulated import INCORRECT, Simulated, simulated

NewCloud = Callable[..., Simulated]
TOKEN = "token/of+a=project%000000000000000000000001"


@pytest.fixture
def cloud_of() -> Iterator[NewCloud]:
    """Makes simulated clouds; arguments are those of `simulated`."""
    with ExitStack() as open_clouds:
        yield lambda *phones, **options: open_clouds.enter_context(simulated(*phones, **options))


def fleet(phone_ids: list[str], power_state: str = "stopped", *further: str) -> str:
    arguments = ", ".join(["'fleet'", f"phone_ids={phone_ids}", f"power_state='{power_state}'", *further])
    return f"cph.FleetPower({arguments})\n"


def test_every_story_is_told() -> None:
    parameters = {param.id for mark in test_one_401.pytestmark for param in mark.args[1]}  # type: ignore[attr-defined]
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {story.test for story in STORIES} == tests - {"one_401", "every_story_is_told"} | parameters


def expired(cloud: Simulated) -> None:
    cloud.simulator.cloud.gateway.tokens[TOKEN] = time.time() - 60


def skewed(cloud: Simulated) -> None:
    cloud.shift_clock(3600)


def withdrawn(cloud: Simulated) -> None:
    error("list-jobs", 401, "APIGW.0301", f"{INCORRECT}verify aksk signature fail", times=ALWAYS)(cloud)


def temporary_key_expired(cloud: Simulated) -> None:
    cloud.simulator.faults.add(
        Fault("error", status=401, code="IAM.1108", message="securitytoken expired", times=ALWAYS)
    )


@pytest.mark.parametrize(
    ("act", "env", "words"),
    [
        pytest.param(None, {"HW_SECRET_KEY": "wrong/secret+key=000000001"}, ["APIGW.0301"], id="wrong-key"),
        pytest.param(
            expired,
            {"HW_ACCESS_KEY": "", "HW_SECRET_KEY": "", "HW_AUTH_TOKEN": TOKEN},
            ["APIGW.0307", "the token has expired or is of another region"],
            id="expired-token",
        ),
        pytest.param(
            temporary_key_expired,
            {"HW_SECURITY_TOKEN": TOKEN},
            ["IAM.1108", "the security token of the temporary access key has expired"],
            id="expired-temporary-key",
        ),
        pytest.param(skewed, {}, ["the local clock is 60 minutes behind the server's"], id="clock-skew"),
        pytest.param(withdrawn, {}, ["APIGW.0301"], id="refused-in-the-middle"),
    ],
)
def test_one_401(
    cloud_of: NewCloud, new_stack: MakeStack, act: Act | None, env: dict[str, str], words: list[str]
) -> None:
    cloud = cloud_of(8, job_seconds=1.5)
    ids = cloud.phone_ids
    program = fleet(ids[:3]) + "".join(
        f"cph.PhonePower('{i}', phone_id='{i}', power_state='stopped')\n" for i in ids[3:]
    )
    stack = new_stack(cloud, program, secrets=[TOKEN, *env.values()] if env else [])
    stack.secrets = [secret for secret in stack.secrets if secret]
    good = dict(stack.env or {})
    stack.env = {**good, **env}
    if act:
        act(cloud)

    up = stack.up(rc=1)
    assert up.unauthorized == 1
    for said in ["the credentials were refused" if act is not withdrawn else "", *words]:
        assert said in up.text
    if act is withdrawn:
        assert together(up.posts) == [stop(*ids)]
        recorded = {i: stack.of(i)["job_id"] for i in ids[3:]} | stack.of("fleet")["job_ids"]
        assert recorded == cloud.jobs
    else:
        assert up.posts == []

    cloud.clear()
    stack.env = good
    again = stack.up()
    assert together(again.posts) == ([] if act is withdrawn else [stop(*ids)])
    assert {cloud.status(i) for i in ids} == {Status.STOPPED}


def after_a_request(cloud: Simulated, act: Callable[[Process], None]) -> Callable[[Process], None]:
    """Do something to the process once a request was accepted and its answer has been read."""

    def meanwhile(process: Process) -> None:
        while not cloud.requests and process.poll() is None:
            time.sleep(0.02)
        listed = len([entry for entry in cloud.log if entry.call == "list-jobs"])
        while listed == len([e for e in cloud.log if e.call == "list-jobs"]) and process.poll() is None:
            time.sleep(0.02)
        act(process)

    return meanwhile


def test_ctrl_c(cloud_of: NewCloud, new_stack: MakeStack) -> None:
    cloud = cloud_of(3, job_seconds=12.0)
    stack = new_stack(cloud, fleet(cloud.phone_ids))

    up = stack.up(rc=1, meanwhile=after_a_request(cloud, lambda process: os.kill(process.pid, signal.SIGINT)))
    assert {cloud.status(i) for i in cloud.phone_ids} == {Status.STOPPING}, "the wait went on"
    assert up.posts == [stop(*cloud.phone_ids)]
    assert stack.of("fleet")["job_ids"] == cloud.jobs
    assert set(stack.of("fleet")["statuses"].values()) == {"stopping"}

    assert stack.up().posts == []
    assert stack.of("fleet")["job_ids"] == cloud.jobs
    assert stack.of("fleet")["counts"] == {"stopped": 3}


def test_kill_9_of_the_cli(cloud_of: NewCloud, new_stack: MakeStack) -> None:
    cloud = cloud_of(6, job_seconds=3.0)
    stack = new_stack(cloud, fleet(cloud.phone_ids, "stopped", "max_in_flight=2"))
    left: dict[int, str] = {}
    killed: list[int] = []

    def kill(process: Process) -> None:
        left.update(descendants(process.pid))
        os.kill(process.pid, signal.SIGKILL)
        killed.append(process.pid)

    stack.up(rc=-9, meanwhile=after_a_request(cloud, kill))
    [provider] = [pid for pid, args in left.items() if "pulumi.dynamic" in args]
    end_session(killed[0])
    ends = time.monotonic() + 15
    while alive(provider):
        assert time.monotonic() < ends, "the provider process outlives its engine"
        time.sleep(0.1)
    [(_, begun)] = cloud.posts
    assert len(begun) == 2

    stack.cancel()
    again = stack.up()
    assert sorted(i for _, ids in again.posts for i in ids) == sorted(set(cloud.phone_ids) - set(begun))
    assert stack.of("fleet")["counts"] == {"stopped": 6}


def test_kill_9_of_the_provider(cloud_of: NewCloud, new_stack: MakeStack) -> None:
    cloud = cloud_of(3, job_seconds=4.0)
    stack = new_stack(cloud, fleet(cloud.phone_ids))

    def kill(process: Process) -> None:
        [provider] = [pid for pid, args in descendants(process.pid).items() if "pulumi.dynamic" in args]
        os.kill(provider, signal.SIGKILL)

    up = stack.up(rc=1, meanwhile=after_a_request(cloud, kill))
    assert up.posts == [stop(*cloud.phone_ids)]
    [request] = cloud.requests
    assert f"batch-stop accepted for 3 phones: request {request.request_id}" in up.text

    assert stack.up().posts == []
    assert stack.of("fleet")["counts"] == {"stopped": 3}


def test_the_stack_s_deadline(cloud_of: NewCloud, new_stack: MakeStack) -> None:
    cloud = cloud_of(2, job_seconds=600.0)
    stack = new_stack(cloud, fleet(cloud.phone_ids))
    assert stack.config is not None
    stack.config["cph:timeout"] = "2s"

    up = stack.up(rc=1)
    assert len([line for line in up.errors if "TIMEOUT" in line]) == 2
    assert stack.of("fleet")["statuses"] == dict.fromkeys(cloud.phone_ids, "stopping")
    assert stack.of("fleet")["job_ids"] == cloud.jobs

    for phone_id in cloud.phone_ids:
        cloud.set_status(phone_id, Status.STOPPED)
    assert stack.up().posts == []
    assert stack.of("fleet")["job_ids"] == cloud.jobs


def test_a_removal_that_is_refused(cloud_of: NewCloud, new_stack: MakeStack) -> None:
    cloud = cloud_of(3)
    a, b, c = cloud.phone_ids
    stack = new_stack(cloud, fleet([a, b, c], "running", "on_delete='stop'"))
    assert stack.up().posts == []

    refuse("CPS.0053", 2, times=ALWAYS)(cloud)
    stack.program = fleet([a, b], "running", "on_delete='stop'")
    removed = stack.up(rc=1)
    assert removed.posts == [stop(c)]
    assert any(c in line and "CPS.0053" in line for line in removed.errors)
    assert c in stack.of("fleet")["phones"]

    cloud.clear()
    assert stack.up().posts == [stop(c)]
    assert set(stack.of("fleet")["phones"]) == {a, b}

    refuse("CPS.0053", 1, times=ALWAYS)(cloud)
    deleted = stack.destroy(rc=1)
    assert deleted.posts == [stop(a, b)]
    assert any(b in line and "CPS.0053" in line for line in deleted.errors)
    assert cloud.requests[-1].request_id in deleted.text
    assert "fleet" in stack.resources

    cloud.clear()
    assert stack.destroy().posts == [stop(b)]


def test_guard_rails(cloud_of: NewCloud, new_stack: MakeStack) -> None:
    cloud = cloud_of(5)
    ids = cloud.phone_ids
    stack = new_stack(cloud, "")

    def refused(program: str, *words: str) -> None:
        stack.program = program
        up = stack.up(rc=1)
        assert up.posts == []
        assert all(any(each in line for line in up.errors) for each in words), up.text

    refused(fleet(ids, "stopped", "max_changes=4"), "max_changes: 5 of 5 phones", "CPH_MAX_CHANGES=5")
    refused(fleet(ids, "stopped", "max_changes='50%'"), "max_changes: 5 of 5 phones", "50% may")
    refused(fleet(ids, "stopped", f"never_stop={ids[:2]}"), "never_stop: phones", ids[0], ids[1])

    rails = ("max_changes=4", f"never_stop={ids[:1]}", "on_delete='stop'")
    stack.program = fleet(ids, "running", *rails)
    assert stack.up().posts == []
    refused(fleet(ids[1:], "running", *rails), "never_stop: phone", ids[0])
    assert set(stack.of("fleet")["phones"]) == set(ids)

    stack.program = fleet(ids, "stopped", "max_changes=4")
    stack.env = {**(stack.env or {}), "CPH_MAX_CHANGES": "5"}
    assert stack.up().posts == [stop(*ids)]


@pytest.mark.parametrize("refresh_always", [False, True])
def test_only_warned_of(cloud_of: NewCloud, new_stack: MakeStack, refresh_always: bool) -> None:
    cloud = cloud_of(5)
    ids = cloud.phone_ids
    for phone_id in ids[:2]:
        cloud.set_status(phone_id, Status.FROZEN)
    stack = new_stack(cloud, fleet(ids, "stopped", "on_refused='warn'"), refresh_always=refresh_always)

    up = stack.up()
    assert up.posts == [stop(*ids[2:])]
    assert {i for i in ids if any(i in line for line in up.warnings)} == set(ids[:2])
    assert set(stack.of("fleet")["failures"]) == set(ids[:2])
    stack.preview("--expect-no-changes", "--refresh")


def test_refused_by_the_service_and_only_warned_of(cloud_of: NewCloud, new_stack: MakeStack) -> None:
    cloud = cloud_of(3)
    ids = cloud.phone_ids
    refuse("CPS.0053", 1, times=ALWAYS)(cloud)
    stack = new_stack(cloud, fleet(ids, "stopped", "on_refused='warn'"))

    up = stack.up(no_preview_because="the phone that was refused still runs, and the preview says so")
    assert up.posts == [stop(*ids)]
    assert any(ids[1] in line and "CPS.0053" in line and "unfrozen" in line for line in up.warnings)
    assert f"1 to stop: {ids[1]}; 2 already there" in stack.preview().text

    cloud.clear()
    assert stack.up().posts == [stop(ids[1])]


def test_an_empty_look_up(cloud_of: NewCloud, new_stack: MakeStack) -> None:
    cloud = cloud_of(3)
    program = """
        found = cph.get_phones(name="{}")
        cph.FleetPower("fleet", phone_ids=[phone.phone_id for phone in found], power_state="stopped")
        """
    stack = new_stack(cloud, program.format("phone-"))
    assert stack.up().posts == [stop(*cloud.phone_ids)]

    stack.program = program.format("phones-of-nobody")
    up = stack.up()
    assert up.posts == []
    assert any("the fleet is empty now; it had 3 phones" in line for line in up.warnings)


def descendants(pid: int) -> dict[int, str]:
    """The processes that a process started, and those that they did: their command lines."""
    rows = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    listed = [row.split(None, 2) for row in rows.splitlines()]
    found: dict[int, str] = {}
    parents = {pid}
    while parents:
        children = {int(child): args for child, parent, args in listed if int(parent) in parents}
        found.update(children)
        parents = set(children)
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not asked for does not."""
    row = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(row) and not row.startswith("Z")
