"""One phone that is off as long as this stack exists."""

import pulumi

import pulumi_cph as cph

phone = cph.PhonePower(
    "phone",
    phone_id=pulumi.Config().require("phoneId"),
    power_state=cph.PowerState.STOPPED,
    on_delete="start",
)

pulumi.export("status", phone.status)
pulumi.export("job", phone.job_id)
