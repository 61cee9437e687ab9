"""All phones of one server, whatever they are called today."""

import pulumi

import pulumi_cph as cph

config = pulumi.Config()
found = cph.get_phones(server_id=config.require("serverId"))

fleet = cph.FleetPower(
    "server",
    phone_ids=[phone.phone_id for phone in found],
    power_state=config.get("powerState") or cph.PowerState.STOPPED,
)

pulumi.export("counts", fleet.counts)
pulumi.export("jobs", fleet.job_ids)
pulumi.export("failures", fleet.failures)
