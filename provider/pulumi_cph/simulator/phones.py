"""One simulated phone, and its status over time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pulumi_cph.simulator.clock import timestamp


class Timeline:
    """A status that is known ahead: what it is now, and when it will be what."""

    def __init__(self, status: int) -> None:
        """Begin with `status`, which lasts until a change is planned."""
        self._status = status
        self._planned: list[tuple[float, int]] = []

    def at(self, now: float) -> int:
        """The status at `now`. Time never goes backwards: what is past is forgotten."""
        while self._planned and self._planned[0][0] <= now:
            self._status = self._planned.pop(0)[1]
        return self._status

    def plan(self, now: float, *changes: tuple[float, int]) -> None:
        """Replace whatever was to come after `now` by `changes`: pairs of a time and a status, in order."""
        self.at(now)
        self._planned = list(changes)


@dataclass
class Phone:
    """One phone. What it really is and what the service shows of it are two timelines: the second lags."""

    phone_id: str
    name: str
    server_id: str
    status: int
    """The status it begins with."""
    created: float
    """When it was created, in seconds since 1970."""
    zone: str = "cn-north-4a"
    type: int = 0
    """0: an ordinary phone (the only type left in the documents)."""
    updated: float = 0.0
    number: int = 1
    """Its number in its project, from which addresses and the like are made."""
    calls: int = 0
    """How many jobs it has had; with the seed this decides how long the next one takes."""
    truth: Timeline = field(init=False, repr=False)
    shown: Timeline = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.truth = Timeline(self.status)
        self.shown = Timeline(self.status)
        self.updated = self.updated or self.created

    def listed(self, now: float) -> dict[str, Any]:
        """The phone as an entry of ListCloudPhones."""
        return {
            "phone_name": self.name,
            "server_id": self.server_id,
            "phone_id": self.phone_id,
            "phone_model_name": "AOSP-1U4G15G-001",
            "image_version": "AOSP 7.0",
            "image_id": "88b8449b896f4a4585060425110d0000",
            "vnc_enable": "true",
            "status": int(self.shown.at(now)),
            "type": self.type,
            "imei": f"8692{self.number:011d}",
            "availability_zone": self.zone,
            "traffic_type": "direct",
            "volume_mode": 0,
            "metadata": {"order_id": "CS1909211347TNTZY", "product_id": "00301-110382-0--0"},
            "create_time": timestamp(self.created),
            "update_time": timestamp(self.updated),
        }

    def detailed(self, now: float) -> dict[str, Any]:
        """The phone as ShowCloudPhoneDetail answers it, without the request id."""
        access = {
            "type": "server1",
            "phone_ip": f"10.237.{self.number // 250 % 250}.{self.number % 250 + 1}",
            "listen_port": 38080,
            "public_ip": "",
            "server_ip": "172.31.0.123",
            "access_port": 10_000 + self.number % 50_000,
        }
        return {**self.listed(now), "access_infos": [access], "property": "{}"}
