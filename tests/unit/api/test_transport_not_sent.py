"""Failures from before anything was sent, and only those, say so."""

from __future__ import annotations

import socket
import ssl
import subprocess

import pytest

from pulumi_cph.api import ConnectionFailed, RequestsTransport
from tests.unit.api.sockets import OK, forget_environment, get, quick, say, serving


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    forget_environment(monkeypatch)


def not_sent(url: str, transport: RequestsTransport | None = None) -> str:
    with pytest.raises(ConnectionFailed) as caught:
        get(url, transport)
    assert caught.value.sent is False
    return caught.value.message


def test_a_refused_connection_was_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not_sent(f"http://127.0.0.1:{port}/") == "127.0.0.1: connection refused"
    assert not_sent(f"https://127.0.0.1:{port}/") == "127.0.0.1: connection refused"


def test_a_name_that_does_not_resolve_was_not_sent(monkeypatch):
    def no_such_name(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    assert not_sent("https://cph.invalid/") == "cph.invalid: the host name cannot be resolved"


def test_a_connect_timeout_was_not_sent(monkeypatch):
    def too_slow(self, address):
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", too_slow)
    assert not_sent("https://127.0.0.1:9/") == "127.0.0.1: no connection in time"


def test_tls_that_fails_to_start_was_not_sent():
    with serving(say(OK)) as server:
        server._read = lambda connection: connection.recv(1000) and b"x"  # the client's hello is no request
        message = not_sent(server.url.replace("http:", "https:"))
    assert message == "127.0.0.1: TLS could not be agreed upon (is this an https endpoint?)"


def test_tls_that_is_never_answered_was_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        assert not_sent(url, quick(connect_timeout=0.1)) == "127.0.0.1: no connection in time"


def test_a_certificate_bundle_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    assert "REQUESTS_CA_BUNDLE" in not_sent("https://127.0.0.1:9/")


def test_an_unusable_proxy_is_not_quoted(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://somebody:geheim@[bad")
    with pytest.raises((ConnectionFailed, ValueError)) as caught:
        get("https://cph.invalid/")
    assert isinstance(caught.value, ConnectionFailed)
    assert "geheim" not in str(caught.value)


def test_a_proxy_that_refuses_the_tunnel_is_not_sent(monkeypatch):
    with serving(say(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url.replace("http://", "http://somebody:geheim@"))
        message = not_sent("https://cph.invalid/")
    assert proxy.requests[0].startswith(b"CONNECT cph.invalid:443")
    assert "geheim" not in message


def test_a_certificate_that_nobody_signed_is_not_trusted(certificate):
    with serving(say(OK), server_tls(certificate)) as server:
        message = not_sent(server.url)
        assert server.requests == []
    assert message.startswith("127.0.0.1: its TLS certificate is not trusted (self")


def test_a_bundle_of_the_environment_makes_a_certificate_trusted(certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    transport = quick()
    with serving(say(OK, keep=True), server_tls(certificate)) as server:
        assert [get(server.url, transport).body for _ in range(3)] == [b"{}"] * 3
        assert server.connections == 1


def server_tls(certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def certificate(tmp_path):
    """A file with a key and a certificate that it signed itself."""
    path = tmp_path / "both.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(path), "-out", str(tmp_path / "cert.pem")),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("no openssl to make a certificate with")
    path.write_text(path.read_text() + (tmp_path / "cert.pem").read_text())
    return path
