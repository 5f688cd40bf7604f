"""The socketmap server over real sockets: kept connections, broken peers, shutdown, listening addresses."""

import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conf.service import ListenError, SocketBusy
from edges.listen import open_listener
from edges.netstrings import encode
from edges.socketmap_server import SocketmapServer

PATIENCE = 5.0


def echo(request: bytes) -> bytes:
    return b"OK " + request


@contextmanager
def serving(
    address: str, answer: Callable[[bytes], bytes] = echo, *, idle: float = 30.0
) -> Iterator[tuple[SocketmapServer, threading.Thread]]:
    server = SocketmapServer(open_listener(address), answer, idle=idle)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server, thread
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def client(path: Path) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(PATIENCE)
    connected.connect(str(path))
    return connected


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "maps.sock"


def test_requests_on_one_connection_in_order(path: Path) -> None:
    with serving(f"unix:{path}"), client(path) as peer:
        for index in range(3):
            peer.sendall(encode(b"%d" % index))
            assert peer.recv(100) == encode(b"OK %d" % index)


def test_a_hundred_kept_connections(path: Path) -> None:
    with serving(f"unix:{path}"):
        peers = [client(path) for _ in range(100)]
        for peer in peers:
            peer.sendall(encode(b"x"))
        assert {peer.recv(100) for peer in peers} == {encode(b"OK x")}
        for peer in peers:
            peer.close()


@pytest.mark.parametrize("broken", [b"hello", b"-1:x,", b"999999:", b"1:xx,"])
def test_a_broken_peer_is_cut_off_and_others_are_not(broken: bytes, path: Path) -> None:
    with serving(f"unix:{path}"), client(path) as good, client(path) as bad:
        bad.sendall(encode(b"fine") + broken)
        assert bad.recv(100) == encode(b"OK fine")
        assert bad.recv(100) == b""
        good.sendall(encode(b"x"))
        assert good.recv(100) == encode(b"OK x")


def test_a_silent_peer_is_cut_off(path: Path) -> None:
    with serving(f"unix:{path}", idle=0.05), client(path) as peer:
        peer.sendall(b"5:hel")
        assert peer.recv(100) == b""


def test_a_peer_that_vanishes_harms_nobody(path: Path) -> None:
    with serving(f"unix:{path}"):
        with client(path) as rude:
            rude.sendall(b"5:h")
        with client(path) as peer:
            peer.sendall(encode(b"x"))
            assert peer.recv(100) == encode(b"OK x")


def test_stop_lets_a_running_request_finish_and_waits_for_no_idle_one(path: Path) -> None:
    asked, go = threading.Event(), threading.Event()

    def slow(request: bytes) -> bytes:
        asked.set()
        go.wait(PATIENCE)
        return b"OK " + request

    with serving(f"unix:{path}", slow) as (server, thread), client(path) as busy, client(path) as idle:
        busy.sendall(encode(b"x"))
        assert asked.wait(PATIENCE)
        server.stop()
        assert idle.recv(100) == b""
        assert not path.exists()
        go.set()
        assert busy.recv(100) == encode(b"OK x")
        began = time.monotonic()
        thread.join(PATIENCE)
        assert time.monotonic() - began < 1


def test_stop_twice_and_after_the_end(path: Path) -> None:
    with serving(f"unix:{path}") as (server, thread):
        server.stop()
        server.stop()
        thread.join(PATIENCE)
        server.stop()


def test_unix_socket_belongs_to_its_group_only(path: Path) -> None:
    with serving(f"unix:{path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_second_server_on_the_same_path_is_refused(path: Path) -> None:
    with serving(f"unix:{path}"):
        with pytest.raises(SocketBusy):
            open_listener(f"unix:{path}")
        with client(path) as peer:
            peer.sendall(encode(b"x"))
            assert peer.recv(100) == encode(b"OK x")


def test_inet_and_its_busy_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SocketBusy, match=f"another program already listens on inet:{port}@127.0.0.1"):
            open_listener(f"inet:{port}@127.0.0.1")
    with serving(f"inet:{port}@127.0.0.1"), socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
        peer.sendall(encode(b"x"))
        assert peer.recv(100) == encode(b"OK x")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("inet:8000@192.0.2.1", "Cannot assign requested address"),
        ("inet:8000@no-such-host.invalid", "(Name or service not known|Temporary failure in name resolution)"),
        ("unix:/nonexistent/folder/s", "/nonexistent/folder/s.lock: No such file or directory"),
    ],
)
def test_addresses_that_cannot_be_listened_on(address: str, reason: str) -> None:
    with pytest.raises(ListenError, match=f"^cannot listen on {address}: {reason}$"):
        open_listener(address)


def test_a_folder_in_the_way_is_told_and_frees_the_lock(path: Path) -> None:
    path.mkdir()
    for _ in range(2):
        with pytest.raises(ListenError, match="something that is not a socket is there"):
            open_listener(f"unix:{path}")
