"""What the engine calls, for both resources: calls are turned into looks, plans and orders.

Loaded in the provider process alone, with the first call; what the calls share is the process's session.
"""

from __future__ import annotations

import os
import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    UpdateResult,
)

from pulumi_cph import engine, operation, report, settings
from pulumi_cph import session as sn
from pulumi_cph.api.errors import ApiError, AuthenticationError
from pulumi_cph.dispatch import events as ev
from pulumi_cph.inputs import Declared
from pulumi_cph.state import OPTIONS, PhoneShape, Shape

_PROVIDER = "__provider"

_config: settings.ConfigGet = dict[str, object]().get
_session: sn.Session | None = None
_lock = threading.Lock()
_singles: Counter[str] = Counter()
"""Request id -> phones of `PhonePower` resources that it was sent for in this process."""
_advised = False


def _current() -> sn.Session:
    """The process's session.

    Raises:
        SettingsError: configuration and environment do not suffice.
    """
    global _session
    with _lock:
        if _session is None:
            _session = session = sn.Session(
                settings.read(_config, os.environ),
                alive=engine.engine_is_there,
                listener=lambda news: operation.tell(news, _say(engine.Call()), quiet=True),
            )
            engine.on_cancel(lambda: session.end("the operation was cancelled"))
            engine.when_gone(lambda: session.end("the engine is gone"))
        return _session


def _advise(session: sn.Session, outcomes: Iterable[ev.Outcome]) -> None:
    """Count what single phones cost; say once, for the end of the engine's output, that it could cost less."""
    global _advised
    with _lock:
        _singles.update(outcome.request_id for outcome in outcomes if outcome.request_id)
        advice = None if _advised else report.slow_singles(_singles, session.settings.batch_size)
        _advised = _advised or advice is not None
    if advice:
        engine.log("warning", advice)


def configure(config: settings.ConfigGet) -> None:
    """Take over the stack's configuration."""
    global _config
    _config = config


