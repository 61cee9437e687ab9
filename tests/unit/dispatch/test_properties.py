"""Whatever happens, in whatever order: what holds for the dispatcher's core.

`Drive` holds every step to the rules that are about single effects: no phone in two requests at once, none that
was last seen running in a request to start it, no request after the end, one look at a time, an end for every
operation, with an outcome for each of its phones, exactly once.
"""

from __future__ import annotations

from collections import deque
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from pulumi_cph.api.errors import ConnectionFailed, ServerError, Throttled
from pulumi_cph.api.models import BatchAnswer
from pulumi_cph.dispatch import events as ev
from pulumi_cph.plan import POWERS, Power
from tests.unit.dispatch.driver import (
    Drive,
    Reply,
    TinyCloud,
    accept,
    ids,
    lose,
    refuse,
    rejected,
    unauthorised,
)

PHONES = ids(12)
STATUSES = [2, 2, 2, 2, 8, 8, 8, 8, 4, 7, 6, -9, -6, 5, 1]
CODES = ["CPS.0042", "CPS.0141", "CPS.0165", "CPS.0053", "CPS.0005", "CPS.0003", "CPS.9999"]


def forgetful(cloud: TinyCloud, verb: str, phone_ids: tuple[str, ...]) -> BatchAnswer:
    answer = cloud.carry_out(verb, phone_ids)
    return BatchAnswer(answer.request_id, answer.entries[::2])


REPLIES: list[Reply] = [
    accept,
    accept,
    accept,
    forgetful,
    lose(carried_out=True),
    lose(carried_out=False),
    refuse(ConnectionFailed("refused", sent=False)),
    refuse(Throttled("slow down", call="post", code="APIGW.0308", http_status=429, retry_after=3.0)),
    refuse(ServerError("oops", call="post", http_status=500)),
    refuse(rejected("CPS.0005")),
    refuse(rejected("CPS.0190")),
    refuse(rejected("CPS.9999")),
]


def random_cloud(random: Random) -> TinyCloud:
    def some_of(share: float) -> set[str]:
        return {phone_id for phone_id in PHONES if random.random() < share}

    length = {phone_id: random.choice([1.0, 6.0, 6.0, 20.0, 70.0]) for phone_id in PHONES}
    down_until = random.choice([0.0, 0.0, 0.0, 10.0])
    cloud = TinyCloud(
        {phone_id: random.choice(STATUSES) for phone_id in PHONES[: random.randint(8, 12)]},
        seconds=length.__getitem__,
        lag=random.choice([0.0, 0.0, 1.0, 3.0]),
        limit=random.choice([None, None, 1, 3]),
        replies=deque(random.choices(REPLIES, k=random.choice([0, 0, 3, 12]))),
        refusals={phone_id: random.choices(CODES, k=random.randint(1, 6)) for phone_id in some_of(0.1)},
        failing=dict.fromkeys(some_of(0.1), "CPS.0054"),
        stuck=some_of(0.1),
        unlisted=some_of(0.1),
        forgotten=some_of(0.1),
        shuffle=random,
        servers=3,
    )
    cloud.job_trouble = lambda _: rejected("CPS.0003", 500) if random.random() < 0.1 else None
    cloud.look_trouble = lambda: ServerError("down", call="x", http_status=503) if 1 < cloud.now < down_until else None
    return cloud


def random_drive(random: Random) -> Drive:
    cloud = random_cloud(random)
    slowness = random.choice([0.01, 0.1, 1.0, 5.0])
    drive = Drive(
        cloud,
        batch_size=random.choice([1, 2, 5, 100]),
        latency=lambda effect: random.random() * slowness,
        random=random.random,
    )
    for op in range(random.randint(1, 6)):
        chosen = random.sample(PHONES, random.randint(0, 12))
        alike = random.choice(POWERS)
        phones: dict[str, Power] = {i: random.choice((alike, alike, *POWERS)) for i in chosen}
        at = random.choice([0.0, 0.01, 0.3, 3.0, 10.0, 60.0]) * random.random()
        drive.order(
            op,
            phones,
            at=at,
            seen=random.random() < 0.5,
            deadline=at + random.choice([0.02, 5.0, 100.0, 300.0]),
            max_in_flight=random.choice([None, None, 1, 4]),
        )
    for _ in range(random.choice([0, 0, 1, 8])):
        phone_id, status = random.choice(list(cloud.statuses)), random.choice(STATUSES)
        drive.at(30.0 * random.random(), lambda i=phone_id, s=status: cloud.change(i, s))
    if random.random() < 0.1:
        drive.end(at=20.0 * random.random())
    if random.random() < 0.1:
        drive.at(20.0 * random.random(), lambda: cloud.replies.appendleft(refuse(unauthorised())))
    return drive


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.integers(0, 2**32))
def test_whatever_happens_every_operation_ends_and_says_the_truth(seed: int) -> None:
    drive = random_drive(Random(seed)).run()

    assert drive.core.wake_at == float("inf")
    for op, outcomes in drive.finished.items():
        for phone_id, outcome in outcomes.items():
            if outcome.failure is None:
                assert outcome.status == drive._orders[op].wishes[phone_id]
            if outcome.job_id is not None:
                assert drive.clouds[drive._orders[op].place]._jobs[outcome.job_id][0] == phone_id


@settings(max_examples=100, deadline=None)
@given(some.integers(0, 2**32))
def test_what_happens_depends_on_nothing_but_the_events(seed: int) -> None:
    first, second = (random_drive(Random(seed)).run() for _ in range(2))

    assert first.effects == second.effects


@settings(max_examples=100, deadline=None)
@given(some.integers(0, 2**32))
def test_the_effort_is_bounded_by_the_phones_and_the_time(seed: int) -> None:
    drive = random_drive(Random(seed)).run()

    orders = len(drive._orders)
    assert len(drive.posts) <= 5 * 2 * len(PHONES) * orders
    seconds = max(drive.finished_at.values())
    looks = len(drive.of(ev.Look))
    assert looks <= (seconds + 60) / 0.75 * 2 + 60 * orders
