"""The phones and jobs of one project: a state machine that knows rules and time, but no wire.

Its clock is passed in, and it has no thread: nothing happens between two calls. A power call plans the whole
future of its phones at once, and every reading compares that plan with the time.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from pulumi_cph.simulator.clock import Clock
from pulumi_cph.simulator.codes import Refused
from pulumi_cph.simulator.history import History, PowerRequest
from pulumi_cph.simulator.jobs import Job
from pulumi_cph.simulator.options import Options
from pulumi_cph.simulator.phones import Phone
from pulumi_cph.simulator.rules import (
    ARRIVED,
    FAILED,
    HARMLESS,
    ON_THE_WAY,
    PhoneStatus,
    PowerCall,
    refusal_code,
)
from pulumi_cph.simulator.trouble import Orders

PHONES_PER_SERVER = 60
_WELL_FORMED = re.compile(r"[0-9A-Za-z-]{1,36}")


@dataclass(frozen=True)
class Entry:
    """What became of one phone of a power call: a job, or the reason why there is none."""

    phone_id: str
    job_id: str | None = None
    refused: Refused | None = None


class World:
    """The phones and jobs of one project.

    Tests use `phone`, `status`, `set_status`, `refusals`, `failures`, `history`; the front uses the rest.
    Not thread-safe by itself: requests are serialised by the front, and a test changes things between them.
    """

    def __init__(
        self,
        clock: Clock,
        options: Options | None = None,
        *,
        phones: int = 0,
        running: float = 1.0,
        seed: int = 0,
        region: str = "cn-north-4",
    ) -> None:
        """A project of `phones` phones, the first `running` (a fraction) of them on, the others off.

        `seed` decides all ids, how long jobs take and which of them fail.
        """
        self.clock = clock
        self.options = options or Options()
        self.region = region
        self.history = History()
        self.refusals = Orders()
        """Phones to be refused when asked, beyond what the rules refuse."""
        self.failures = Orders()
        """Phones whose jobs are to fail."""
        self._seed = seed
        self._shuffle = random.Random(seed)
        self._numbers = count(1)
        self._phones: dict[str, Phone] = {}
        self._oldest_first: list[Phone] = []
        self._jobs: dict[str, Job] = {}
        self._by_request: dict[str, list[Job]] = {}
        on = round(phones * running)
        for number in range(phones):
            self.add_phone(PhoneStatus.RUNNING if number < on else PhoneStatus.STOPPED)

    # Phones.

    @property
    def phone_ids(self) -> list[str]:
        """All phone ids, the oldest (``phone-0001``) first."""
        return [phone.phone_id for phone in self._oldest_first]

    def add_phone(
        self,
        status: int = PhoneStatus.RUNNING,
        *,
        phone_id: str | None = None,
        name: str | None = None,
        server_id: str | None = None,
    ) -> Phone:
        """Add one phone, by default with the next number's name and id, on the next server with room."""
        number = next(self._numbers)
        phone = Phone(
            phone_id=phone_id or self._id("phone", number),
            name=name or f"phone-{number:04d}",
            server_id=server_id or self._id("server", (number - 1) // PHONES_PER_SERVER + 1),
            status=status,
            created=1_700_000_000.0 + number,
            zone=f"{self.region}a",
            number=number,
        )
        if phone.phone_id in self._phones:
            raise ValueError(f"there is a phone {phone.phone_id} already")
        self._phones[phone.phone_id] = phone
        self._oldest_first.append(phone)
        return phone

    def remove_phone(self, phone_id: str) -> None:
        """Take a phone away, as if its server had been deleted."""
        self._oldest_first.remove(self._phones.pop(phone_id))

    def phone(self, phone_id: str) -> Phone:
        """The phone with this id; refused with the code for unknown or malformed ids."""
        phone = self._phones.get(phone_id)
        if phone is not None:
            return phone
        if not _WELL_FORMED.fullmatch(phone_id):
            raise Refused("CPS.0004", "Parameter: phone_id is invalid.")
        raise Refused(self.options.unknown_phone)

    def status(self, phone_id: str) -> int:
        """What the phone really is now, however late the service shows it."""
        return int(self.phone(phone_id).truth.at(self.clock()))

    def shown_status(self, phone_id: str) -> int:
        """What the service shows of the phone now."""
        return int(self.phone(phone_id).shown.at(self.clock()))

    def set_status(self, phone_id: str, status: int, *, then: int | None = None, after: float = 0.0) -> None:
        """Put a phone into `status` at once, whatever it was about to do; `then` follows `after` seconds."""
        phone, now = self.phone(phone_id), self.clock()
        changes = [(now, status)] if then is None else [(now, status), (now + after, then)]
        phone.truth.plan(now, *changes)
        phone.shown.plan(now, *changes)
        phone.updated = now

    def counts(self) -> dict[int, int]:
        """How many phones really are in which status."""
        now = self.clock()
        return dict(Counter(int(phone.truth.at(now)) for phone in self._oldest_first))

    def find(
        self,
        *,
        name: str = "",
        server_id: str = "",
        status: int | None = None,
        type_: int | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> tuple[int, list[Phone]]:
        """How many phones match, and those from `offset` on, at most `limit`; the newest first."""
        phones = self._oldest_first
        if name or server_id or status is not None or type_ is not None:
            now = self.clock()
            phones = [
                phone
                for phone in phones
                if name in phone.name
                and server_id in ("", phone.server_id)
                and status in (None, phone.shown.at(now))
                and type_ in (None, phone.type)
            ]
        end = len(phones) - offset
        begin = 0 if limit is None else max(0, end - limit)
        return len(phones), phones[begin : max(0, end)][::-1]

    # Power calls.

    def power(
        self, call: PowerCall, phone_ids: Sequence[str], request_id: str, *, image_id: str | None = None
    ) -> list[Entry]:
        """Stop or restart phones; one entry each, in the order asked.

        Refuses the request as a whole (and does nothing) when it has too many phones, and in the cases of the
        options `wrong_state` "request" and `wholly_refused` 400.
        """
        now, options = self.clock(), self.options
        if options.max_phones is not None and len(phone_ids) > options.max_phones:
            raise Refused("CPS.0190")
        self._watch(call, phone_ids, request_id, image_id)
        entries: list[Entry] = []
        harmless, seen = set[str](), set[str]()
        for phone_id in phone_ids:
            try:
                if not self._judge(call, phone_id, again=phone_id in seen):
                    harmless.add(phone_id)
                entries.append(Entry(phone_id, self._id("job", request_id, phone_id, len(entries))))
            except Refused as refused:
                if refused.status is not None:
                    raise
                entries.append(Entry(phone_id, refused=refused))
            seen.add(phone_id)
        if options.wholly_refused == 400 and entries and all(entry.refused for entry in entries):
            first = entries[0].refused
            assert first is not None
            raise Refused(first.code, first.message, status=400)
        for entry in entries:
            if entry.job_id is not None:
                changes = entry.phone_id not in harmless
                self._begin(call, self._phones[entry.phone_id], entry.job_id, request_id, changes=changes)
        accepted = tuple(entry.phone_id for entry in entries if entry.job_id)
        self.history.requests.append(PowerRequest(now, call, request_id, tuple(phone_ids), accepted))
        return entries

    def _judge(self, call: PowerCall, phone_id: str, *, again: bool) -> bool:
        """Whether `call` will change this phone; Refused when it is not accepted.

        `again`: the phone stands in the same request before, so it is on its way by now.
        """
        phone = self.phone(phone_id)
        order = self.refusals.strike(call, phone_id)
        if order is not None:
            raise Refused(order.code, order.message)
        status = ON_THE_WAY[call] if again else phone.truth.at(self.clock())
        code = refusal_code(call, status, restart_failed=self.options.restart_failed)
        if code is None:
            return True
        if self.options.wrong_state == "accept" and status in HARMLESS[call]:
            return False
        # With a status of its own it is an answer to the request, not to the phone.
        raise Refused(code, status=400 if self.options.wrong_state == "request" else None)

    def _begin(self, call: PowerCall, phone: Phone, job_id: str, request_id: str, *, changes: bool) -> None:
        """Start a job, and unless it `changes` nothing, plan the phone's way."""
        now, options = self.clock(), self.options
        draw = random.Random(f"{self._seed}:{phone.phone_id}:{phone.calls}")
        phone.calls += 1
        end = now + options.job_seconds * (1 + options.job_spread * draw.random())
        code, message = "", ""
        order = self.failures.strike(call, phone.phone_id)
        if order is not None:
            code, message = order.code, order.message
        elif draw.random() < options.failing_fraction:
            failed = Refused(options.failure_code)
            code, message = failed.code, failed.message
        job = Job(job_id, request_id, phone.phone_id, phone.server_id, call, now, end, code, message)
        self._jobs[job_id] = job
        self._by_request.setdefault(request_id, []).append(job)
        if not changes:
            return
        final = (FAILED if code else ARRIVED)[call]
        phone.truth.plan(now, (now, ON_THE_WAY[call]), (end, final))
        shown = [(end + options.status_lag, final)]
        begun = now + options.status_delay
        if (call == "stop" or options.restart_shows) and begun < shown[0][0]:
            shown.insert(0, (begun, ON_THE_WAY[call]))
        phone.shown.plan(now, *shown)
        phone.updated = now

    def _watch(self, call: PowerCall, phone_ids: Sequence[str], request_id: str, image_id: str | None) -> None:
        """Note what a careful client would not have asked."""
        now, blame = self.clock(), self.history.blame
        statuses = {each: self._phones[each].truth.at(now) for each in phone_ids if each in self._phones}
        if image_id is not None:
            blame(now, "image-sent", [""], request_id)
        if call == "restart":
            on = [each for each, status in statuses.items() if status == PhoneStatus.RUNNING]
            blame(now, "restarted-while-running", on, request_id)
        under_way = (PhoneStatus.STOPPING, PhoneStatus.RESTARTING)
        blame(now, "asked-while-busy", [i for i, status in statuses.items() if status in under_way], request_id)
        blame(now, "asked-twice", [i for i, times in Counter(phone_ids).items() if times > 1], request_id)

    # Jobs.

    def job(self, job_id: str) -> Job:
        """The job with this id, if the service tells of it; else CPS.0011."""
        job = self._jobs.get(job_id)
        if job is None or not job.visible(self.clock(), self.options):
            raise Refused("CPS.0011")
        return job

    def jobs(self, request_ids: Iterable[str]) -> list[Job]:
        """The visible jobs of these requests in the order of `Options.job_order`; none at all is CPS.0050."""
        now = self.clock()
        jobs = [
            job
            for request_id in dict.fromkeys(request_ids)
            for job in self._by_request.get(request_id, ())
            if job.visible(now, self.options)
        ]
        if not jobs:
            raise Refused("CPS.0050")
        if self.options.job_order == "reversed":
            jobs.reverse()
        elif self.options.job_order == "shuffled":
            self._shuffle.shuffle(jobs)
        return jobs

    def jobs_running(self) -> int:
        """How many jobs have not ended yet."""
        now = self.clock()
        return sum(now < job.end for job in self._jobs.values())

    def _id(self, *parts: object) -> str:
        """32 hexadecimal digits that depend on the seed, the region and `parts` alone."""
        text = ":".join(map(str, (self._seed, self.region, *parts)))
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
