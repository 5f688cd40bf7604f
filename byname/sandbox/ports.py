"""Free loopback ports, no two processes of this machine looking among the same ones."""

import random
import socket
from collections.abc import Iterator
from itertools import islice

LOOPBACK = "127.0.0.1"
_FIRST, _LAST = 20000, 32000  # below Linux's ephemeral ports, so that no outgoing connection takes a port we planned
_BLOCK = 250  # ports that one process has to itself
_HELD: list[socket.socket] = []  # what keeps others from our blocks, for as long as we live


def free_ports(count: int) -> list[int]:
    """Return ``count`` different loopback ports that nobody listens on just now.

    No port is given twice by one process, as long as there are others: what asked first may not listen yet, or is
    being started again. For the same reason no other process that asks here is given one of them.

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
    """Return the ports of one block after another, as long as there are blocks to be had, then ours again for ever."""
    ours: list[int] = []
    blocks = list(range(_FIRST, _LAST, _BLOCK))
    random.shuffle(blocks)
    for first in filter(_taken, blocks):
        ours += range(first, first + _BLOCK)
        yield from range(first, first + _BLOCK)
    while True:
        yield from ours or range(_FIRST, _LAST)


_IN_TURN = _in_turn()


def _taken(first: int) -> bool:
    """Take a block, if nobody has it: a socket of an abstract name (unix(7)) is gone when its process is."""
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(f"\0byname-ports-{first}")
    except OSError:
        mark.close()
        return False
    _HELD.append(mark)
    return True


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
