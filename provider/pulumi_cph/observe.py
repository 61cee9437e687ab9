"""The shared look at the real phones of one place (a region and project).

Everything in a process that wants to know a phone's status asks one `Observer`. It remembers when each phone was
seen, answers from memory what is fresh enough for the caller, and makes one look at a time for everybody who
waits. What a look costs is decided online by the ski-rental rule: phones are read one by one until that has cost
as much as the pages of the listing would, then the pages are read; so a look never costs more than about twice
the best choice made in hindsight, however the questions arrive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol, TypeVar

from pulumi_cph import status as st
from pulumi_cph.api.errors import ApiError, phone_is_gone
from pulumi_cph.api.models import Phone, PhonePage

PAGE: Final = 200
"""Phones in a page of the listing: the largest `limit` that the API's documents allow."""

CHUNK: Final = 32
"""Pages asked for before looking whether the listing has ended: bounds what a `count` that lies can cost."""

_Result = TypeVar("_Result")


class Reader(Protocol):
    """The two calls of the API that a look needs (see `api.client.Client`)."""

    def list_phones(self, *, offset: int, limit: int) -> PhonePage: ...

    def show_phone(self, phone_id: str) -> Phone: ...


class Together(Protocol):
    """Makes several calls, at once if it can, and returns their results in order; the first error is raised."""

    def __call__(self, calls: Sequence[Callable[[], _Result]]) -> list[_Result]: ...


def one_by_one(calls: Sequence[Callable[[], _Result]]) -> list[_Result]:
    """A `Together` without threads."""
    return [call() for call in calls]


@dataclass(frozen=True, slots=True)
class Sight:
    """A phone as it was seen. `at` is when the request that showed it was sent (seconds, the observer's clock)."""

    phone_id: str
    status: str
    at: float
    name: str = ""
    server_id: str = ""


@dataclass(slots=True)
class _Round:
    """What the current look has cost so far; questions that it is fresh enough for add to it."""

    began: float
    singles: int = 0
    pages: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Page:
    offset: int
    at: float
    page: PhonePage


