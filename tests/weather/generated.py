"""Weather by chance: strategies for scenarios, the simplest first, so that what fails shrinks to what matters."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as some

from tests.weather.scenario import Change, Ending, EndingKind, Fleet, Mishap, Phone, Scenario, Trouble, Up

MOST_PHONES = 40

_ODD = (7, 4, 1, 3, 6, -5, -6, -7, -8, -9, 0, 5, 99, None)
_STATUSES = some.sampled_from((2, 8) * 12 + _ODD)
_POWERS = some.sampled_from(("stopped", "running"))
_LATER = some.sampled_from(("stays", "stays", "flips", "leaves", "moves"))
_PHONES = some.builds(
    Phone,
    status=_STATUSES,
    fleet=some.sampled_from((0, 0, 0, 1, None)),
    power=_POWERS,
    later=_LATER,
    settles=some.sampled_from((5.0, 0.5, 20.0, 60.0)),
)
_FLEETS = some.builds(
    Fleet,
    on_delete=some.sampled_from(("leave", "start", "stop")),
    on_refused=some.sampled_from(("fail", "fail", "warn")),
    max_in_flight=some.sampled_from((None, None, 1, 3, 10)),
    dropped=some.sampled_from((False, False, False, True)),
)
_POSTS = ("batch-stop", "batch-restart")
_CALLS = some.sampled_from((None, *_POSTS, *_POSTS, *_POSTS, "list-phones", "show-phone", "list-jobs", "show-job"))
_KINDS = some.sampled_from(
    (
        # answers that are lost are the hardest
        *("drop", "drop", "acts-late", "hang", "cut", "error", "error", "error"),
        "error",
        "drop",
        "acts-late",
        "hang",
        "unreachable",
        "cut",
        "delay",
        "slow",
        "html",
        "redirect",
        "truncated",
        "huge",
        "wrong-types",
        "no-jobs",
        "duplicate-entries",
        "foreign-entries",
        "lying-count",
        "echo",
    )
)
_SAID = some.sampled_from(
    (
        (503, "CPS.0042"),
        (400, "CPS.0042"),
        (429, "APIGW.0308"),
        (500, "CPS.0003"),
        (400, "CPS.0003"),
        (502, "APIGW.0201"),
        (504, "APIGW.0201"),
        (503, "APIGW.0613"),
        (500, ""),
        (400, "CPS.0190"),
        (400, "CPS.0161"),
        (400, "CPS.0165"),
        (400, "CPS.0141"),
        (400, "CPS.0053"),
        (404, "CPS.0005"),
        (403, "CPS.0001"),
        (404, "CPS.0050"),
        (404, "CPS.0011"),
        (404, "APIGW.0101"),
        (408, ""),
        (401, "APIGW.0301"),
        (401, "APIGW.0307"),
    )
)
_AFTER_ACTING = {(500, "CPS.0003"), (400, "CPS.0003"), (502, "APIGW.0201"), (504, "APIGW.0201"), (500, ""), (408, "")}
"""What a service may say although it has acted; whoever says "refused" and acts cannot be dealt with."""
_TIMES = some.sampled_from((1, 1, 1, 2, 3, 6, 20, None))


@some.composite
def mishaps(draw: some.DrawFn) -> Mishap:
    """One thing that goes wrong."""
    kind = draw(_KINDS)
    status, code = draw(_SAID) if kind in ("error", "echo", "html") else (503, "CPS.0042")
    return Mishap(
        kind,
        call=draw(_CALLS),
        skip=draw(some.sampled_from((0, 0, 1, 2, 5))),
        times=draw(_TIMES),
        acted=draw(some.booleans()) and (kind not in ("error", "echo", "html") or (status, code) in _AFTER_ACTING),
        status=status,
        code=code,
        seconds=draw(some.sampled_from((1.0, 2.0, 0.3) if kind == "acts-late" else (1.0, 5.0, 12.0, 29.0, 40.0))),
        retry_after=draw(some.sampled_from((None, 1, 5, 20, 600))) if status == 429 else None,
    )


def _some_phones(phones: int) -> some.SearchStrategy[frozenset[int] | None]:
    return some.one_of(some.none(), some.frozensets(some.integers(0, phones - 1), min_size=1, max_size=4))


def _troubles(phones: int) -> some.SearchStrategy[Trouble]:
    refused = some.builds(
        Trouble,
        kind=some.just("refused"),
        code=some.sampled_from(
            ("CPS.0042", "CPS.0165", "CPS.0141", "CPS.0158", "CPS.0003", "CPS.0053", "CPS.0005", "CPS.1028")
        ),
        phones=_some_phones(phones),
        times=some.sampled_from((1, 2, 4, 8, None)),
        lasting=some.sampled_from((False, False, True)),
    )
    fails = some.builds(
        Trouble,
        kind=some.just("job-fails"),
        code=some.sampled_from(("CPS.0054", "CPS.0005", "CPS.0003")),
        phones=_some_phones(phones),
        times=some.sampled_from((1, 2, None)),
    )
    return some.one_of(refused, fails)


_CHANGES = some.builds(
    Change,
    at=some.one_of(some.floats(0.0, 8.0), some.floats(0.0, 90.0)).map(lambda at: round(at, 1)),
    phone=some.integers(0, MOST_PHONES - 1),
    what=some.sampled_from((8, 2, "stop", "restart", 6, 7, 4, 3, -7, -9, -6, 5, "gone")),
)
_ENDINGS = some.builds(
    Ending,
    kind=some.sampled_from(get_args(EndingKind)),
    after=some.one_of(some.floats(0.0, 3.0), some.floats(0.0, 40.0)).map(lambda after: round(after, 2)),
    sent=some.booleans(),
)
_UPS = some.builds(
    Up,
    timeout=some.sampled_from((60.0, 5.0, 15.0, 300.0)),
    ending=some.one_of(some.none(), _ENDINGS),
    gap=some.sampled_from((6.0, 15.0, 45.0)),
)
_CHOICES: dict[str, some.SearchStrategy[object]] = {
    "job_seconds": some.sampled_from((0.5, 2.0, 12.0, 40.0, 100.0)),
    "job_spread": some.sampled_from((0.2, 1.0, 3.0)),
    "restart_shows": some.just(False),
    "failing_fraction": some.sampled_from((0.1, 0.5, 1.0)),
    "max_phones": some.sampled_from((1, 2, 5)),
    "wrong_state": some.sampled_from(("request", "accept")),
    "wholly_refused": some.just(400),
    "restart_failed": some.just(True),
    "unknown_phone": some.just("CPS.0004"),
    "post_status": some.sampled_from((201, 202)),
    "send_count": some.just(False),
    "job_order": some.sampled_from(("reversed", "shuffled")),
    "jobs_appear_after": some.sampled_from((1.0, 4.0, 10.0)),
    "job_retention": some.sampled_from((0.0, 1.0, 5.0)),
    "job_blank": some.sampled_from(("null", "empty", "absent")),
    "cps_http": some.just("legacy"),
    "rate_limit": some.sampled_from((1, 3)),
    "retry_after": some.sampled_from((1, 3)),
    "skew_code": some.just("APIGW.0303"),
}
_OPTIONS = some.lists(some.sampled_from(sorted(_CHOICES)), max_size=5, unique=True).flatmap(
    lambda names: some.fixed_dictionaries({name: _CHOICES[name] for name in names})
)
_DELAYS = some.sampled_from((0.0, 0.0, 1.5, 3.0))
KEYS = some.sampled_from(
    ("good",) * 12 + ("token", "temporary", "token", "temporary", "wrong-secret", "unknown", "skewed", "withdrawn")
)


@some.composite
def scenarios(draw: some.DrawFn) -> Scenario:
    """A run."""
    most = draw(some.sampled_from((2, 6, 15, MOST_PHONES)))
    phones = draw(some.lists(_PHONES, min_size=max(1, most // 2), max_size=most))
    batch_size = draw(some.integers(1, 7))
    ups = draw(some.lists(_UPS, min_size=1, max_size=3))
    return Scenario(
        phones=tuple(phones),
        fleets=tuple(draw(some.lists(_FLEETS, min_size=1, max_size=2))),
        ups=tuple(ups),
        second_version_from=draw(some.integers(1, len(ups) + 1)),
        mishaps=tuple(draw(some.lists(mishaps(), max_size=6))),
        troubles=tuple(draw(some.lists(_troubles(len(phones)), max_size=2))),
        changes=tuple(draw(some.lists(_CHANGES, max_size=5))),
        options={**draw(_OPTIONS), "status_delay": draw(_DELAYS), "status_lag": draw(_DELAYS)},
        key=draw(KEYS),
        withdrawn_at=draw(some.sampled_from((10.0, 1.0, 30.0))),
        batch_size=batch_size,
        phones_page=draw(some.sampled_from((200, 5, 12))),
        jobs_page=max(batch_size, draw(some.sampled_from((100, 1, 10)))),
        latency=draw(some.sampled_from((0.05, 0.0, 0.5, 2.0))),
        lateness=draw(some.sampled_from((0.0, 0.1, 1.0, 6.0))),
        seed=draw(some.integers(0, 10_000)),
    )
