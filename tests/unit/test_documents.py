"""README.md and its neighbours are current."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from pulumi_cph.simulator.options import Options
from tools.settings_table import table, with_table

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("examples/*/*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_settings_table_is_that_of_the_code() -> None:
    assert table() in README
    assert with_table(README) == README, "run `python tools/settings_table.py --write`"


def test_the_simulator_options_that_stand_beside_the_doubts_exist() -> None:
    doubts = README.partition("## Doubts")[2].partition("\n## ")[0]
    rows = [line for line in doubts.splitlines() if line.startswith("| ")][1:]
    named = {option for row in rows for option in re.findall(r"`(\w+)`", row.split("|")[-2])}
    assert named
    assert named <= {field.name for field in fields(Options)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_path_of_a_machine_stands_in_a_document(document: Path) -> None:
    assert re.findall(r"(?:/home/|/root/|/work/|/Users/|/tmp/)\S*", document.read_text()) == []


def test_contributing_names_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    missing = []
    for cell in cells:
        inside = ROOT / "provider" / "pulumi_cph" if cell.startswith(" `  ") else ROOT
        missing += [name for name in re.findall(r"`\s*([^`]+)`", cell) if not (inside / name).exists()]
    assert cells
    assert missing == []
