"""The real transport, against sockets that behave badly. Nothing leaves the machine."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_cph.api import ConnectionFailed, HttpRequest
from pulumi_cph.api import transport as transport_module
from pulumi_cph.api.signing import canonical_query, encode
from pulumi_cph.api.transport import RequestsTransport
from tests.unit.api.sockets import OK, drip, forget_environment, get, quick, say, serving


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    forget_environment(monkeypatch)


def test_an_answer_comes_back_whole_with_headers_in_any_case():
    with serving(say(OK)) as server:
        answer = get(server.url)
    assert (answer.status, answer.body, answer.cut) == (200, b"{}", None)
    assert answer.headers["x-THING"] == "a"


def test_the_request_arrives_as_it_was_signed_and_with_nothing_added():
    with serving(say(OK)) as server:
        headers = {
            "Host": f"127.0.0.1:{server.port}",
            "Content-Type": "application/json",
            "User-Agent": "x/1",
        }
        quick().send(HttpRequest("POST", server.url + "/a%2Fb%20c?x=%E6%89%8B&y=~", headers, b'{"a":1}'))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /a%2Fb%20c?x=%E6%89%8B&y=~ HTTP/1.1"
    assert body == b'{"a":1}'
    names = sorted(line.split(":")[0].lower() for line in lines[1:])
    assert names == ["accept", "accept-encoding", "content-length", "content-type", "host", "user-agent"]


def test_any_id_and_any_query_arrive_unchanged():
    text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
    transport = quick()
    with serving(say(OK, keep=True)) as server:

        @settings(max_examples=150, deadline=None)
        @given(
            text.filter(lambda t: t not in (".", "..")),
            st.lists(st.tuples(text, text), min_size=1, max_size=3),
        )
        def check(identifier, query):
            target = f"/phones/{encode(identifier)}?{canonical_query(query)}"
            get(server.url + target, transport)
            assert server.requests[-1].split(b" ")[1].decode() == target

        check()


def test_connections_are_used_again_by_many_threads():
    transport = quick()
    with serving(say(OK, keep=True)) as server, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: get(f"{server.url}/{n}", transport), range(200)))
    assert {answer.status for answer in answers} == {200}
    assert server.connections <= 8


def test_a_netrc_does_not_replace_our_authorization(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(say(OK)) as server:
        get(server.url, Authorization="SDK-HMAC-SHA256 ours")
    assert b"Authorization: SDK-HMAC-SHA256 ours" in server.requests[0]


def test_cookies_are_not_kept():
    cookie = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b; Path=/\r\n\r\n{}"
    transport = quick()
    with serving(say(cookie, keep=True)) as server:
        get(server.url, transport)
        get(server.url, transport)
    assert b"cookie" not in server.requests[1].lower()


def test_a_proxy_of_the_environment_is_used_and_may_be_excepted(monkeypatch):
    with serving(say(OK)) as proxy, serving(say(OK)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        get(server.url + "/direct")
        get("http://cph.invalid/through")
    assert server.requests[0].startswith(b"GET /direct ")
    assert [request.split(b" ")[1] for request in proxy.requests] == [b"http://cph.invalid/through"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status):
    with serving(say(OK)) as target:
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: {target.url}/x\r\nContent-Length: 0\r\n\r\n".encode()
        with serving(say(moved)) as server:
            answer = get(server.url)
    assert answer.status == status
    assert answer.headers["Location"] == f"{target.url}/x"
    assert target.requests == []


def test_packed_bodies_are_not_unpacked():
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    with serving(say(packed)) as server:
        assert get(server.url).body == b"\x1f\x8b\x08\x00"
    assert b"accept-encoding: identity" in server.requests[0].lower()


# --- answers that stop or do not stop ---


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b'{"phones":[',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"phones":[\r\n',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"phones":[\r\nxyz\r\n',
    ],
)
def test_a_body_that_ends_early_is_a_part_and_says_so(start):
    with serving(say(start)) as server:
        answer = get(server.url)
    assert (answer.status, answer.cut) == (200, "ended early")
    assert b'{"phones":['.startswith(answer.body)


def test_a_body_without_end_stops_at_the_limit():
    def flood(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with serving(flood) as server:
        answer = get(server.url, quick(size_limit=100_000))
    assert (len(answer.body), answer.cut) == (100_000, "is too large")


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_body_that_drips_ends_with_its_time(start):
    with serving(drip(start)) as server:
        began = time.monotonic()
        answer = get(server.url, quick(answer_timeout=0.3))
    assert answer.cut == "took too long"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX-Long: "])
def test_a_head_that_drips_ends_with_its_time(start):
    with serving(drip(start)) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionFailed, match="did not answer in time") as caught:
            get(server.url, quick(answer_timeout=0.3))
    assert caught.value.sent
    assert time.monotonic() - began < 2


def test_the_time_of_an_answer_starts_anew_on_a_connection_that_is_used_again(monkeypatch):
    now = iter(range(0, 10**9, 4)).__next__  # every look at the clock is four seconds after the last
    monkeypatch.setattr(transport_module.time, "monotonic", lambda: float(now()))
    transport = quick(answer_timeout=30.0)
    with serving(say(OK, keep=True)) as server:
        assert [get(server.url, transport).cut for _ in range(20)] == [None] * 20
        assert server.connections == 1


def test_silence_ends_with_the_read_timeout_and_may_have_been_heard():
    silent = threading.Event()
    with serving(lambda connection: silent.wait(5)) as server:
        with pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1 did not answer in time") as caught:
            get(server.url, quick(read_timeout=0.1))
        silent.set()
    assert caught.value.sent


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n", b"\x00\xff" * 50_000])
def test_a_connection_that_breaks_after_the_request_may_have_been_heard(data):
    with serving(say(data)) as server, pytest.raises(ConnectionFailed) as caught:
        get(server.url)
    assert caught.value.sent
    assert caught.value.__cause__ is None


def test_a_head_that_ends_early_is_taken_for_whole_and_has_no_body():
    with serving(say(b"HTTP/1.1 200 OK\r\nContent-Len")) as server:
        assert get(server.url).body == b""


def test_a_reset_may_have_been_heard():
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with serving(reset) as server, pytest.raises(ConnectionFailed) as caught:
        get(server.url)
    assert caught.value.sent


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"])
def test_answers_that_are_waited_for_can_be_broken_off(start: bytes) -> None:
    transport, ends = RequestsTransport(), list[object]()

    def send(url: str) -> None:
        try:
            ends.append(get(url, transport).cut)
        except ConnectionFailed as error:
            ends.append(error.sent)

    with serving(drip(start)) as server:
        waiting = threading.Thread(target=send, args=(server.url,), daemon=True)
        waiting.start()
        until = time.monotonic() + 10.0
        while waiting.is_alive() and time.monotonic() < until:
            transport.abort()
            waiting.join(0.05)

    # The headers may have been there already.
    assert ends in ([True], ["ended early"])
