"""What one process knows of the clouds it talks to: connections, project ids, observers, claims, the dispatcher.

Created lazily from the stack's configuration and the environment; everything in it is shared by all resources and
all threads of the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from pulumi_cph import settings as st
from pulumi_cph.api.client import Client, Iam
from pulumi_cph.api.connection import Connection
from pulumi_cph.api.errors import Interrupted
from pulumi_cph.api.limiter import CredentialGate, Limiter, Pace
from pulumi_cph.api.transport import RequestsTransport
from pulumi_cph.dispatch.perform import Performer
from pulumi_cph.dispatch.shell import Dispatcher, Listener
from pulumi_cph.observe import Observer, Sight

_Result = TypeVar("_Result")

LOOK_AGE: Final = 30.0
"""How old (seconds) a look may be for check, diff and read."""

QUIET: Final = 0.3
"""Seconds without a check after which the program is taken to have declared all it has to declare now ..."""

QUIET_MOST: Final = 60.0
"""... and how long to wait for that at most."""


BREAK_OFF: Final = 0.8
"""Seconds after the end at which answers that are still waited for are broken off. Later than the dispatcher waits
for those of requests that changed something."""


@dataclass(frozen=True, slots=True)
class Place:
    """A region and a project in it: where phones are."""

    region: str
    project_id: str

    @property
    def key(self) -> str:
        """One text for both, as the dispatcher knows it."""
        return f"{self.region}/{self.project_id}"


class Session:
    """The clouds of one process.

    Args:
        settings: what configuration and environment say.
        alive: asked before a request that changes something leaves; nothing is sent once it answers False.
        listener: hears of requests that were accepted when nobody waits for them any more.
    """

    def __init__(
        self,
        settings: st.Settings,
        *,
        alive: Callable[[], bool] = lambda: True,
        listener: Listener = lambda _: None,
    ) -> None:
        self.settings = settings
        self._ending = threading.Event()
        self._lock = threading.RLock()
        self._gate = CredentialGate()
        self._transport = RequestsTransport()
        self._connections: dict[str, Connection] = {}
        self._clients: dict[str, Client] = {}
        self._observers: dict[str, Observer] = {}
        self._projects: dict[str, str] = {}
        self._claims: dict[tuple[str, str], str] = {}
        self._claimed_by: dict[str, list[tuple[str, str]]] = {}
        self._last_check = float("-inf")
        self._pool = ThreadPoolExecutor(settings.max_concurrency, thread_name_prefix="cph-look")
        self._performer = Performer(client=self.client, observer=self.observer, clock=time.monotonic, alive=alive)
        self.dispatcher = Dispatcher(
            self._performer,
            batch_size=settings.batch_size,
            threads=2 * settings.max_concurrency,
            listener=listener,
        )

    # --- places

    def place(self, region: str | None = None, project_id: str | None = None) -> Place:
        """The place that a resource means which names `region` and `project_id`, or leaves them to the settings.

        Raises:
            SettingsError: no region is known, or it has no address.
            ApiError: the project id could not be looked up.
        """
        configured = self.settings.region
        region = region or configured
        if not region:
            raise st.SettingsError(
                "region", "no region: set cph:region (`pulumi config set cph:region ...`) or HW_REGION_NAME"
            )
        if not project_id and region == configured:
            # A configured project belongs to the configured region.
            project_id = self.settings.project_id
        self.settings.endpoint_for(region)
        return Place(region, project_id or self._project_of(region))

    def _project_of(self, region: str) -> str:
        with self._lock:
            if region not in self._projects:
                endpoint = self.settings.iam_endpoint_for(region)
                self._projects[region] = Iam(endpoint, self._connection(endpoint)).project_id(region)
            return self._projects[region]

    def client(self, key: str) -> Client:
        """The client for a place, by its key."""
        with self._lock:
            if key not in self._clients:
                region, project_id = key.split("/", 1)
                endpoint = self.settings.endpoint_for(region)
                try:
                    self._clients[key] = Client(endpoint, project_id, self._connection(endpoint))
                except ValueError as error:
                    raise st.SettingsError("projectId", f"project id {project_id!r}: {error}") from None
            return self._clients[key]

    def observer(self, key: str) -> Observer:
        """The observer of a place, by its key."""
        with self._lock:
            if key not in self._observers:
                self._observers[key] = Observer(self.client(key), clock=time.monotonic, together=self.together)
            return self._observers[key]

    def _connection(self, endpoint: str) -> Connection:
        with self._lock:
            if endpoint not in self._connections:
                self._connections[endpoint] = Connection(
                    self.settings.credentials,
                    transport=self._transport,
                    limiter=Limiter(
                        at_once=self.settings.max_concurrency,
                        pace=Pace(self.settings.requests_per_second),
                        sleep=self.sleep,
                    ),
                    gate=self._gate,
                    sleep=self.sleep,
                    checkpoint=self._checkpoint,
                )
            return self._connections[endpoint]

    def together(self, calls: Sequence[Callable[[], _Result]]) -> list[_Result]:
        if len(calls) == 1:
            return [calls[0]()]
        return list(self._pool.map(lambda call: call(), calls))

    # --- looks

    def look(self, place: Place, phone_ids: Iterable[str], *, max_age: float = LOOK_AGE) -> dict[str, Sight]:
        """How the phones were last seen, at most `max_age` seconds ago.

        Raises:
            ApiError: the look failed.
        """
        not_before = time.monotonic() - max_age
        return self.observer(place.key).look(dict.fromkeys(phone_ids, not_before))

    # --- claims

    def claim(self, place: Place, phone_ids: Iterable[str], urn: str) -> dict[str, str]:
        """Record that the resource `urn` declares these phones, instead of what it declared before.

        Returns those that another resource declares, with its URN.
        """
        wanted = list(phone_ids)
        # What is declared now is likely to be applied in a moment.
        self.dispatcher.expect()
        with self._lock:
            self._last_check = time.monotonic()
            for key in self._claimed_by.pop(urn, []):
                del self._claims[key]
            mine, taken = self._claimed_by.setdefault(urn, []), {}
            for phone_id in wanted:
                key = (place.key, phone_id)
                owner = self._claims.setdefault(key, urn)
                if owner != urn:
                    taken[phone_id] = owner
                else:
                    mine.append(key)
            return taken

    def unclaimed(self, place: Place, phone_ids: Iterable[str]) -> list[str]:
        """Those of the phones that no resource declares.

        Waits for quiet first: a resource that takes a phone over may be declared just after the one that gives it up.
        """
        wanted = list(phone_ids)
        if wanted:
            self.await_quiet()
        with self._lock:
            return [phone_id for phone_id in wanted if (place.key, phone_id) not in self._claims]

    def await_quiet(self) -> None:
        """Wait until no resource has been declared for a moment: checks come one by one, operations beside them.

        Raises:
            Interrupted: the process must come to an end.
        """
        most = time.monotonic() + QUIET_MOST
        while True:
            with self._lock:
                left = min(self._last_check + QUIET, most) - time.monotonic()
            if left <= 0:
                return
            self.sleep(left)

    # --- the end

    def end(self, reason: str) -> None:
        """End every wait with `reason` and send nothing more."""
        self.dispatcher.end(reason)
        self._ending.set()
        late = threading.Timer(BREAK_OFF, self._transport.abort)
        late.daemon = True
        late.start()

    def sleep(self, seconds: float) -> None:
        """Wait; raises `Interrupted` when the process must come to an end."""
        if self._ending.wait(seconds):
            raise Interrupted

    def _checkpoint(self) -> None:
        """Called when a request is about to leave: not after the end, and not with too old a look behind it."""
        if self._ending.is_set():
            raise Interrupted
        self._performer.checkpoint()
