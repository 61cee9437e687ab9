"""`get_phones`: paging, and whose settings it uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from pulumi_cph import lookup
from pulumi_cph.api.models import Phone, PhonePage


class Listing:
    """A listing of so many phones that says `count` of itself."""

    def __init__(self, phones: int, count: int | None, *, ignores_offset: bool = False) -> None:
        self._phones = [Phone(f"phone-{n}", "", "", 2) for n in range(phones)]
        self._count = count
        self._ignores_offset = ignores_offset
        self.asked: list[int] = []

    def page(self, offset: int) -> Callable[[], PhonePage]:
        def read() -> PhonePage:
            self.asked.append(offset)
            at = 0 if self._ignores_offset else offset
            return PhonePage(tuple(self._phones[at : at + 200]), self._count, None)

        return read

    def together(self, calls: Sequence[Callable[[], PhonePage]]) -> list[PhonePage]:
        """Stands in for the session, too."""
        return [call() for call in calls]


@pytest.mark.parametrize(
    ("phones", "count", "requests"),
    [(0, 0, 1), (3, 3, 1), (200, 200, 2), (450, 450, 3), (450, None, 3), (450, 1, 3), (9_000, 9_000, 46)],
)
def test_every_page_is_read_once(phones: int, count: int | None, requests: int) -> None:
    listing = Listing(phones, count)
    assert len(lookup._all(listing.page, cast(Any, listing))) == phones
    assert len(listing.asked) == len(set(listing.asked)) <= requests


@pytest.mark.parametrize("count", [10_000_000, 2**62])
def test_a_count_that_lies_costs_a_few_requests(count: int) -> None:
    listing = Listing(3, count)
    assert len(lookup._all(listing.page, cast(Any, listing))) == 3
    assert len(listing.asked) <= 33


def test_a_listing_that_repeats_itself_comes_to_an_end() -> None:
    listing = Listing(200, None, ignores_offset=True)
    assert len(lookup._all(listing.page, cast(Any, listing))) == 200
    assert len(listing.asked) == 2


def test_each_stack_of_a_process_is_looked_up_with_its_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"cph:region": "cn-north-4"}
    monkeypatch.setattr(lookup, "get_config", config.get)
    monkeypatch.setenv("HW_ACCESS_KEY", "ak")
    monkeypatch.setenv("HW_SECRET_KEY", "sk")
    first = lookup._session()
    assert lookup._session() is first

    config["cph:region"] = "cn-east-3"
    second = lookup._session()
    assert second.settings.region == "cn-east-3"

    monkeypatch.setenv("HW_SECRET_KEY", "another")
    assert lookup._session() is not second
