"""The table of chosen faults, for `test_faults.py`, which runs it, and for the documentation.

`python -m tests.engine.fault_table` writes it into docs/reliability.md, between its markers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.engine import fault_stories as stories
from tests.engine import faults_lasting as lasting
from tests.engine import faults_passing as passing
from tests.engine.fault_rows import Row

SECTIONS: dict[str, list[Row]] = {
    "Answers that do not tell what became of a request": passing.LOST,
    "Requests and phones that are refused for a reason that passes, or may be overlooked": passing.REFUSED,
    "Answers to requests that only read": passing.READ,
    "What fails": lasting.BADLY,
    "What fails after a while": lasting.LONG,
    "What keeps the phones from being seen, so that nothing is sent": lasting.UNSEEN,
}
TABLE = [row for rows in SECTIONS.values() for row in rows]

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- faults -->", "<!-- /faults -->"

_INTRODUCTION = f"""\
## Chosen faults under the real engine

{len(TABLE) + len(stories.STORIES)} faults, each met by the real `pulumi` with its real provider process and a
simulated cloud. Requests are given by the number of their phones: "3, 3" is a request for three phones that was sent
again once the phones had been seen not to change. After each of these runs the weather clears, and the next `up` asks
for the phones in the last column and no others, ends well, and leaves an empty preview. Never: a traceback, a secret
in a line or a file, a request for a phone whose job runs or that runs already, a second accepted request for a phone.

Made by `python -m tests.engine.fault_table` from the table that `tests/engine/test_faults.py` runs.
"""


def section() -> str:
    """The section of the documentation, markers included."""
    parts = [_INTRODUCTION]
    for heading, rows in SECTIONS.items():
        parts.append(
            _table(heading, ("What happens", "The first `up`", "Requests", "The next `up`"), map(_cells, rows))
        )
    told = ((story.fault, story.holds) for story in stories.STORIES)
    parts.append(_table("Stories of several commands", ("What happens", "What holds"), told))
    return f"{BEGIN}\n" + "\n".join(parts) + f"{END}\n"


def document(text: str) -> str:
    """The document with the section as it is now, at its end where it had none."""
    found = re.search(f"{BEGIN}.*{END}\n?", text, re.DOTALL)
    if found:
        return text[: found.start()] + section() + text[found.end() :]
    return f"{text.rstrip()}\n\n{section()}".lstrip()


def _table(heading: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"### {heading}", ""]
    lines += [f"| {' | '.join(cells)} |" for cells in (columns, ("---",) * len(columns), *rows)]
    return "\n".join(lines) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    return row.name, _first(row), ", ".join(map(str, row.sent)) if row.sent else _unsaid(row), _next(row)


def _unsaid(row: Row) -> str:
    return "none" if row.sent == () else f"at most {row.each_at_most} phones each"


def _first(row: Row) -> str:
    if not row.fails:
        return "ends well" + ("; the jobs' ids stay unknown" if row.jobs_unknown else "")
    words = ", ".join(f"“{each.strip()}”" for each in _without_ids(row.says))
    return f"ends well, and warns: {words}" if row.warned else f"fails: {words}"


def _without_ids(says: Iterable[str]) -> Iterator[str]:
    for words in says:
        bare = re.sub(r"\{\d+\}", "", words).removeprefix("warning: phone ")
        if bare.strip():
            yield bare


def _next(row: Row) -> str:
    number = len(row.unfinished)
    return "nothing is left" if not number else "all" if number == row.phones else f"{number} of {row.phones}"


def main() -> None:
    """Write the section into the document."""
    text = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    DOCUMENT.write_text(document(text))


if __name__ == "__main__":
    main()
