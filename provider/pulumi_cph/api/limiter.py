"""How fast requests may go to one endpoint, and whether any may go at all.

`Pace` is the arithmetic of the rate, `Limiter` makes threads obey it; `CredentialGate` protects the access
key. None of them knows what a request is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Final

from .errors import AuthenticationError, Closed

REQUESTS_PER_SECOND: Final = 100.0
"""Half of what the gateway lets one API be called by default: others use the account, too."""
AT_ONCE: Final = 8
"""Requests in flight to one endpoint."""
BURST: Final = 8
"""Requests that may start together after a quiet moment."""
SLOWEST: Final = 1.0
"""Requests per second that repeated throttling leaves."""
RECOVERY: Final = 30.0
"""Seconds in which a slowed rate doubles."""


class Pace:
    """When the next request may start; times are seconds of any one monotonic clock. Not thread-safe.

    Starts are spaced by 1/rate, and a quiet moment earns up to `burst` starts at once (a leaky bucket). A
    throttled request stops everybody and halves the rate, which then doubles again every `RECOVERY` seconds.
    """

    def __init__(self, rate: float = REQUESTS_PER_SECOND, burst: int = BURST) -> None:
        self._full_rate = rate
        self._burst = burst
        self._next = -inf  # when the next start would be due if starts were evenly spaced
        self._paused_until = -inf
        self._slowed_rate = rate
        self._slowed_at = -inf
        self.epoch = 0
        """Counts the pauses; who reserved before the latest must reserve again."""

    def rate(self, now: float) -> float:
        """Requests per second at `now`."""
        # Bounded, as 2 ** (a week / RECOVERY) is no float any more.
        doublings = max(0.0, min(64.0, (now - self._slowed_at) / RECOVERY))
        recovered: float = self._slowed_rate * 2**doublings
        return min(self._full_rate, recovered)

    def reserve(self, now: float) -> float:
        """Take the next start; the seconds from `now` until then."""
        spacing = 1 / self.rate(now)
        earliest = now - (self._burst - 1) * spacing
        due = max(self._next, earliest, self._paused_until)
        self._next = due + spacing
        return max(0.0, due - now)

    def slow_down(self, now: float, seconds: float) -> None:
        """Nobody starts for `seconds`, and fewer after that."""
        if now >= self._paused_until:  # the others that were in flight tell nothing new
            self._slowed_rate = max(min(SLOWEST, self._full_rate), self.rate(now) / 2)
        self._paused_until = max(self._paused_until, now + seconds)
        self._slowed_at = self._paused_until
        self._next = self._paused_until
        self.epoch += 1


class Limiter:
    """Holds the threads that call one endpoint to a pace and a number in flight. One per endpoint.

    `clock` is monotonic, in seconds. `sleep` may raise `Interrupted`; the place is free again then.
    """

    def __init__(
        self,
        *,
        at_once: int = AT_ONCE,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._places = threading.BoundedSemaphore(at_once)
        self._pace = pace or Pace()
        self._lock = threading.Lock()
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def slot(self) -> Iterator[None]:
        """The body runs when its turn has come, with at most `at_once` others."""
        with self._places:
            self._await_turn()
            yield

    def slow_down(self, seconds: float) -> None:
        """A request was throttled: all callers pause for `seconds` and go on at half the rate."""
        with self._lock:
            self._pace.slow_down(self._clock(), seconds)

    def _await_turn(self) -> None:
        while True:
            with self._lock:
                delay = self._pace.reserve(self._clock())
                epoch = self._pace.epoch
            if delay > 0:
                self._sleep(delay)
            with self._lock:
                if epoch == self._pace.epoch:
                    return


class CredentialGate:
    """Lets the first request prove the credentials before any other goes. One per process, all endpoints.

    More than five failures in a row lock an access key for five minutes, for everybody who uses it, and a
    program of a thousand phones would reach five in a moment. So until an answer shows that the credentials
    are good there is one request in flight; the first refusal closes the gate for good.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._proven = False
        self._probing = False
        self._refusal: AuthenticationError | None = None

    @contextmanager
    def passage(self, call: str) -> Iterator[None]:
        """The body sends one request of `call` and raises what its answer means.

        Ending without an exception proves the credentials, an `AuthenticationError` closes the gate, and
        anything else shows neither. Raises `Closed` instead of running the body once the gate is closed.
        """
        probe = self._enter(call)
        refusal: AuthenticationError | None = None
        proven = False
        try:
            yield
            proven = True
        except AuthenticationError as error:
            refusal = error
            raise
        finally:
            self._leave(probe, proven, refusal)

    def _enter(self, call: str) -> bool:
        """Wait for permission; whether this request is the one that the others wait for."""
        with self._changed:
            self._changed.wait_for(lambda: self._refusal or self._proven or not self._probing)
            if self._refusal:
                raise Closed.after(self._refusal, call)
            if self._proven:
                return False
            self._probing = True
            return True

    def _leave(self, probe: bool, proven: bool, refusal: AuthenticationError | None) -> None:
        with self._changed:
            if probe:
                self._probing = False
            self._proven = self._proven or proven
            self._refusal = self._refusal or refusal
            self._changed.notify_all()
