"""Machines in network namespaces: cables that can be cut, and nothing left behind or touched outside."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from byname.sandbox.network import Network

PORT = 4242
LONG = bytes(range(256)) * 1200
DB, MX = "10.77.0.11", "10.77.0.21"


@pytest.fixture
def network(needs_namespaces: None) -> Iterator[Network]:
    with Network({"db": DB, "mx": MX}) as made:
        yield made


@pytest.fixture
def server(network: Network) -> Iterator[socket.socket]:
    with network.machines["db"].inside(), socket.create_server((DB, PORT)) as listening:
        yield listening


def reaches(network: Network, seconds: float = 5.0) -> bool:
    """Return whether one machine reaches the other."""
    with network.machines["mx"].inside():
        try:
            socket.create_connection((DB, PORT), seconds).close()
        except OSError:
            return False
    return True


def test_a_cable_is_cut_and_mended(network: Network, server: socket.socket) -> None:
    assert reaches(network)
    with network.apart("mx"):
        assert not reaches(network, 0.2)
    assert reaches(network)


def test_machines_that_are_apart_together_reach_one_another(network: Network, server: socket.socket) -> None:
    with network.split("mx"):
        assert not reaches(network, 0.2)
    assert reaches(network)
    with network.split("mx", "db"):
        assert reaches(network)
    assert reaches(network)


def test_a_slow_line_carries_what_a_connection_says_and_connections_outlive_it(
    network: Network, server: socket.socket
) -> None:
    with network.machines["mx"].inside():
        client = socket.create_connection((DB, PORT), 20)
    with client, network.slow("mx", 5, 0.0):
        there, _ = server.accept()
        threading.Thread(target=client.sendall, args=(LONG,)).start()  # more than a frame, and than a window
        there.settimeout(20)
        with there.makefile("rb") as said:
            assert said.read(len(LONG)) == LONG
    assert reaches(network)
    there.sendall(b"again")
    there.close()


def test_what_a_line_loses_does_not_arrive(network: Network, server: socket.socket) -> None:
    with network.slow("mx", 0, 1.0):
        assert not reaches(network, 0.2)
    assert reaches(network)


def test_the_machine_itself_sees_nothing_of_it_and_nothing_stays(needs_namespaces: None) -> None:
    before = devices()
    with Network({"db": DB, "mx": MX}) as made:
        names = [machine.namespace for machine in made.machines.values()]
        assert devices() == before
        assert all(Path("/run/netns", name).exists() for name in names)
        with pytest.raises(OSError, match="assign requested address"):
            socket.create_server((DB, PORT))
    assert not any(Path("/run/netns", name).exists() for name in names)


def devices() -> str:
    return subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