def check(shape: Shape, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
    """Normalise and refuse inputs, claim the phones, say what would be done to them, and hold the guard rails."""
    declared, wrong = shape.declared(olds, news)
    if wrong:
        # The engine would print the whole of `phones`; the sentence names the phone.
        return CheckResult(news, [CheckFailure("" if w.property == "phones" else w.property, w.reason) for w in wrong])
    inputs = _without_outputs(shape, news, declared)
    if not declared.place_known:
        return CheckResult(inputs, [])
    urn = engine.current_call().urn
    try:
        session = _current()
        place = session.place(declared.region, declared.project_id)
        inputs.update(region=place.region, project_id=place.project_id)
        taken = session.claim(place, declared.members, urn)
        if taken:
            return CheckResult(inputs, [CheckFailure("", _claimed(taken))])
        left = _left(shape.phones(olds), declared)
        view = operation.prospect(session, place, declared, left)
    except settings.SettingsError as error:
        return CheckResult(inputs, [CheckFailure("", str(error))])
    except ApiError as error:
        return CheckResult(inputs, [CheckFailure("", _explained(error))])
    for line in view.lines:
        engine.log("info", line, urn=urn)
    for warning in report.refusal_lines(view.plan, view.seen):
        engine.log("warning", warning, urn=urn)
    if left and not declared.members:
        engine.log("warning", f"the fleet is empty now; it had {len(left)} phones", urn=urn)
    if broken := operation.broken_rails(declared, view):
        # The engine ends here, and with it this process; what was said shall be heard.
        engine.flush()
    return CheckResult(inputs, [CheckFailure("", sentence) for sentence in broken])


def diff(shape: Shape, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
    """Whether inputs changed or phones drifted, and whether that replaces the resource. Says nothing to the user."""
    declared, wrong = shape.declared(news, news)
    replaces = [key for key in shape.identity if _differs(olds.get(key), news.get(key))]
    if replaces or wrong or not declared.complete or not declared.place_known:
        return DiffResult(changes=True, replaces=replaces)
    changed = shape.phones(olds) != shape.phones(news) or any(_differs(olds.get(key), news.get(key)) for key in OPTIONS)
    return DiffResult(changes=changed or _drifted(declared), replaces=[])


def create(shape: Shape, props: dict[str, Any]) -> CreateResult:
    """Bring the phones to what is declared; those that are there already are adopted without a request."""
    id_ = next(iter(shape.phones(props))) if isinstance(shape, PhoneShape) else uuid.uuid4().hex
    return CreateResult(id_, _apply(shape, id_, {}, props))


def update(shape: Shape, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
    """Bring the phones to what is declared, and those that left to what `on_delete` says."""
    return UpdateResult(_apply(shape, id_, olds, news))


def read(shape: Shape, id_: str, props: dict[str, Any]) -> ReadResult:
    """What the phones show now, as outputs and as inputs. Never answers that the resource is gone."""
    declared, _ = shape.declared(props, props)
    recorded = shape.phones(props)
    with _readable():
        session = _current()
        view = operation.prospect(session, session.place(declared.region, declared.project_id), declared)
    refused = {step.phone_id: step for step in view.plan.having("refuse")}
    result = shape.earlier(props)
    result.statuses = {phone_id: view.seen[phone_id].status for phone_id in recorded}
    result.failures = {i: report.summary(report.refusal(step)) for i, step in refused.items()}
    # What was seen stands in the inputs too, so that the engine's preview names every phone that drifted. A phone
    # that nothing can change and that is only to be warned of is not a change to show each time.
    shown = {
        phone_id: state if declared.on_refused == "warn" and phone_id in refused else view.seen[phone_id].status
        for phone_id, state in recorded.items()
    }
    inputs = shape.with_phones(props, shown)
    return ReadResult(id_, {**inputs, **shape.outputs(result)}, inputs)


def delete(shape: Shape, props: dict[str, Any]) -> None:
    """Do to the phones what `on_delete` says, but for those that another resource claims."""
    declared, _ = shape.declared(props, props)
    if declared.release is None:
        return
    gone = replace(declared, phones={}, kept={})
    call = engine.current_call()
    with _readable():
        session = _current()
        place = session.place(declared.region, declared.project_id)
        leaving = session.unclaimed(place, shape.phones(props))
        if broken := operation.broken_rails(declared, operation.prospect(session, place, gone, leaving)):
            raise engine.PowerStateError("; ".join(broken))
        reached = operation.bring(session, place, gone, leaving, timeout=_timeout(session, call), say=_say(call))
    # The engine may end this process as soon as it has the answer, and nothing else knows of the requests.
    engine.flush()
    if reached.failed:
        raise engine.PowerStateError("\n".join(reached.lines))


def _apply(shape: Shape, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    """Bring the phones to what `news` declares, and those that left to what `on_delete` says."""
    declared, _ = shape.declared(news, news)
    call = engine.current_call()
    with _readable():
        session = _current()
        place = session.place(declared.region, declared.project_id)
        left = _left(shape.phones(olds), declared) if declared.release else []
        leaving = session.unclaimed(place, left)
        reached = operation.bring(session, place, declared, leaving, timeout=_timeout(session, call), say=_say(call))
    if isinstance(shape, PhoneShape):
        _advise(session, reached.outcomes.values())
    members = shape.phones(news)
    # A phone that could not be released stays a member, so that the next update tries again.
    kept = {o.phone_id: str(declared.release) for o in reached.failed if o.phone_id not in members}
    result = operation.result(shape.earlier(olds), [*members, *kept], reached)
    outputs = {**shape.with_phones(news, {**members, **kept}), **shape.outputs(result)}
    if reached.failed:
        # The engine begins nothing more once something failed; what stands beside this shall not be kept from it.
        with suppress(ApiError):
            session.await_quiet()
        engine.fail_partially(call, id_, {**outputs, _PROVIDER: news[_PROVIDER]}, reached.lines)
    return outputs


def _explained(error: ApiError | settings.SettingsError) -> str:
    """The error as one sentence that says what to do, where that is known."""
    if isinstance(error, AuthenticationError):
        # The gateway adds the whole request that it checked; what helps is where the key comes from.
        said = re.split(r"[,;:]?\s*canonical", error.message, flags=re.IGNORECASE)[0][:200]
        return (
            f"the credentials were refused: {error.code or 'HTTP 401'} {said} (request id {error.request_id}); nothing "
            f"more is sent. Check HW_ACCESS_KEY and HW_SECRET_KEY, or where else the key comes from"
        )
    if isinstance(error, ApiError):
        return f"the phones cannot be looked at: {error}{report.remedy(error.code)}"
    return str(error)


class _readable:
    """Turns what a person can mend into one readable line."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ApiError | settings.SettingsError):
            raise engine.PowerStateError(_explained(error)) from None


def _without_outputs(shape: Shape, news: Mapping[str, Any], declared: Declared) -> dict[str, Any]:
    """The inputs to record: in one form, without what was not given."""
    if declared.complete:
        return shape.with_phones(news, {**declared.phones, **declared.kept})
    return {key: value for key, value in news.items() if value is not None}


def _left(recorded: Mapping[str, str], declared: Declared) -> list[str]:
    """The phones that were in the resource and are not any more."""
    members = set(declared.members)
    return [phone_id for phone_id in recorded if phone_id not in members]


def _claimed(taken: Mapping[str, str]) -> str:
    lines = [f"phone {i} is declared by {urn.rsplit('::', 1)[-1]!r} too" for i, urn in taken.items()]
    more = f" and {len(lines) - report.NAMED} more phones" if len(lines) > report.NAMED else ""
    return "; ".join(lines[: report.NAMED]) + more + ": a phone belongs to one resource"


def _differs(old: object, new: object) -> bool:
    """Whether an option was changed; absent is the same as its default."""
    defaults = {"leave", "fail"}
    return old != new and not (old is None and new in defaults) and not (new is None and old in defaults)


def _drifted(declared: Declared) -> bool:
    """Whether a phone is not where it was declared to be. Silent: what is wrong was said by check."""
    try:
        session = _current()
        place = session.place(declared.region, declared.project_id)
        return operation.drifted(declared, operation.prospect(session, place, declared))
    except (ApiError, settings.SettingsError):
        return False


def _timeout(session: sn.Session, call: engine.Call) -> float:
    return call.timeout or session.settings.timeout


def _say(call: engine.Call) -> operation.Say:
    def say(kind: Literal["info", "warning", "progress"], line: str) -> None:
        engine.log("info" if kind == "progress" else kind, line, urn=call.urn, ephemeral=kind == "progress")

    return say
