"""The program that this repository is: the fleets of the stack's configuration, each on or off.

Exports, by fleet: `counts` (status -> phones), `job_ids` (phone -> job that last changed it), `failures`
(phone -> what is wrong; empty when all is well). And `totals` over all fleets.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import pulumi

import fleets
import pulumi_cph as cph


def phone_ids(fleet: fleets.Fleet) -> list[str]:
    """The phones of a fleet, as configured or as the service lists them now."""
    if fleet.phone_ids is not None:
        return list(fleet.phone_ids)
    found = cph.get_phones(server_id=fleet.server_id, name=fleet.literal)
    if fleet.name_pattern is not None:
        found = [phone for phone in found if fnmatchcase(phone.name, fleet.name_pattern)]
    if not found:
        pulumi.log.warn(f"fleet {fleet.name!r} is empty: no phone has {fleet.server_id or fleet.name_pattern!r}")
    return [phone.phone_id for phone in found]


try:
    configured = fleets.parse(pulumi.Config().get_object("fleets"))
except fleets.WrongFleets as wrong:
    raise pulumi.RunError(str(wrong)) from None

powers = {
    fleet.name: cph.FleetPower(
        fleet.name,
        phone_ids=phone_ids(fleet),
        power_state=fleet.power_state,
        on_delete=fleet.on_delete,
        **fleet.options,
    )
    for fleet in configured
}
counts = pulumi.Output.from_input({name: power.counts for name, power in powers.items()})
job_ids = pulumi.Output.from_input({name: power.job_ids for name, power in powers.items()})
failures = pulumi.Output.from_input({name: power.failures for name, power in powers.items()})

pulumi.export("counts", counts)
pulumi.export("job_ids", job_ids)
pulumi.export("failures", failures)
pulumi.export(
    "totals",
    pulumi.Output.all(counts, job_ids, failures).apply(lambda each: fleets.totals(*(of.values() for of in each))),
)
