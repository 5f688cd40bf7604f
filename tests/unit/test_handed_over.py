"""Sockets that the service manager holds: they stay when a server ends, and the next one answers who waited."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from conf.listen import InetSocket, UnixSocket
from conf.service import ListenError
from edges.handed_over import handed_over
from edges.listen import Listener
from edges.netstrings import encode
from edges.socketmap_server import SocketmapServer

PATIENCE = 5.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "maps.sock"


@pytest.fixture
def held(path: Path) -> Iterator[socket.socket]:
    """The socket as the service manager holds it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield listener


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")


@pytest.mark.usefixtures("started")
def test_the_one_at_the_address_is_taken_once(held: socket.socket, path: Path) -> None:
    with capture_logs() as logs:
        found = handed_over(UnixSocket(str(path)), os.dup(held.fileno()))
    assert found is not None
    with found:
        assert (found.getsockname(), found.get_inheritable()) == (str(path), False)
    assert logs == []
    assert handed_over(UnixSocket(str(path)), held.fileno()) is None


@pytest.mark.usefixtures("started")
def test_tcp_is_taken_by_host_and_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = handed_over(InetSocket(*listener.getsockname()), os.dup(listener.fileno()))
        assert found is not None
        found.close()


def test_those_of_another_process_are_left_alone(
    held: socket.socket, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getppid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert handed_over(UnixSocket(str(path)), held.fileno()) is None
    assert held.getsockname() == str(path)  # open still


@pytest.mark.usefixtures("started")
def test_one_elsewhere_is_told_and_closed(held: socket.socket, path: Path) -> None:
    copy = os.dup(held.fileno())
    with capture_logs() as logs:
        assert handed_over(UnixSocket("/run/byname/maps.sock"), copy) is None
    assert [(line["event"], line["handed_over"]) for line in logs] == [("socket-not-in-the-settings", str(path))]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(copy)


@pytest.mark.usefixtures("started")
def test_what_is_no_socket_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, pytest.raises(ListenError, match="handed over by the service manager"):
        handed_over(UnixSocket("/run/byname/maps.sock"), file.fileno())


def _serve(held: socket.socket, path: Path) -> tuple[SocketmapServer, threading.Thread]:
    server = SocketmapServer(Listener(held.dup(), f"unix:{path}"), lambda request: b"OK " + request)
    thread = threading.Thread(target=server.serve)
    thread.start()
    return server, thread


def test_who_connects_between_two_servers_is_answered_by_the_second(held: socket.socket, path: Path) -> None:
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(PATIENCE)
            peer.connect(str(path))  # nobody serves now
            peer.sendall(encode(b"x"))
            server, thread = _serve(held, path)
            assert peer.recv(100) == encode(b"OK x")
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_process_finds_it_where_systemd_puts_it(held: socket.socket, path: Path) -> None:
    code = (
        f"from edges.listen import open_listener; found = open_listener('unix:{path}'); print(found.lock, found.socket)"
    )
    start = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0'
    command = ["sh", "-c", start, "sh", sys.executable, "-c", code]
    told = subprocess.run(command, stdin=held.fileno(), capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.startswith("None <socket.socket fd=3,")
    assert path.is_socket()
