"""The program that this repository is: fleets from stack configuration."""

from __future__ import annotations

import json
from pathlib import Path

from tests.engine.projects import ROOT, Project, simulated

FILES = [ROOT / name for name in ("Pulumi.yaml", "__main__.py", "fleets.py")]


def fleets(project: Project, value: object) -> None:
    """Write `pulumi-cph:fleets`, as structured configuration."""
    file = project.folder / "project" / "Pulumi.test.yaml"
    salt = next(line for line in file.read_text().splitlines() if line.startswith("encryptionsalt"))
    file.write_text(f"{salt}\nconfig:\n  pulumi-cph:fleets: {json.dumps(value)}\n")


def test_each_fleet_is_found_in_its_own_way_and_the_exports_add_up(tmp_path: Path) -> None:
    with simulated(130) as cloud:
        ids = cloud.world.phone_ids
        first, last = cloud.world.phone(ids[0]), cloud.world.phone(ids[-1])
        on_last = sorted(i for i in ids if cloud.world.phone(i).server_id == last.server_id)
        assert first.phone_id not in on_last
        project = Project(tmp_path, FILES, cloud)
        fleets(
            project,
            [
                {"name": "by-id", "phone_ids": [first.phone_id], "power_state": "running", "on_delete": "stop"},
                {"name": "by-server", "server_id": last.server_id, "power_state": "stopped"},
                {"name": "by-name", "name_pattern": "phone-000[23]", "power_state": "stopped"},
                {"name": "nobody", "name_pattern": "nothing-*", "power_state": "stopped"},
            ],
        )

        assert "fleet 'nobody' is empty: no phone has 'nothing-*'" in project.pulumi("preview")
        sent = project.up()

        named = sorted(i for i in ids if cloud.world.phone(i).name in ("phone-0002", "phone-0003"))
        assert sorted(phone_id for _, phones in sent for phone_id in phones) == sorted([*on_last, *named])
        assert project.output("counts") == {
            "by-id": {"running": 1},
            "by-server": {"stopped": len(on_last)},
            "by-name": {"stopped": 2},
            "nobody": {},
        }
        assert {name: len(jobs) for name, jobs in project.output("job_ids").items()} == {
            "by-id": 0,
            "by-server": len(on_last),
            "by-name": 2,
            "nobody": 0,
        }
        assert project.output("failures") == {"by-id": {}, "by-server": {}, "by-name": {}, "nobody": {}}
        assert project.output("totals") == {
            "phones": len(on_last) + 3,
            "counts": {"running": 1, "stopped": len(on_last) + 2},
            "jobs": len(on_last) + 2,
            "failures": 0,
        }


def test_a_frozen_phone_is_a_failure_that_its_fleet_names(tmp_path: Path) -> None:
    with simulated(3) as cloud:
        frozen = cloud.world.phone_ids[0]
        cloud.world.set_status(frozen, 6)
        project = Project(tmp_path, FILES, cloud)
        fleets(project, [{"name": "all", "name_pattern": "phone-*", "power_state": "stopped"}])

        printed = project.pulumi("up", "--yes", rc=1)

        assert f"phone {frozen}" in printed
        assert sorted(i for _, phones in project.sent() for i in phones) == sorted(cloud.world.phone_ids[1:])


def test_guard_rails_of_a_fleet_hold_the_preview(tmp_path: Path) -> None:
    with simulated(3) as cloud:
        project = Project(tmp_path, FILES, cloud)
        rails = {"max_changes": 2, "never_stop": cloud.world.phone_ids[:1]}
        fleets(project, [{"name": "f", "name_pattern": "phone-*", "power_state": "stopped", **rails}])

        said = project.pulumi("preview", rc=1)

        assert "max_changes: 3 of 3 phones would get a request, 2 may" in said
        assert f"never_stop: phone {cloud.world.phone_ids[0]} would be stopped" in said


def test_no_fleets_at_all_are_legal(tmp_path: Path) -> None:
    with simulated(1) as cloud:
        project = Project(tmp_path, FILES, cloud)
        fleets(project, [])
        assert project.up() == []
        assert project.output("totals") == {"phones": 0, "counts": {}, "jobs": 0, "failures": 0}


def test_wrong_configuration_is_one_sentence(tmp_path: Path) -> None:
    with simulated(1) as cloud:
        project = Project(tmp_path, FILES, cloud)
        fleets(project, [{"name": "all", "name_pattern": "phone-*", "power_state": "off"}])
        printed = project.pulumi("preview", rc=1)
    expected = "error: pulumi-cph:fleets: fleet 'all': power_state must be one of running, stopped, not 'off'"
    assert expected in [line.strip() for line in printed.splitlines()]
