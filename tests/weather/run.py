"""A whole run: `up` after `up` in the weather, then fair days until nothing is left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random

from pulumi_cph import observe
from pulumi_cph import status as st
from pulumi_cph.api import Credentials, KeyPair, Token
from pulumi_cph.inputs import Declared
from pulumi_cph.plan import Power, decide
from pulumi_cph.simulator import Cloud, Options, Response, faults
from pulumi_cph.simulator.cloud import DEFAULT_KEY
from pulumi_cph.simulator.codes import Refused
from pulumi_cph.simulator.signature import AccessKey
from tests.weather.passing import Passing, Stuck
from tests.weather.process import Process, Surroundings
from tests.weather.scenario import WIRE_KINDS, Change, Ending, Scenario, Trouble, Up
from tests.weather.up import Program, PulumiUp, State
from tests.weather.wire import HUGE, POSTS, Mishaps, Rewrite, as_fault
from tests.weather.witness import Broken, Witness

EPOCH = 1_750_000_000.0
"""What the cloud's clock shows at the beginning."""

FAIR_UPS = 4
"""So many times `up` after the weather has cleared, and nothing is left to do."""

IN_VAIN = 60.0
"""Seconds that an `up` may wait, on a fair day, after everything has come to rest."""

PATIENCE = 3_600.0
"""Seconds that an `up` waits on a fair day."""

TOKEN = "MIIweathertoken" + "0123456789ABCDEFabcdef+/" * 8
TEMPORARY = KeyPair(
    "AKWEATHER00000000000", "SKWEATHER0000000000/000000+0000000000000", "STWEATHER+token/" + "zyx9" * 12
)
WRONG_SECRET = KeyPair(DEFAULT_KEY.access_key, "SKWRONG00000000000000000000+0000000/0000")
UNKNOWN = KeyPair("AKNOBODY000000000000", "SKNOBODY0000000000000000000/000000000+00")
GOOD = KeyPair(DEFAULT_KEY.access_key, DEFAULT_KEY.secret_key)

_SETTLES = {0: 2, 1: 2, 3: 2, 4: 2, 7: 8}
_WORDS: dict[Power, int] = {"running": 2, "stopped": 8}


@dataclass
class Report:
    """What happened in a run, counted."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By what is counted (`fault`, `status`, `ending`, `failure`, `request`, ...) and its kind."""
    fair_ups: int = 0
    seconds: float = 0.0
    """Simulated ones."""
    busiest: float = 0.0
    """The largest share of the requests allowed in an `up` that one used."""
    slowest: float = 0.0
    """Seconds from the moment when nothing changed any more to the end of an `up`, at most, on fair days."""

    def add(self, what: str, kind: str, times: int = 1) -> None:
        self.counts[what, kind] += times


