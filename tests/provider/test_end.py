"""How a provider process ends: told to (Ctrl-C), or because its engine has died. What was begun is not lost."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.foreign_cloud import ForeignCloud
from tests.provider.process import Failed, ProviderProcess
from tests.unit.api.sockets import drip, serving

LONG = {"job_seconds": 60.0, "status_lag": 0.0}


def _create(provider: ProviderProcess, type_: str, name: str, news: dict[str, object]) -> Failed:
    checked = provider.check(type_, name, news)
    with pytest.raises(Failed) as failed:
        provider.create(type_, name, checked.inputs)
    return failed.value


def _accepted(provider: ProviderProcess) -> int:
    """The phones of all requests that were accepted so far."""
    said = [re.search(r"accepted for (\d+) phone", line.message) for line in provider.engine.lines]
    return sum(int(found[1]) for found in said if found)


def test_cancel_ends_every_wait_within_a_second_and_saves_the_job_ids(
    new_cloud: Callable[..., ForeignCloud], new_provider: Callable[..., ProviderProcess]
) -> None:
    cloud = new_cloud(6, **LONG)
    provider = new_provider(cloud)
    *members, single = cloud.phone_ids

    with ThreadPoolExecutor(2) as pool:
        fleet_create = pool.submit(_create, provider, "FleetPower", "f", {"phones": dict.fromkeys(members, "stopped")})
        single_create = pool.submit(
            _create, provider, "PhonePower", "p", {"phone_id": single, "power_state": "stopped"}
        )
        while _accepted(provider) < 6:
            time.sleep(0.02)
        cancelled = time.monotonic()
        provider.cancel()
        fleet, one = fleet_create.result(), single_create.result()
        assert time.monotonic() - cancelled < 1.0

    assert fleet.partial
    assert one.partial
    assert set(fleet.properties["job_ids"]) == set(members)
    assert set(fleet.properties["job_ids"].values()) <= set(cloud.jobs)
    assert set(fleet.properties["statuses"].values()) == {"stopping"}
    assert one.properties["job_id"] in cloud.jobs
    assert all("interrupted" in reason.lower() for reason in [*fleet.reasons, *one.reasons])


def test_cancel_ends_a_look_that_the_service_does_not_answer(
    new_cloud: Callable[..., ForeignCloud], new_provider: Callable[..., ProviderProcess]
) -> None:
    asked = threading.Event()

    def answer(connection: socket.socket) -> None:
        asked.set()
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")(connection)

    inputs = {"phone_id": "a", "power_state": "stopped", "region": "cn-north-4", "project_id": "0" * 32}
    with serving(answer) as server, ThreadPoolExecutor(1) as pool:
        provider = new_provider(new_cloud(1), config={"cph:endpoint": server.url})
        creating = pool.submit(provider.create, "PhonePower", "a", inputs)
        assert asked.wait(10.0)
        provider.cancel()
        failed = creating.exception(timeout=15.0)

    assert isinstance(failed, Failed)
    assert "interrupted" in failed.message


def test_after_a_cancel_nothing_is_sent_any_more(
    new_cloud: Callable[..., ForeignCloud], new_provider: Callable[..., ProviderProcess]
) -> None:
    cloud = new_cloud(1)
    provider = new_provider(cloud)
    [a] = cloud.phone_ids
    checked = provider.check("PhonePower", "a", {"phone_id": a, "power_state": "stopped"})
    provider.cancel()

    began = time.monotonic()
    with pytest.raises(Failed) as failed:
        provider.create("PhonePower", "a", checked.inputs)

    assert time.monotonic() - began < 1.0
    assert failed.value.partial
    assert cloud.posts == []


def test_a_process_whose_engine_died_sends_nothing_more_and_ends(
    new_cloud: Callable[..., ForeignCloud], new_provider: Callable[..., ProviderProcess]
) -> None:
    cloud = new_cloud(1, **LONG)
    provider = new_provider(cloud)
    [a] = cloud.phone_ids

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_create, provider, "PhonePower", "p", {"phone_id": a, "power_state": "stopped"})
        provider.wait_for_line("accepted")
        provider.engine_dies()
        provider.process.wait(timeout=15)
        waiting.exception()

    assert len(cloud.posts) == 1


def test_a_normal_end_is_silent(cloud: ForeignCloud, provider: ProviderProcess) -> None:
    a, *_ = cloud.phone_ids
    checked = provider.check("PhonePower", "p", {"phone_id": a, "power_state": "stopped"})
    provider.create("PhonePower", "p", checked.inputs)
    said = len(provider.heard())

    provider.cancel()
    provider.process.terminate()
    provider.process.wait(timeout=10)

    assert provider.heard()[said:] == []
    assert provider.output == ""


def test_the_process_starts_without_a_word_and_without_a_request(
    cloud: ForeignCloud, provider: ProviderProcess
) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        provider.process.wait(timeout=0.2)

    assert provider.output == ""
    assert cloud.log == []
