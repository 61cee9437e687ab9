"""The simulator over HTTP: what only shows on a real connection."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from pulumi_cph.simulator import Fault, Options, SteppedClock, server
from tests.unit.simulator.builders import PROJECT


@pytest.fixture
def simulator() -> Iterator[server.Simulator]:
    options = Options(signature_required=False, rate_limit=None)
    with server.Simulator(options, phones=3, clock=SteppedClock()) as running:
        yield running


def connect(simulator: server.Simulator) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(simulator.endpoint).netloc, timeout=5)


def get(simulator: server.Simulator, path: str) -> tuple[int, bytes]:
    connection = connect(simulator)
    connection.request("GET", path)
    response = connection.getresponse()
    try:
        return response.status, response.read()
    finally:
        connection.close()


def test_it_answers_on_a_free_port_of_this_machine(simulator: server.Simulator) -> None:
    assert simulator.endpoint.startswith("http://127.0.0.1:")
    status, body = get(simulator, f"{PROJECT}/phones?limit=2")
    assert (status, body.count(b'"phone_id"')) == (200, 2)
    assert [entry.query for entry in simulator.log] == ["limit=2"]


def test_several_run_side_by_side(simulator: server.Simulator) -> None:
    with server.Simulator(Options(signature_required=False), phones=1) as other:
        assert other.endpoint != simulator.endpoint
        assert get(other, f"{PROJECT}/phones")[1].count(b'"phone_id"') == 1


def test_the_control_endpoint_is_served_and_not_logged(simulator: server.Simulator) -> None:
    assert get(simulator, "/_control/state")[0] == 200
    assert len(simulator.log) == 0


def test_a_drop_closes_the_connection_without_an_answer(simulator: server.Simulator) -> None:
    simulator.faults.add(Fault("drop"))
    with pytest.raises(http.client.RemoteDisconnected):
        get(simulator, f"{PROJECT}/phones")
    assert get(simulator, f"{PROJECT}/phones")[0] == 200


def test_a_cut_loses_the_connection_within_the_body(simulator: server.Simulator) -> None:
    simulator.faults.add(Fault("cut"))
    with pytest.raises(http.client.IncompleteRead):
        get(simulator, f"{PROJECT}/phones")


def test_a_slow_answer_comes_in_single_bytes(simulator: server.Simulator) -> None:
    simulator.faults.add(Fault("slow"))
    connection = connect(simulator)
    connection.request("GET", f"{PROJECT}/phones")
    response = connection.getresponse()
    assert response.read1(1000) == b"{"
    connection.close()


def test_a_connection_is_kept_alive(simulator: server.Simulator) -> None:
    connection = connect(simulator)
    for _ in range(3):
        connection.request("GET", f"{PROJECT}/phones")
        assert connection.getresponse().read()
    connection.close()


def test_many_clients_at_once_see_every_phone() -> None:
    options = Options(signature_required=False, rate_limit=None)
    with server.Simulator(options, phones=2000) as simulator:
        seen: list[bytes] = []

        def page(number: int) -> None:
            seen.append(get(simulator, f"{PROJECT}/phones?limit=200&offset={200 * number}")[1])

        threads = [threading.Thread(target=page, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(body.count(b'"phone_id"') for body in seen) == 2000


def test_after_the_block_nothing_listens() -> None:
    with server.Simulator() as simulator:
        address = urlsplit(simulator.endpoint).netloc
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(address, timeout=5).connect()


def test_the_environment_leads_a_client_to_it(simulator: server.Simulator) -> None:
    environment = simulator.environment()
    assert environment["CPH_ENDPOINT"] == environment["CPH_IAM_ENDPOINT"] == simulator.endpoint
    assert environment["HW_ACCESS_KEY"].startswith("AKSIMULATOR")


def test_a_delay_is_performed_before_the_answer(simulator: server.Simulator) -> None:
    phone_id = simulator.world.phone_ids[0]
    simulator.faults.add(Fault("delay", seconds=30))
    connection = http.client.HTTPConnection(urlsplit(simulator.endpoint).netloc, timeout=0.2)
    connection.request("POST", f"{PROJECT}/phones/batch-stop", json.dumps({"phone_ids": [phone_id]}))
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    assert simulator.world.status(phone_id) == 7, "the world acted meanwhile"
