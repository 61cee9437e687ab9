"""Trouble ordered for particular phones: refused when asked, or a job that fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pulumi_cph.simulator.codes import MESSAGES
from pulumi_cph.simulator.rules import PowerCall


@dataclass
class Order:
    """One order: which phones, with which code, how often."""

    code: str
    message: str = ""
    """The published message of `code` when left empty."""
    phone_ids: frozenset[str] | None = None
    """None: every phone."""
    call: PowerCall | None = None
    """None: stop and restart alike."""
    times: int | None = 1
    """How often per phone; None for always."""
    _spent: dict[str, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.message = self.message or MESSAGES.get(self.code, "")

    def strikes(self, call: PowerCall, phone_id: str) -> bool:
        """Whether this order is about this phone now; counts when it is."""
        if self.call not in (None, call) or (self.phone_ids is not None and phone_id not in self.phone_ids):
            return False
        if self.times is not None and self._spent.get(phone_id, 0) >= self.times:
            return False
        self._spent[phone_id] = self._spent.get(phone_id, 0) + 1
        return True


class Orders:
    """The orders of one kind in force, the oldest first."""

    def __init__(self) -> None:
        self._orders: list[Order] = []

    def add(
        self,
        phone_ids: Iterable[str] | None,
        code: str,
        message: str = "",
        *,
        call: PowerCall | None = None,
        times: int | None = 1,
    ) -> None:
        """Order trouble with `code` for `phone_ids` (None: all), `times` per phone (None: always)."""
        ids = None if phone_ids is None else frozenset(phone_ids)
        self._orders.append(Order(code, message, ids, call, times))

    def strike(self, call: PowerCall, phone_id: str) -> Order | None:
        """The first order that is about this phone now, if any. Asking uses it up."""
        return next((order for order in self._orders if order.strikes(call, phone_id)), None)

    def clear(self) -> None:
        """Withdraw all orders."""
        self._orders.clear()
