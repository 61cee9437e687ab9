"""The examples do what their READMEs say."""

from __future__ import annotations

from pathlib import Path

from pulumi_cph.simulator.server import Simulator
from tests.engine.projects import ROOT, RUNNING, STOPPED, Project, simulated


def example(name: str, folder: Path, cloud: Simulator) -> Project:
    return Project(folder, (ROOT / "examples" / name).glob("*"), cloud)


def test_night_shift_stops_phones_at_night_and_starts_them_by_day_but_for_those_on_call(tmp_path: Path) -> None:
    with simulated(5) as cloud:
        sleeper, other, on_call, *_ = cloud.world.phone_ids
        project = example("night-shift", tmp_path, cloud)
        project.configure(**{"phones[0]": sleeper, "phones[1]": other, "phones[2]": on_call, "onCall[0]": on_call})

        project.configure(night="true")
        assert project.up() == [("batch-stop", sorted([sleeper, other]))]
        assert project.output("counts") == {"running": 1, "stopped": 2}
        assert sorted(project.output("jobs")) == sorted([sleeper, other])

        project.configure(night="false")
        assert project.up() == [("batch-restart", sorted([sleeper, other]))]
        assert project.output("counts") == {"running": 3}


def test_whole_server_stops_the_phones_of_one_server_and_takes_new_ones_in(tmp_path: Path) -> None:
    with simulated(130) as cloud:
        server_id = cloud.world.phone(cloud.world.phone_ids[0]).server_id
        there = {i for i in cloud.world.phone_ids if cloud.world.phone(i).server_id == server_id}
        assert 0 < len(there) < 130
        project = example("whole-server", tmp_path, cloud)
        project.configure(serverId=server_id)

        assert project.up() == [("batch-stop", sorted(there))]
        assert {i for i in cloud.world.phone_ids if cloud.world.status(i) == STOPPED} == there
        assert set(project.output("jobs")) == there
        assert project.output("failures") == {}

        new = cloud.world.add_phone(server_id=server_id).phone_id
        assert project.up() == [("batch-stop", [new])]
        assert project.output("counts") == {"stopped": len(there) + 1}


def test_one_phone_is_off_until_the_stack_is_destroyed(tmp_path: Path) -> None:
    with simulated(2) as cloud:
        phone_id = cloud.world.phone_ids[0]
        project = example("one-phone", tmp_path, cloud)
        project.configure(phoneId=phone_id)

        assert project.up() == [("batch-stop", [phone_id])]
        assert project.output("status") == "stopped"
        [request] = cloud.world.history.requests
        assert project.output("job") in {job.job_id for job in cloud.world.jobs([request.request_id])}

        project.pulumi("destroy", "--yes")
        assert project.sent()[-1] == ("batch-restart", [phone_id])
        assert cloud.world.status(phone_id) == RUNNING
