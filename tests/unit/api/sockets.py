"""Servers on loopback sockets that answer as badly as a test wants, and a quick transport to ask them."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager

import pytest

from pulumi_cph.api import HttpRequest, HttpResponse, RequestsTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Thing: a\r\n\r\n{}"


class Server:
    """A socket that reads a request's head and body and lets a function answer, connection by connection."""

    def __init__(self, answer: Callable[[socket.socket], object], tls: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.requests: list[bytes] = []
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        except OSError:
            return
        with connection:
            while request := self._read(connection):
                self.requests.append(request)
                try:
                    if self._answer(connection) is not True:
                        return
                except OSError:
                    return

    def _read(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")),
            0,
        )
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._listener.close()


@contextmanager
def serving(answer, tls=None):
    server = Server(answer, tls)
    try:
        yield server
    finally:
        server.close()


def say(data: bytes, keep: bool = False) -> Callable[[socket.socket], bool]:
    """Answers every request with `data`, then hangs up unless told to `keep` the connection."""

    def answer(connection: socket.socket) -> bool:
        connection.sendall(data)
        return keep

    return answer


def drip(start: bytes) -> Callable[[socket.socket], None]:
    """Answers with `start` and then a byte at a time, for far longer than any test lasts."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(1000):
            connection.sendall(b"x")
            time.sleep(0.02)

    return answer


def forget_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, bundle or .netrc of the machine takes part in a test."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
            monkeypatch.delenv(name)


def get(url: str, transport: RequestsTransport | None = None, **headers: str) -> HttpResponse:
    return (transport or quick()).send(HttpRequest("GET", url, headers))


def quick(**limits: float) -> RequestsTransport:
    given = {"connect_timeout": 2.0, "read_timeout": 2.0, "answer_timeout": 5.0, **limits}
    return RequestsTransport(**given)  # type: ignore[arg-type]
