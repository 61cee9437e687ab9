"""What tests and demonstrations may ask of the simulator itself, under ``/_control/``. No signature needed.

Bodies and answers are JSON; ``region`` picks a world and is the first region when left out. With the
simulator at ``$S`` (``pulumi-cph simulate`` prints its address)::

    curl $S/_control/state                        # phones by status, jobs, violations, options, faults
    curl $S/_control/stats                        # requests by call
    curl "$S/_control/log?call=batch-stop"        # the requests themselves, power calls with their bodies
    curl $S/_control/phones                       # id, name, true status and shown status of every phone

    # Somebody starts a phone by hand; one freezes; one is created and runs after 30 seconds.
    curl -d '{"set": {"<id>": 2}}' $S/_control/phones
    curl -d '{"set": {"<id>": 6}}' $S/_control/phones
    curl -d '{"set": {"<id>": 1}, "then": 2, "after": 30}' $S/_control/phones
    curl -d '{"add": 3, "remove": ["<id>"]}' $S/_control/phones

    # Phones to be refused when asked, and phones whose jobs fail. "times" is per phone, null for always;
    # without "phone_ids" it is about all phones; "call" is "stop" or "restart", both when left out.
    curl -d '{"phone_ids": ["<id>"], "code": "CPS.0042", "times": 2}' $S/_control/refuse
    curl -d '{"phone_ids": ["<id>"], "code": "CPS.0054", "call": "stop"}' $S/_control/fail-jobs

    # Faults (fields: `pulumi_cph.simulator.faults.Fault`), options (`pulumi_cph.simulator.options.Options`).
    curl -d '{"kind": "drop", "call": "batch-stop", "acted": true}' $S/_control/faults
    curl -d '{"job_seconds": 60, "wrong_state": "request"}' $S/_control/options

    curl -d '{"step": 10}' $S/_control/clock      # only when the simulator was started with a stepped clock
    curl -X POST $S/_control/clear                # withdraw faults, refusals and failures
    curl -X POST $S/_control/clear-log            # empty the log and the history
    curl -X POST $S/_control/reset                # begin again with the same phones; options stay
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pulumi_cph.simulator.clock import SteppedClock
from pulumi_cph.simulator.cloud import Cloud
from pulumi_cph.simulator.codes import Refused
from pulumi_cph.simulator.faults import Fault
from pulumi_cph.simulator.options import Options
from pulumi_cph.simulator.trouble import Orders
from pulumi_cph.simulator.wire import Request, Response, json_response
from pulumi_cph.simulator.world import World

PREFIX = "/_control/"

_Values = Mapping[str, Any]


def control(cloud: Cloud, request: Request) -> Response:
    """Do what a request under `PREFIX` asks; 400 with ``{"error": ...}`` when it makes no sense."""
    command = _COMMANDS.get((request.method, request.path.removeprefix(PREFIX)))
    if command is None:
        known = sorted(f"{method} {PREFIX}{name}" for method, name in _COMMANDS)
        return json_response(404, {"error": "no such control call", "calls": known})
    values = request.parameters if request.method == "GET" else request.json() if request.body else {}
    if not isinstance(values, dict):
        return json_response(400, {"error": "the body is not a JSON object"})
    with cloud.lock:
        try:
            return json_response(200, command(cloud, values))
        except (ValueError, TypeError, KeyError, Refused) as error:
            return json_response(400, {"error": f"{error}"})


def _world(cloud: Cloud, values: _Values) -> World:
    region = values.get("region", cloud.region)
    if region not in cloud.worlds:
        raise ValueError(f"there is no region {region!r}; there are {', '.join(cloud.worlds)}")
    return cloud.worlds[region]


def _state(cloud: Cloud, _: _Values) -> dict[str, Any]:
    worlds = {
        region: {
            "project_id": cloud.projects[region],
            "phones": len(world.phone_ids),
            "by_status": {str(status): number for status, number in sorted(world.counts().items())},
            "jobs_running": world.jobs_running(),
            "power_requests": len(world.history.requests),
            "violations": [vars(each) for each in world.history.violations],
        }
        for region, world in cloud.worlds.items()
    }
    return {
        "time": cloud.clock(),
        "regions": worlds,
        "requests": cloud.log.stats(),
        "faults": cloud.faults.as_list(),
        "options": cloud.options.as_dict(),
    }


def _stats(cloud: Cloud, _: _Values) -> dict[str, int]:
    return cloud.log.stats()


def _log(cloud: Cloud, values: _Values) -> dict[str, Any]:
    call = values.get("call")
    return {"log": [entry.as_dict() for entry in cloud.log if call in (None, entry.call)]}


def _phones(cloud: Cloud, values: _Values) -> dict[str, Any]:
    world = _world(cloud, values)
    phones = [
        {
            "phone_id": phone_id,
            "phone_name": world.phone(phone_id).name,
            "status": world.status(phone_id),
            "shown": world.shown_status(phone_id),
        }
        for phone_id in world.phone_ids
    ]
    return {"phones": phones}


def _change_phones(cloud: Cloud, values: _Values) -> dict[str, Any]:
    world = _world(cloud, values)
    for phone_id, status in values.get("set", {}).items():
        world.set_status(phone_id, status, then=values.get("then"), after=values.get("after", 0.0))
    added = [world.add_phone().phone_id for _ in range(values.get("add", 0))]
    for phone_id in values.get("remove", []):
        world.phone(phone_id)
        world.remove_phone(phone_id)
    return {"added": added}


def _order(pick: Callable[[World], Orders]) -> Callable[[Cloud, _Values], dict[str, Any]]:
    def order(cloud: Cloud, values: _Values) -> dict[str, Any]:
        pick(_world(cloud, values)).add(
            values.get("phone_ids"),
            values["code"],
            values.get("message", ""),
            call=values.get("call"),
            times=values.get("times", 1),
        )
        return {}

    return order


def _faults(cloud: Cloud, _: _Values) -> dict[str, Any]:
    return {"faults": cloud.faults.as_list()}


def _add_fault(cloud: Cloud, values: _Values) -> dict[str, Any]:
    cloud.faults.add(Fault.from_json(values))
    return _faults(cloud, values)


def _options(cloud: Cloud, _: _Values) -> dict[str, Any]:
    return cloud.options.as_dict()


def _set_options(cloud: Cloud, values: _Values) -> dict[str, Any]:
    options: Options = cloud.options.changed(values)
    cloud.options = options
    return options.as_dict()


def _clock(cloud: Cloud, values: _Values) -> dict[str, Any]:
    if not isinstance(cloud.clock, SteppedClock):
        raise ValueError("this simulator's clock runs by itself and cannot be stepped")
    cloud.clock.step(values["step"])
    return {"time": cloud.clock()}


def _clear(cloud: Cloud, _: _Values) -> dict[str, Any]:
    cloud.faults.clear()
    for world in cloud.worlds.values():
        world.refusals.clear()
        world.failures.clear()
    return {}


def _clear_log(cloud: Cloud, _: _Values) -> dict[str, Any]:
    cloud.log.clear()
    for world in cloud.worlds.values():
        world.history.clear()
    return {}


def _reset(cloud: Cloud, _: _Values) -> dict[str, Any]:
    cloud.reset()
    return {}


_COMMANDS: dict[tuple[str, str], Callable[[Cloud, _Values], dict[str, Any]]] = {
    ("GET", "state"): _state,
    ("GET", "stats"): _stats,
    ("GET", "log"): _log,
    ("GET", "phones"): _phones,
    ("POST", "phones"): _change_phones,
    ("POST", "refuse"): _order(lambda world: world.refusals),
    ("POST", "fail-jobs"): _order(lambda world: world.failures),
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("GET", "options"): _options,
    ("POST", "options"): _set_options,
    ("POST", "clock"): _clock,
    ("POST", "clear"): _clear,
    ("POST", "clear-log"): _clear_log,
    ("POST", "reset"): _reset,
}
