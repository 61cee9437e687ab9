"""The settings table of README.md, made from `pulumi_cph.settings.TABLE`: prints it, or with --write puts it there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from pulumi_cph.settings import TABLE, Setting

README: Final = Path(__file__).resolve().parent.parent / "README.md"
BEGIN: Final = "<!-- settings: made by tools/settings_table.py --write -->\n"
END: Final = "<!-- end of settings -->\n"


def table() -> str:
    """The table in Markdown."""
    head = "| stack configuration | environment, first one wins | default | meaning |\n|---|---|---|---|\n"
    return head + "".join(_row(setting) for setting in TABLE)


def _row(setting: Setting) -> str:
    key = f"`cph:{setting.key}`" + (" (secret)" if setting.secret else "")
    environment = ", ".join(f"`{name}`" for name in setting.environment)
    return f"| {key} | {environment} | {setting.default} | {setting.meaning} |\n"


def with_table(text: str) -> str:
    """The text of the README with the table of now between its two marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"README.md lacks the line {BEGIN.strip()!r} or {END.strip()!r}")
    return f"{before}{begin}{table()}{end}{after}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table(), end="")
