"""Phones that sleep at night, and some on call that never do."""

import pulumi

import pulumi_cph as cph

config = pulumi.Config()
night = config.require_bool("night")

phones = dict.fromkeys(config.require_object("phones"), "stopped" if night else "running")
phones.update(dict.fromkeys(config.get_object("onCall") or [], "running"))

fleet = cph.FleetPower("fleet", phones=phones)

pulumi.export("counts", fleet.counts)
pulumi.export("jobs", fleet.job_ids)
