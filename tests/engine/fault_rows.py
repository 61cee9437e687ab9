"""What a row of the table of chosen faults is made of: things that are done to a cloud, and what must hold then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pulumi_cph.simulator.faults import Fault, Kind
from pulumi_cph.simulator.rules import PowerCall
from pulumi_cph.simulator.wire import Response, json_response
from tests.engine.simulated import Simulated

Act = Callable[[Simulated], None]
"""Something that is done to a cloud."""

ALWAYS = None
"""As `times`: whenever it is asked."""

Way = Literal["well", "badly", "unseen", "long"]
"""Which rows share an `up`: those that end well; those that fail; those whose phones cannot even be looked at, so that
the check fails; those that fail only after a while."""


@dataclass(frozen=True)
class Row:
    """One chosen fault, and what must hold.

    Phones are meant by their number in the fleet, from 0.

    Attributes:
        name: the fault as a sentence, for the table in the documentation.
        acts: what is done to the cloud before the first `up` ...
        middle: ... and what as soon as it has carried out a request.
        sent: how many phones each request of the first `up` has, in any order; None: `each_at_most` alone.
        fails: the phones that are not where they should be after the first `up`, with the status that is recorded.
        says: words that stand in the first `up`'s lines about the fleet; "{0}" is the id of phone 0.
        left: the phones that the next `up` asks for; None: those of `fails`.
        way: how it ends, see `Way`.
        jobs_unknown: whether the ids of the jobs cannot be learnt.
        warned: whether `fails` is only warned of.
        phones, others: phones in the fleet, and phones in the account besides (which are newer).
        power: what the fleet is to be; it is the opposite before.
        options: of the simulator.
        fleet: further arguments of the FleetPower.
        project: whether the project has to be looked up.
        pause: seconds between the first two requests at least.
        whichever: whether `fails` gives numbers only: which phones they are depends on the order of their ids.
        each_at_most: how many phones one request has at most.
    """

    name: str
    acts: tuple[Act, ...] = ()
    sent: tuple[int, ...] | None = (3,)
    fails: Mapping[int, str] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    way: Way = "well"
    left: tuple[int, ...] | None = None
    jobs_unknown: bool = False
    warned: bool = False
    phones: int = 3
    others: int = 0
    power: Literal["stopped", "running"] = "stopped"
    options: Mapping[str, Any] = field(default_factory=dict)
    fleet: str = ""
    middle: Act | None = None
    project: bool = False
    pause: float = 0.0
    whichever: bool = False
    each_at_most: int = 100

    @property
    def call(self) -> str:
        """The request that the fleet needs."""
        return "batch-stop" if self.power == "stopped" else "batch-restart"

    @property
    def unfinished(self) -> tuple[int, ...]:
        """The phones that the next `up` asks for."""
        return tuple(self.fails) if self.left is None else self.left


def all_of(phones: int, status: str) -> dict[int, str]:
    """`Row.fails` for so many phones alike."""
    return dict.fromkeys(range(phones), status)


def strike(kind: Kind, call: str, **fields: Any) -> Act:
    """Requests of `call` are answered badly: once, unless `times` says otherwise."""
    return lambda cloud: cloud.simulator.faults.add(Fault(kind, call=call, **fields))


def error(call: str, status: int, code: str, message: str = "said the service", **fields: Any) -> Act:
    """Requests of `call` are answered with an error."""
    return strike("error", call, status=status, code=code, message=message, **fields)


def spoil(number: int, call: str, status: int, code: str) -> Act:
    """Every request of `call` that has phone `number` in it is refused as a whole."""

    def act(cloud: Simulated) -> None:
        ids = (cloud.fleet[number],)
        cloud.simulator.faults.add(Fault("error", call=call, status=status, code=code, phone_ids=ids, times=ALWAYS))

    return act


def refuse(code: str, *numbers: int, call: PowerCall | None = None, times: int | None = 1) -> Act:
    """These phones are refused inside an accepted request."""
    return lambda cloud: cloud.world.refusals.add([cloud.fleet[n] for n in numbers], code, call=call, times=times)


def fail_jobs(code: str, *numbers: int) -> Act:
    """The jobs of these phones fail; without numbers, all do."""
    return lambda cloud: cloud.world.failures.add(
        [cloud.fleet[n] for n in numbers] if numbers else None, code, times=ALWAYS
    )


def put(number: int, status: int, **then: Any) -> Act:
    """Somebody else changes a phone."""
    return lambda cloud: cloud.set_status(cloud.fleet[number], status, **then)


def delete(number: int) -> Act:
    """Somebody deletes a phone."""

    def act(cloud: Simulated) -> None:
        with cloud.simulator.cloud.lock:
            cloud.world.remove_phone(cloud.fleet[number])

    return act


class Understated(Fault):
    """A listing whose `count` is too low."""

    def answer(self, request_id: str, real: Response | None) -> Response:
        assert real
        return replace(real, body=json_response(200, {**real.json(), "count": 1}).body)


def understate(cloud: Simulated) -> None:
    """Listings of phones tell that there is one phone."""
    cloud.simulator.faults.add(Understated("lying-count", call="list-phones", times=ALWAYS))


def redirect(call: str, times: int | None = 1, **fields: Any) -> Act:
    """Requests of `call` are sent to another host, which listens there and shall hear nothing."""
    return lambda cloud: cloud.simulator.faults.add(
        Fault("redirect", call=call, times=times, location=f"{cloud.elsewhere}/v1/phones", **fields)
    )
