"""One account of the simulated cloud: a project per region, its keys, and what a test may arrange."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence

from pulumi_cph.simulator.clock import Clock
from pulumi_cph.simulator.faults import Faults
from pulumi_cph.simulator.gateway import Gateway
from pulumi_cph.simulator.options import Options
from pulumi_cph.simulator.requestlog import RequestLog
from pulumi_cph.simulator.signature import AccessKey
from pulumi_cph.simulator.world import World

REGIONS = ("cn-north-4", "cn-east-3", "ap-southeast-1")
"""The regions an account has when none are named."""
DOMAIN_ID = "d78cbac186b744899480f25bd022f468"
"""The account's own id."""
DEFAULT_KEY = AccessKey("AKSIMULATOR000000000", "SKSIMULATOR00000000000000000000000000000")
"""The key of an account that was given none; meant to be recognised as a fake at a glance."""


def project_id(number: int) -> str:
    """The id of the account's project in its region `number`, counted from 0."""
    return f"0605767e8c0a4a4f8f5a1d0c0ffee{number:03x}"


class Cloud:
    """Everything behind one simulated endpoint. `lock` is held while a request is answered."""

    def __init__(
        self,
        options: Options | None = None,
        *,
        phones: int | Mapping[str, int] = 0,
        running: float = 1.0,
        seed: int = 0,
        regions: Sequence[str] = REGIONS,
        key: AccessKey = DEFAULT_KEY,
        clock: Clock = time.time,
        wall: Clock | None = None,
    ) -> None:
        """An account with a project in each of `regions`.

        `phones` is the number of phones by region; a mere number is that of the first region. The first
        `running` (a fraction) of them are on. `clock` runs the worlds; dates of signatures are compared with
        `wall`, which is `clock` unless given.
        """
        if not 0 <= running <= 1:
            raise ValueError(f"the fraction of running phones must lie between 0 and 1, but is {running}")
        if not isinstance(phones, int) and not set(phones) <= set(regions):
            raise ValueError(f"there are phones in {', '.join(sorted(set(phones) - set(regions)))}, but no such region")
        self.clock = clock
        self.lock = threading.RLock()
        self.log = RequestLog()
        self.faults = Faults()
        self.gateway = Gateway(clock, wall or clock, {key.access_key: key})
        self.projects: dict[str, str] = {region: project_id(number) for number, region in enumerate(regions)}
        """Project id by region."""
        self._options = options or Options()
        self._populations = {regions[0]: phones} if isinstance(phones, int) else dict(phones)
        self._running, self._seed, self._key = running, seed, key
        self.worlds: dict[str, World] = {}
        """World by region."""
        self.reset()

    def reset(self) -> None:
        """Begin again: new phones with the same ids, no jobs, no faults, an empty log. Options stay."""
        self._random = random.Random(self._seed)
        self.worlds = {
            region: World(
                self.clock,
                self._options,
                phones=self._populations.get(region, 0),
                running=self._running,
                seed=self._seed,
                region=region,
            )
            for region in self.projects
        }
        self.log.clear()
        self.faults.clear()
        self.gateway.clear()

    @property
    def key(self) -> AccessKey:
        """The access key the account began with."""
        return self._key

    @property
    def region(self) -> str:
        """The first region."""
        return next(iter(self.projects))

    @property
    def world(self) -> World:
        """The first region's world."""
        return self.worlds[self.region]

    @property
    def options(self) -> Options:
        """How this cloud behaves; may be replaced at any time."""
        return self._options

    @options.setter
    def options(self, options: Options) -> None:
        self._options = options
        for world in self.worlds.values():
            world.options = options

    def world_of(self, project: str) -> World | None:
        """The world of a project id, if it is one of the account's."""
        return next((self.worlds[region] for region, id_ in self.projects.items() if id_ == project), None)

    def new_id(self) -> str:
        """A fresh request id; the same sequence for the same seed."""
        return f"{self._random.getrandbits(128):032x}"
