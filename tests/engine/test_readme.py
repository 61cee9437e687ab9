"""The program in README.md runs as it stands there, and the preview shown there is what Pulumi prints."""

from __future__ import annotations

import re
from pathlib import Path

from tests.engine.projects import ROOT, RUNNING, Project, simulated

README = (ROOT / "README.md").read_text()


def block(after: str) -> str:
    """The first code block after a text."""
    found = re.search(r"^```\w*\n(.*?)^```$", README.partition(after)[2], re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_the_program_runs_and_the_preview_is_real(tmp_path: Path) -> None:
    program, shown = block("## A program"), block("## What a preview looks like")
    ids = re.findall(r"\b[0-9a-f]{32}\b", shown)
    source = tmp_path / "source"
    source.mkdir()
    (source / "__main__.py").write_text(program)
    (source / "Pulumi.yaml").write_text("name: farm\nruntime: python\noptions:\n  refresh: always\n")
    # The ids in README.md are those of `pulumi-cph simulate`, which are always the same.
    with simulated(200) as cloud:
        project = Project(tmp_path / "stack", source.iterdir(), cloud)
        project.up()
        for phone_id in set(ids):
            cloud.world.set_status(phone_id, RUNNING)
        printed = project.pulumi("preview", "--suppress-outputs", "--suppress-progress")
        project.up()
    lines = {line.rstrip() for line in printed.splitlines()}
    assert [line for line in shown.replace("(prod)", "(test)").splitlines() if line not in lines] == [], printed
