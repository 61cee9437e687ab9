"""Alarms by key."""

from __future__ import annotations

from pulumi_cph.dispatch.timers import NEVER, Timers


def rung(timers: Timers, now: float) -> None:
    while act := timers.take(now):
        act()


def test_alarms_ring_in_the_order_of_their_times() -> None:
    timers, heard = Timers(), []
    for key, when in (("b", 2.0), ("a", 1.0), ("c", 3.0)):
        timers.set(key, when, lambda key=key: heard.append(key))  # type: ignore[misc]

    assert timers.next_at == 1.0
    rung(timers, 2.5)
    assert heard == ["a", "b"]
    assert timers.next_at == 3.0


def test_of_two_times_for_one_key_the_earlier_counts() -> None:
    timers, heard = Timers(), []
    for when in (5.0, 2.0, 9.0):
        timers.set("key", when, lambda when=when: heard.append(when))  # type: ignore[misc]

    assert timers.next_at == 2.0
    rung(timers, 10.0)
    assert heard == [2.0]
    assert timers.next_at == NEVER


def test_a_dropped_alarm_does_not_ring() -> None:
    timers, heard = Timers(), []
    timers.set("key", 1.0, lambda: heard.append(1))
    timers.drop("key")
    timers.drop("other")

    rung(timers, 10.0)
    assert (heard, timers.next_at) == ([], NEVER)


def test_an_alarm_may_be_set_again_when_it_rings() -> None:
    timers, heard = Timers(), []

    def again() -> None:
        heard.append(len(heard))
        if len(heard) < 3:
            timers.set("key", float(len(heard)), again)

    timers.set("key", 0.0, again)
    rung(timers, 10.0)
    assert heard == [0, 1, 2]


def test_never_is_no_time() -> None:
    timers = Timers()
    timers.set("key", NEVER, lambda: None)

    assert timers.take(1e9) is None
