"""Connections that stall, over real sockets: each ends in time, and others are served meanwhile."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import httpx
import pytest

from admin_api.http.connections import ConnectionLimits
from byname.sandbox.waiting import wait_until
from store.sql.database import Database
from tests.api.running_api import RunningApi, site_over
from tests.api.tenants import secret_of

STALL, MOST = 1, 20
HEAD = "POST /api/v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\n"


@pytest.fixture
def limited(sqlite_api: Database) -> Iterator[RunningApi]:
    """A server that waits a second for a client, and serves 20 at once."""
    running = RunningApi(replace(site_over(sqlite_api), connection_limits=ConnectionLimits(STALL, MOST)))
    yield running
    running.close()


def connect(api: RunningApi) -> socket.socket:
    url = httpx.URL(api.url)
    return socket.create_connection((url.host, url.port or 0), timeout=15)


def all_of(connection: socket.socket) -> bytes:
    """Return what comes until the server ends the connection."""
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


@pytest.mark.parametrize("sent", ["", "GET", "GET /healthz HTTP/1.1\r\nHost: x\r\n", HEAD + "X: " + "a" * 5000])
def test_a_header_that_never_ends(limited: RunningApi, sent: str) -> None:
    with connect(limited) as connection:
        connection.sendall(sent.encode())
        assert all_of(connection).startswith(TIMED_OUT if sent else b"")


@pytest.mark.parametrize("length", ["Content-Length: 500", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("body", ["", "1\r\n"])
def test_a_body_that_never_ends(limited: RunningApi, length: str, body: str) -> None:
    token = secret_of(limited.database)
    with connect(limited) as connection:
        connection.sendall(f"{HEAD}Authorization: Bearer {token}\r\n{length}\r\n\r\n{body}".encode())
        assert all_of(connection).startswith(TIMED_OUT)


def test_a_body_that_nobody_reads(limited: RunningApi) -> None:
    """It is answered without its body, 401; and the connection ends."""
    with connect(limited) as connection:
        connection.sendall(f"{HEAD}Content-Length: 500\r\n\r\nx".encode())
        told = all_of(connection)
    assert told.startswith(b"HTTP/1.1 401 ")
    assert b" 408 " not in told


def test_a_header_that_drips_is_no_progress(limited: RunningApi) -> None:
    with connect(limited) as connection, pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(200):
            connection.sendall(b"G")
            time.sleep(STALL / 10)


@pytest.mark.parametrize("hosts", ["", "Host: x\r\nHost: x\r\n", "Host: x\r\nHost: y\r\n"])
def test_a_request_has_one_host(limited: RunningApi, hosts: str) -> None:
    with connect(limited) as connection:
        connection.sendall(f"GET /healthz HTTP/1.1\r\n{hosts}\r\n".encode())
        assert all_of(connection).startswith(b"HTTP/1.1 400 ")


def test_a_header_that_is_too_large(limited: RunningApi) -> None:
    with connect(limited) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        for at in range(70):
            connection.sendall(b"X-%d: %s\r\n" % (at, b"a" * 1000))
        assert all_of(connection).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(("header", "status"), [(b"X: %s\r\n" % (b"a" * 70_000), b"431"), (b"X : y\r\n\r\n", b"400")])
def test_a_refusal_reaches_a_client_that_goes_on_sending(limited: RunningApi, header: bytes, status: bytes) -> None:
    with connect(limited) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + header)
        wait_until(lambda: connection.recv(1, socket.MSG_PEEK) == b"H", 10, "the answer")
        for _ in range(20):
            connection.sendall(b"a" * 10_000)
            time.sleep(0.01)
        assert all_of(connection).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Content-Length: +2",
        "Content-Length: 2\r\n folded",
        "Content-Length : 2",
        "X: a\nContent-Length: 2",
    ],
)
def test_a_body_whose_length_can_be_read_in_two_ways(limited: RunningApi, framing: str) -> None:
    """Refused, so that nothing before this server takes its end for another place (RFC 9112 section 6.3)."""
    with connect(limited) as connection:
        connection.sendall(f"{HEAD}{framing}\r\n\r\n{{}}".encode())
        assert all_of(connection).startswith(b"HTTP/1.1 400 ")


def test_requests_ahead_of_their_answers(limited: RunningApi) -> None:
    """Some are answered, in order; a flood of them ends the connection."""
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    with connect(limited) as connection:
        connection.sendall((request + b"\r\n") * 5 + request + b"Connection: close\r\n\r\n")
        assert all_of(connection).count(b"HTTP/1.1 200 ") == 6
    with connect(limited) as connection:
        connection.sendall((request + b"\r\n") * 50)
        assert all_of(connection).count(b"HTTP/1.1 200 ") <= 11  # ten behind the one that is answered


def test_a_body_that_comes_in_pieces_is_waited_for(limited: RunningApi) -> None:
    def pieces() -> Iterator[bytes]:
        for piece in (b'{"name": ', b'"acme", ', b'"plan": ', b'"pro"}'):
            time.sleep(STALL / 2)
            yield piece

    with limited.client(secret_of(limited.database)) as client:
        answer = client.post("/accounts", content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 201


def test_an_answer_that_nobody_takes(limited: RunningApi) -> None:
    with connect(limited) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /api/v1/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(request * 20)
        wait_until(lambda: in_hand(limited) == 1, 10, "the request")
        wait_until(lambda: in_hand(limited) == 0, 10, "the end of the connection")


def in_hand(api: RunningApi) -> int:
    """Return how many connections the server holds."""
    return len(api.server._server.server_state.connections)


def test_connections_are_bounded_and_given_back(limited: RunningApi) -> None:
    with ExitStack() as held:
        stalled = [held.enter_context(connect(limited)) for _ in range(300)]
        for connection in stalled[:MOST]:
            connection.sendall(b"GET /healthz")
        assert {all_of(one)[:12] for one in stalled[MOST:]} == {b"HTTP/1.1 503"}
        assert {all_of(one)[:12] for one in stalled[:MOST]} == {b"HTTP/1.1 408"}
    wait_until(lambda: httpx.get(f"{limited.url}/healthz").status_code == 200, 10, "the API")
