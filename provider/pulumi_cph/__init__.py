"""Declare which cloud phones (Huawei Cloud CPH) are on and which are off; Pulumi makes it so."""

from __future__ import annotations

from pulumi_cph.lookup import FoundPhone, get_phones
from pulumi_cph.resources import FleetPower, PhonePower, PowerState
from pulumi_cph.version import __version__

__all__ = ["FleetPower", "FoundPhone", "PhonePower", "PowerState", "__version__", "get_phones"]