class Observer:
    """What is known of the phones of one place. Safe to use from many threads."""

    def __init__(self, reader: Reader, *, clock: Callable[[], float], together: Together = one_by_one) -> None:
        self._reader = reader
        self._clock = clock
        self._together = together
        self._sights: dict[str, Sight] = {}
        self._touched: dict[str, float] = {}
        self._total: int | None = None
        self._round = _Round(began=float("-inf"))
        self._failure: tuple[float, ApiError] | None = None
        self._questions: list[Mapping[str, float]] = []
        self._asking = threading.Lock()
        self._looking = threading.Lock()

    def look(self, needs: Mapping[str, float]) -> dict[str, Sight]:
        """How each phone of `needs` was last seen: at the time given for it or later, and later than our own
        last change to it.

        A phone that is not there has the status `missing`; that is said only after a single read confirmed it,
        as paged listings shift. A look that failed counts as a look: whoever would have been content with one
        of that age gets its error instead of failing once more.

        Raises:
            ApiError: the look failed.
        """
        if self._stale(needs):
            with self._asking:
                self._questions.append(needs)
            with self._looking:
                with self._asking:
                    questions, self._questions = self._questions, []
                stale = self._stale(needs)
                if stale and self._failure and self._failure[0] >= max(stale.values()):
                    raise self._failure[1]
                self._refresh([needs, *questions])
        return {phone_id: self._sights[phone_id] for phone_id in needs}

    def known(self, needs: Mapping[str, float]) -> dict[str, Sight]:
        """Those of the phones that were seen recently enough, as `look` would answer: what remains of a failed look."""
        stale = self._stale(needs)
        return {phone_id: self._sights[phone_id] for phone_id in needs if phone_id not in stale}

    @property
    def pages(self) -> int:
        """Requests that a look at all phones of the account costs, as far as is known."""
        return max(1, -(-(self._total or 0) // PAGE))

    def touched(self, phone_ids: Iterable[str]) -> None:
        """A request that may change these phones was sent: nothing seen before now counts any more."""
        now = self._clock()
        for phone_id in phone_ids:
            self._touched[phone_id] = now

    def _stale(self, needs: Mapping[str, float]) -> dict[str, float]:
        """The phones that must be seen again, each with how recently."""
        stale = {}
        for phone_id, not_before in needs.items():
            need = max(not_before, self._touched.get(phone_id, not_before))
            sight = self._sights.get(phone_id)
            if sight is None or sight.at < need:
                stale[phone_id] = need
        return stale

    def _refresh(self, questions: Sequence[Mapping[str, float]]) -> None:
        began = self._clock()
        try:
            self._ask_for(questions)
        except ApiError as error:
            self._failure = (began, error)
            raise
        self._failure = None

    def _ask_for(self, questions: Sequence[Mapping[str, float]]) -> None:
        stale = self._all_stale(questions)
        if not stale:
            return
        if self._round.began < max(stale.values()):
            self._round = _Round(began=self._clock())
        if self._total is None:
            self._read_pages([0])
            stale = self._all_stale(questions)
        while stale and (pages := self._pages_left()) and self._round.singles + len(stale) >= pages:
            self._read_pages(self._next_pages(CHUNK))
            stale = self._all_stale(questions)
        # Questions that come one by one would wait for as many single reads as there are pages, each on its own: from
        # the second on, a page is read beside. It costs no more than the single reads do, and tends to answer the next.
        beside = self._next_pages(1) if stale and self._round.singles else []
        self._round.singles += len(stale)
        self._read_singly(list(stale), beside)

    def _all_stale(self, questions: Sequence[Mapping[str, float]]) -> dict[str, float]:
        return {phone_id: need for needs in questions for phone_id, need in self._stale(needs).items()}

    def _pages_left(self) -> int:
        """How many pages of the listing this round has not read, as far as the account's size is known."""
        total = self._total or 0
        return len(range(0, total, PAGE)) - sum(1 for offset in self._round.pages if offset < total)

    def _next_pages(self, most: int) -> list[int]:
        """The offsets of the next pages that this round has not read."""
        unread = (offset for offset in range(0, self._total or 0, PAGE) if offset not in self._round.pages)
        return list(islice(unread, most))

    def _read_pages(self, offsets: Sequence[int]) -> None:
        for page in self._together([self._page_reader(offset) for offset in offsets]):
            self._note_page(page)

    def _page_reader(self, offset: int) -> Callable[[], _Page]:
        return lambda: _Page(offset, self._clock(), self._reader.list_phones(offset=offset, limit=PAGE))

    def _note_page(self, read: _Page) -> None:
        self._round.pages.add(read.offset)
        for phone in read.page.phones:
            self._note(_sight(phone, read.at))
        self._measure(read.offset, read.page)

    def _note(self, sight: Sight) -> None:
        known = self._sights.get(sight.phone_id)
        if known is None or known.at <= sight.at:
            self._sights[sight.phone_id] = sight

    def _measure(self, offset: int, page: PhonePage) -> None:
        """Learn the account's size: from `count`, or where an older service has none, from the page being full.

        An empty page ends the listing, whatever `count` says.
        """
        if not page.phones:
            self._total = min(offset, self._total or 0)
        elif page.count is not None:
            self._total = page.count
        elif len(page.phones) >= PAGE:
            self._total = max(offset + PAGE + 1, self._total or 0)
        else:
            self._total = offset + len(page.phones)

    def _read_singly(self, phone_ids: Sequence[str], beside: Sequence[int]) -> None:
        """Read phones one by one, and the pages `beside` at the same time. What fails does not spoil the rest."""

        def single_reader(phone_id: str) -> Callable[[], Sight | _Page]:
            return lambda: self._read_one(phone_id)

        def attempt(call: Callable[[], Sight | _Page]) -> Callable[[], Sight | _Page | ApiError]:
            return lambda: _result_of(call)

        pages: list[Callable[[], Sight | _Page]] = [self._page_reader(offset) for offset in beside]
        errors = []
        for read in self._together([attempt(call) for call in [*map(single_reader, phone_ids), *pages]]):
            if isinstance(read, ApiError):
                errors.append(read)
            elif isinstance(read, _Page):
                self._note_page(read)
            else:
                self._note(read)
        if errors:
            raise errors[0]

    def _read_one(self, phone_id: str) -> Sight:
        at = self._clock()
        try:
            return _sight(self._reader.show_phone(phone_id), at)
        except ApiError as error:
            if phone_is_gone(error):
                return Sight(phone_id, st.MISSING, at)
            raise


def _result_of(call: Callable[[], _Result]) -> _Result | ApiError:
    try:
        return call()
    except ApiError as error:
        return error


def _sight(phone: Phone, at: float) -> Sight:
    return Sight(phone.phone_id, st.word_of(phone.status), at, phone.name, phone.server_id)
