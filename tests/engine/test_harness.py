"""The harness itself: what it promises to notice, it notices."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.engine import harness

SECRET = harness.SECRET_KEY


@pytest.mark.parametrize(
    "text",
    [
        f"key={SECRET}.",
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        quote(SECRET, safe=""),
        *(base64.b64encode(f"{'x' * offset}{SECRET}yz".encode()).decode() for offset in range(4)),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_encoding(text: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="a secret stands in the output"):
        harness.assert_no_secret([SECRET], {"the output": text})
    (tmp_path / "state.json").write_text(f'{{"a": "{text}"}}')
    with pytest.raises(AssertionError, match=r"state\.json"):
        harness.assert_no_secret([SECRET], {}, tmp_path)


def test_a_missing_cli_is_a_failure_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "locate", lambda: None)

    with pytest.raises(AssertionError, match="make setup"):
        harness.cli.__wrapped__()
