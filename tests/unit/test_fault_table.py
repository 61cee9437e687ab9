"""The documentation's table of chosen faults is the one that the tests run."""

from __future__ import annotations

from tests.engine import fault_table


def test_the_documented_table_is_the_table_that_is_run() -> None:
    text = fault_table.DOCUMENT.read_text()
    assert fault_table.BEGIN in text, "run `python -m tests.engine.fault_table`"
    assert fault_table.document(text) == text, "stale: run `python -m tests.engine.fault_table`"


def test_the_section_is_put_at_the_end_and_then_replaced_in_place() -> None:
    begun = fault_table.document("# Reliability\n")
    assert begun.startswith("# Reliability\n\n<!-- faults -->\n## Chosen faults")
    older = begun.replace("| HTTP 429 |", "| HTTP 428 |") + "\nMore.\n"
    assert fault_table.document(older) == begun + "\nMore.\n"


def test_there_are_many_faults_each_another_one() -> None:
    names = [f"{heading}: {row.name}" for heading, rows in fault_table.SECTIONS.items() for row in rows]
    assert len(names) >= 40
    assert len(set(names)) == len(names)
