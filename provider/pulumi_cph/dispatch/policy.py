"""The dispatcher's figures, and the intervals that follow from them. All times are seconds."""

from __future__ import annotations

from typing import Final

FRESH: Final = 10.0
"""How old a look may be when a request that changes something leaves ..."""

EXPECTED: Final = 0.25
"""How long a batch that is not full waits for what was declared and has not been asked for: until its resource was
looked at and compared. Not beyond `GATHER_EXPECTING`. For as long after a declaration the program is taken to be
declaring still."""

FRESH_TO_QUEUE: Final = 9.0
"""... and when a phone is put into a batch, which may gather, and wait for its turn, before it leaves."""

GATHER_QUIET: Final = 0.05
"""A batch leaves when nothing was added to it for this long ..."""

GATHER_MOST: Final = 0.5
"""... or this long after its first phone, or when it is full ..."""

GATHER_EXPECTING: Final = 1.0
"""... or this long after its first phone, while the program still declares phones. The engine begins 80 to 150
operations a second, so after half a second the requests of a thousand single phones would be half full."""

GROUP: Final = 20
"""Request ids in one ListJobs: the most that the API's documents allow."""

UNLISTED_GRACE: Final = 3.0
"""How long a job may be absent from its request's listing before it is asked for by its own id. The documents
leave open whether jobs can appear late."""

LISTING_GRACE: Final = 10.0
"""How long listings of jobs may fail before the phones' own status decides."""

CONFIRM_GRACE: Final = 30.0
"""How long a phone's status may disagree with its job's good end. A lag of a few seconds is normal; beyond
this the phone is elsewhere for a reason."""

LOST_PATIENCE: Final = 6.0
"""After a POST whose outcome is unknown: how long an unchanged status says nothing (it may show 3 s late, and
the server may have been slow to act)."""

TRIES: Final = 5
"""How often one phone is asked for within one operation when it is refused for a passing reason ..."""

TRYING: Final = 60.0
"""... and how long after the first refusal the last try may begin."""

PATH_CHECK: Final = 15.0
"""After this long the phones of unfinished jobs are looked at themselves, then at twice the time, and so on."""

WAVE: Final = 0.25
"""With a bound on the phones in flight: the part of it that must be free before more are begun."""

VERDICT_FROM: Final = 10
"""With a bound on the phones in flight: how many must have been changed before their failures hold back the rest."""

CLOSING: Final = 0.7
"""When a wait is ended from outside: how long to stay for the answer of a POST that is under way, as it brings
job ids that nothing else knows."""

RIPE: Final = 0.9
"""Once jobs have begun to end: the part of the time that the shortest took after which a request is asked about
alone. Jobs of one kind last about as long ..."""

RIPE_MOST: Final = 60.0
"""... and if not, seconds after which it is asked about in any case."""

COMPANY: Final = 0.75
"""When a look is made, it is for all phones whose status is awaited and that are due within this time."""

PROGRESS: Final = 5.0
"""Between two lines of progress: a log without a terminal prints every one."""


def tick_interval(waited: float) -> float:
    """Between two looks at outstanding jobs: a tenth of the time waited, so that the delay after a job's end is a
    small fraction of its length; at least half a second, at most ten."""
    return _between(0.5, 0.1 * waited, 10.0)


def revisit_interval(waited: float) -> float:
    """How soon a request that was not asked about in the last tick is asked about again, once jobs have begun to
    end: the end of all of them is seen by a tick, this is for those that end well before the others."""
    return _between(2.0, 0.25 * waited, 20.0)


def company_interval(waited: float, requests: int, *, last: bool) -> float:
    """How long a phone whose job has ended waits, while other jobs of its place run, for company before it is looked
    at: a look at many phones costs the same pages as a look at one, `requests`. `last`: an operation waits for this
    phone alone, and what depends on its resource waits with it; otherwise the operation gains nothing yet."""
    share, rate = (0.2, 10.0) if last else (0.4, 5.0)
    return _between(1.0, max(share * waited, requests / rate), 15.0)


def look_interval(waited: float) -> float:
    """Between two looks at phones whose own status is awaited."""
    return _between(0.75, 0.15 * waited, 10.0)


def backoff(tries: int, jitter: float, at_least: float | None, *, slow: bool) -> float:
    """The delay before try number `tries` + 1: any part (`jitter`, in 0..1) of a limit that doubles with each try, so
    that phones which failed together do not return together.

    `at_least` is the service's own wish (`Retry-After`), bounded by 30 s. `slow` is for trouble that does not pass at
    once.
    """
    base, cap = (2.0, 15.0) if slow else (0.5, 8.0)
    return max(jitter * min(cap, base * 2.0**tries), min(at_least or 0.0, 30.0))


def _between(low: float, value: float, high: float) -> float:
    return max(low, min(value, high))
