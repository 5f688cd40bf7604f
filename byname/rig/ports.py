"""Free loopback ports."""

import random
import socket

LOOPBACK = "127.0.0.1"
_FIRST, _LAST = 20000, 32000  # below Linux's ephemeral ports, so that no outgoing connection takes a port we planned


def free_ports(count: int) -> list[int]:
    """Return ``count`` different loopback ports that nobody listens on just now.

    Raises:
        RuntimeError: too few are free.
    """
    found: list[int] = []
    for port in random.sample(range(_FIRST, _LAST), k=_LAST - _FIRST):
        if len(found) == count:
            return found
        if _is_free(port):
            found.append(port)
    raise RuntimeError(f"fewer than {count} free ports between {_FIRST} and {_LAST}")


def free_port() -> int:
    """Return one free loopback port."""
    return free_ports(1)[0]


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
