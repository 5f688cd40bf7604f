"""Free loopback ports."""

import random
import socket
from collections.abc import Iterator
from itertools import cycle, islice

LOOPBACK = "127.0.0.1"
_FIRST, _LAST = 20000, 32000  # below Linux's ephemeral ports, so that no outgoing connection takes a port we planned


def free_ports(count: int) -> list[int]:
    """Return ``count`` different loopback ports that nobody listens on just now.

    No port is given twice by one process, as long as there are others: what asked first may not listen yet.

    Raises:
        RuntimeError: too few are free.
    """
    once_round = islice(_IN_TURN, _LAST - _FIRST)
    found = list(islice((port for port in once_round if _is_free(port)), count))
    if len(found) < count:
        raise RuntimeError(f"fewer than {count} free ports between {_FIRST} and {_LAST}")
    return found


def free_port() -> int:
    """Return one free loopback port."""
    return free_ports(1)[0]


def _in_turn() -> Iterator[int]:
    """Return all ports for ever, from a random one on, so that processes that look at the same time look elsewhere."""
    start = random.randrange(_FIRST, _LAST)  # noqa: S311 - no secret
    return cycle([*range(start, _LAST), *range(_FIRST, start)])


_IN_TURN = _in_turn()


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
