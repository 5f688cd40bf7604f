"""Machines in network namespaces: cables that can be cut, and nothing left behind or touched outside."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from byname.sandbox.network import Network

PORT = 4242
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


@pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="no TAP devices here: what a slow line is made of")
def test_a_slow_line_carries_what_a_connection_says_and_connections_outlive_it(
    network: Network, server: socket.socket
) -> None:
    with network.machines["mx"].inside():
        client = socket.create_connection((DB, PORT), 20)
    with client, network.slow("mx", 5, 0.0):
        there, _ = server.accept()
        client.sendall(b"late")
        assert there.recv(4) == b"late"
    assert reaches(network)
    there.sendall(b"again")
    there.close()


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
