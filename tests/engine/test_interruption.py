"""An `up` that is interrupted: what was begun is recorded, and the next `up` joins it."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from tests.engine.harness import MakeCloud, MakeStack, end_session, stop


def test_after_ctrl_c_the_jobs_are_in_the_state_and_the_next_up_joins_them(
    new_cloud: MakeCloud, new_stack: MakeStack
) -> None:
    cloud = new_cloud(3, job_seconds=9.0, job_spread=0.0)
    program = f"cph.FleetPower('fleet', phone_ids={cloud.phone_ids}, power_state='stopped')"
    stack = new_stack(cloud, program)

    def interrupt(process: subprocess.Popen[str]) -> None:
        # Once jobs are asked about, the request for the phones has been answered.
        while not any("/jobs?" in target for _, _, target, _ in cloud.log) and process.poll() is None:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)

    up = stack.up(rc=1, meanwhile=interrupt)

    assert up.posts == [stop(*cloud.phone_ids)]
    fleet = stack.of("fleet")
    assert set(fleet["job_ids"].values()) == set(cloud.jobs)
    assert set(fleet["statuses"].values()) == {"stopping"}

    again = stack.up()
    assert again.posts == []
    assert stack.of("fleet")["job_ids"] == fleet["job_ids"]
    assert stack.of("fleet")["counts"] == {"stopped": 3}


def test_after_kill_9_nothing_more_is_sent_and_the_next_up_adopts(new_cloud: MakeCloud, new_stack: MakeStack) -> None:
    cloud = new_cloud(3, job_seconds=6.0, job_spread=0.0)
    program = f"cph.FleetPower('fleet', phone_ids={cloud.phone_ids}, power_state='stopped')"
    stack = new_stack(cloud, program)

    killed: list[int] = []

    def kill(process: subprocess.Popen[str]) -> None:
        while not cloud.posts and process.poll() is None:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        killed.append(process.pid)

    up = stack.up(rc=-9, meanwhile=kill)
    assert up.posts == [stop(*cloud.phone_ids)]

    end_session(killed[0])
    stack.cancel()
    again = stack.up()
    assert again.posts == []
    assert stack.of("fleet")["counts"] == {"stopped": 3}