class Run:
    """One run of a scenario. `go` raises `Broken` (or `Stuck`) when something is seen that must never be seen."""

    def __init__(self, scenario: Scenario, rewrite: Rewrite = lambda _, response: response) -> None:
        self.scenario, self.report = scenario, Report()
        self.ups: list[PulumiUp] = []
        self.lasted: list[float] = []
        """Seconds, of each `up`."""
        self.time = Passing()
        options = Options(**{"rate_limit": None, **scenario.options})  # type: ignore[arg-type]
        self.cloud = Cloud(options, seed=scenario.seed, clock=lambda: EPOCH + self.time.now)
        self.world = self.cloud.world
        self._settles: list[float] = []
        """When phones come to rest by themselves."""
        self.ids = [self._phone(number) for number in range(len(scenario.phones))]
        self.witness = Witness(
            self.world,
            epoch=EPOCH,
            batch_size=scenario.batch_size,
            secrets=[TOKEN, TEMPORARY.secret_key, str(TEMPORARY.security_token)]
            + [key.secret_key for key in (WRONG_SECRET, UNKNOWN, GOOD)],
            restart_shows=options.restart_shows,
        )
        self.mishaps = Mishaps(scenario.mishaps)
        self.state = State()
        self.signatures: set[str] = set()
        self._around = Surroundings(
            self.time,
            self.cloud,
            self.mishaps,
            self.witness,
            Random(scenario.seed),
            scenario.latency,
            scenario.lateness,
            scenario.jobs_page,
            scenario.batch_size,
            self._rewritten,
        )
        self._rewrite = rewrite
        self._processes = 0
        self._failed = False
        self._said: list[str] = []

    def go(self) -> Report:
        """The weather, then fair days."""
        with _small(self.scenario.phones_page):
            try:
                self._weather()
                self._clears()
                self._fair_days()
            except Stuck as error:
                raise Broken(f"it never comes to an end: {error}") from error
        self.witness.check_jobs_known(self.state.jobs, self.state.requests)
        self.witness.check_secrets(self.signatures, self._said)
        self._count()
        return self.report

    # --- the weather

    def _weather(self) -> None:
        scenario = self.scenario
        for mishap in scenario.mishaps:
            if mishap.kind not in WIRE_KINDS:
                self.cloud.faults.add(as_fault(mishap))
        for trouble in scenario.troubles:
            self._order(trouble)
        for change in scenario.changes:
            self.time.at(change.at, lambda change=change: self._change(change))  # type: ignore[misc]
        if scenario.key == "withdrawn":
            self.time.at(scenario.withdrawn_at, lambda: self.cloud.gateway.keys.pop(DEFAULT_KEY.access_key, None))
        for number, up in enumerate(scenario.ups):
            self._up(up, self._program(number >= scenario.second_version_from))
            self.time.until(self.time.now + up.gap)

    def _clears(self) -> None:
        self.cloud.faults.clear()
        self._rewrite = lambda _, response: response
        self.witness.deceived = False
        self.mishaps.clear()
        self.world.refusals.clear()
        self.world.failures.clear()
        for trouble in self.scenario.troubles:
            if trouble.lasting and trouble.kind == "refused":
                self._order(trouble)
        self.cloud.gateway.keys[DEFAULT_KEY.access_key] = DEFAULT_KEY
        self.cloud.gateway.clear()
        self.cloud.options = self.cloud.options.changed({"failing_fraction": 0.0, "rate_limit": None})
        # Foreign changes that were to come do not.
        self.time.clear()

    def _up(self, up: Up, program: Program, *, fair: bool = False) -> None:
        key = "good" if fair else self.scenario.key
        process = self._process(key)
        self.witness.was_good = key in ("good", "token", "temporary", "withdrawn")
        begun = self.time.now
        if up.ending:
            self._cut_short(process, up.ending)
        pulumi = PulumiUp(program, self.state, process, self.witness, up.timeout)
        self.ups.append(pulumi)
        self.time.until(float("inf"), lambda: pulumi.over or process.over)
        if fair:
            self._check_not_in_vain(begun)
        self._said += [text for error in pulumi.errors for text in (str(error), repr(error))]
        process.over = True
        self.lasted.append(self.time.now - begun)
        self._failed = pulumi.failed
        self.signatures |= process.wire.signatures
        requests, most = len(process.wire.sent), self._most_requests(self.time.now - begun)
        self.report.add("up", "killed" if not pulumi.over else "failed" if pulumi.failed else "good")
        for outcome in pulumi.outcomes:
            if outcome.failure:
                self.report.add("failure", f"{outcome.failure.kind} {outcome.failure.code}")
        self.report.busiest = max(self.report.busiest, requests / most)
        if requests > most:
            raise Broken(f"{requests} requests in an up of {self.time.now - begun:.0f} s; {most:.0f} are allowed")

    def _check_not_in_vain(self, begun: float) -> None:
        """No wait goes on long after everything has come to rest."""
        now = self.time.now
        ends = [job.end - EPOCH for job in self.world._jobs.values() if job.end - EPOCH <= now]
        posts = [exchange.departed for exchange in self.witness.exchanges if exchange.call in POSTS]
        rest = max([begun, *ends, *posts, *(at for at in self._settles if at <= now)])
        self.report.slowest = max(self.report.slowest, now - rest)
        if now - rest > IN_VAIN:
            raise Broken(f"an up waited {now - rest:.0f} s after the last job had ended and the last phone had settled")

    def _most_requests(self, seconds: float) -> float:
        phones = len(self.ids)
        looks = 1 + phones / self.scenario.phones_page
        return 30 + 6 * phones + seconds * (1 + looks)

    def _cut_short(self, process: Process, ending: Ending) -> None:
        self.report.add("ending", ending.kind)
        when = self.time.now + ending.after
        if ending.kind == "interrupted":
            self.time.at(when, lambda: process.end("the operation was cancelled"))
        elif ending.kind == "killed":
            process.outlived = ending.sent
            self.time.at(when, process.die)
        else:
            self.time.at(when, lambda: setattr(process, "engine_gone", True))
            self.time.at(when + 2.0, lambda: process.end("the engine is gone"))

    def _process(self, key: str) -> Process:
        self._processes += 1
        credentials: Credentials = GOOD
        if key == "token":
            credentials = Token(TOKEN)
            self.cloud.gateway.tokens[TOKEN] = EPOCH + 10 * PATIENCE
        elif key == "temporary":
            credentials = TEMPORARY
            known = AccessKey(TEMPORARY.access_key, TEMPORARY.secret_key, TEMPORARY.security_token)
            self.cloud.gateway.keys[TEMPORARY.access_key] = known
        elif key in ("wrong-secret", "unknown"):
            credentials = WRONG_SECRET if key == "wrong-secret" else UNKNOWN
        skew = 1200.0 if key == "skewed" else 0.0
        return Process(self._processes, self._around, credentials, skew=skew)

    def _rewritten(self, call: str, response: Response) -> Response:
        return self._rewrite(call, response)

    # --- fair days

    def _fair_days(self) -> None:
        program = self._program(len(self.scenario.ups) >= self.scenario.second_version_from)
        for number in range(1, FAIR_UPS + 1):
            self.report.fair_ups = number
            self._up(Up(PATIENCE), program, fair=True)
            self.time.until(self.time.now + 5.0)
            while self.world.jobs_running():
                self.time.until(self.time.now + 5.0)
            if not (left := self._left_to_do(program)):
                break
        else:
            raise Broken(f"after {FAIR_UPS} ups in fair weather: {'; '.join(left)}")

    def _left_to_do(self, program: Program) -> list[str]:
        """What the next `up` would still have to do."""
        left = []
        for name, declared in program.items():
            recorded = self.state.resources.get(name)
            if recorded is None:
                left.append(f"{name} is not in the state")
                continue
            extra = {i: power for i, power in recorded.phones.items() if i not in declared.phones}
            left += [f"{i} has not left {name}" for i, power in extra.items() if self._can_be_helped(i, power)]
            for phone_id, power in declared.phones.items():
                if self._can_be_helped(phone_id, power) and self._status(phone_id) != power:
                    left.append(f"phone {phone_id} is {self._status(phone_id)}, not {power}")
        # Deletes come last, and not at all after a failure.
        for name in () if self._failed else self.state.resources.keys() - program.keys():
            recorded = self.state.resources[name]
            power = recorded.declared.release
            if power is None or all(self._can_be_helped(i, power) for i in recorded.phones):
                left.append(f"{name} is still in the state")
        return left

    def _can_be_helped(self, phone_id: str, power: Power) -> bool:
        """Whether requests can bring a phone there, by the world's own rules."""
        status = self._status(phone_id)
        if status == power:
            return True
        if decide(power, status).action == "refuse" or status == st.STOP_FAILED:
            return False
        if status == st.RESTART_FAILED and not self.cloud.options.restart_failed:
            return False
        number = self.ids.index(phone_id)
        return not any(
            trouble.lasting and trouble.kind == "refused" and (trouble.phones is None or number in trouble.phones)
            for trouble in self.scenario.troubles
        )

    def _status(self, phone_id: str) -> str:
        if phone_id not in self.world.phone_ids:
            return st.MISSING
        return st.word_of(self.world.status(phone_id))

    # --- phones and what happens to them

    def _phone(self, number: int) -> str:
        phone = self.scenario.phones[number]
        self.report.add("status", st.MISSING if phone.status is None else st.word_of(phone.status))
        if phone.status is None:
            return f"{number:032x}"
        phone_id = self.world.add_phone(phone.status, phone_id=f"{number:02d}" + "f" * 30).phone_id
        if phone.status in _SETTLES:
            self.world.set_status(phone_id, phone.status, then=_SETTLES[phone.status], after=phone.settles)
            self._settles.append(phone.settles)
        return phone_id

    def _program(self, second: bool) -> Program:
        names = [f"fleet-{number}" for number in range(len(self.scenario.fleets))]
        program: dict[str, Declared] = {}
        for number, fleet in enumerate(self.scenario.fleets):
            if not (second and fleet.dropped):
                program[names[number]] = Declared(
                    on_delete=fleet.on_delete, on_refused=fleet.on_refused, max_in_flight=fleet.max_in_flight
                )
        for phone_id, phone in zip(self.ids, self.scenario.phones, strict=True):
            if phone.fleet is None:
                continue
            fleet_number, power = phone.fleet % len(names), phone.power
            if second and phone.later == "leaves":
                continue
            if second and phone.later == "flips":
                power = "running" if power == "stopped" else "stopped"
            if second and phone.later == "moves":
                fleet_number = (fleet_number + 1) % len(names)
            if names[fleet_number] in program:
                program[names[fleet_number]].phones[phone_id] = power
        return {name: declared for name, declared in program.items() if declared.phones or name in self.state.resources}

    def _order(self, trouble: Trouble) -> None:
        orders = self.world.refusals if trouble.kind == "refused" else self.world.failures
        chosen = None if trouble.phones is None else [i for n, i in enumerate(self.ids) if n in trouble.phones]
        orders.add(chosen, trouble.code, times=trouble.times)
        self.report.add("trouble", f"{trouble.kind} {trouble.code}")

    def _change(self, change: Change) -> None:
        phone_id = self.ids[change.phone % len(self.ids)]
        if phone_id not in self.world.phone_ids:
            return
        self.witness.foreign.add(phone_id)
        self.report.add("change", change.what if isinstance(change.what, str) else st.word_of(change.what))
        if change.what == "gone":
            self.world.remove_phone(phone_id)
        elif isinstance(change.what, int):
            then = _SETTLES.get(change.what)
            self.world.set_status(phone_id, change.what, then=then, after=8.0)
            self._settles.append(self.time.now + 8.0)
        else:
            with suppress(Refused):
                self.world.power(change.what, [phone_id], f"foreign-{self.time.now}")

    # --- figures

    def _count(self) -> None:
        report = self.report
        report.seconds = self.time.now
        report.add("run", "runs")
        report.add("fair ups", str(report.fair_ups))
        report.add("key", self.scenario.key)
        for entry in self.cloud.log:
            report.add("request", entry.call)
            if entry.fault:
                report.add("fault", entry.fault)
        for kind, times in self.mishaps.struck.items():
            report.add("fault", kind, times)
        for exchange in self.witness.exchanges:
            if exchange.status == 429:
                report.add("fault", "429")
            if exchange.call in POSTS and not exchange.intact:
                report.add("lost", "answers to power calls")


@contextmanager
def _small(phones_page: int) -> Iterator[None]:
    """Small pages, and bodies that are too large at some kilobytes."""
    before = observe.PAGE, faults.HUGE
    observe.PAGE, faults.HUGE = phones_page, HUGE + 1  # type: ignore[misc]
    try:
        yield
    finally:
        observe.PAGE, faults.HUGE = before  # type: ignore[misc]


def run(scenario: Scenario) -> Report:
    """Run a scenario; raises `Broken` when an invariant does not hold."""
    return Run(scenario).go()
