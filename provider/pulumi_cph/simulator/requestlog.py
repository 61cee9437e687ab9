"""What came in over the wire, one entry per request. Never a credential."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 200_000
"""So many entries are kept; the oldest go first."""


@dataclass(frozen=True)
class Entry:
    """One request and its answer."""

    time: float
    """Seconds since 1970, by the cloud's clock."""
    call: str
    """``list-phones``, ``batch-stop``, ... or ``unknown``."""
    method: str
    path: str
    query: str
    phones: tuple[str, ...]
    """The phones it is about: those of the body or of the path."""
    status: int
    """HTTP status; 0 when the connection was dropped instead."""
    code: str
    """The error code of the answer as a whole; empty when it is none."""
    request_id: str
    fault: str = ""
    """The kind of the injected fault that struck."""
    body: Any = None
    """The JSON body of a power call; other bodies may hold passwords and are not kept."""

    def as_dict(self) -> dict[str, Any]:
        """The entry, JSON-able."""
        return asdict(self)


class RequestLog:
    """All requests in the order of their answers."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def add(self, entry: Entry) -> None:
        """Append one entry."""
        self._entries.append(entry)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def of(self, *calls: str) -> list[Entry]:
        """The entries of these calls."""
        return [entry for entry in self if entry.call in calls]

    def stats(self) -> dict[str, int]:
        """Requests by call."""
        return dict(Counter(entry.call for entry in self))

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
