"""A pool of open Redis connections with raw sockets: one command and one reply, under one deadline as a whole.

redis-py makes the connections (places, TLS, sentinels, logging in), but its own reading gives every packet the whole
timeout again, so a server that drips bytes would hold the asker for ever. Here time that is spent is spent.

Opening is the one thing that keeps no deadline, for the system's resolver takes as long as it likes. Who needs one asks
``at_once`` first, which never opens, and ``ask`` from a worker (:mod:`store.cache.deadline`).
"""

import contextlib
import socket
import ssl
import struct
from collections import deque
from time import monotonic
from typing import Any, cast

import hiredis
import redis

from store.cache.cluster import ClusterDown, SlotMoved, meaning

Command = tuple[str, ...]
Reply = tuple[Any, str | None]  # and the run id of the server that gave it

MOST = 64  # open at once: more than a milter has threads. Idle ones stay, the one used last is used next
_CHUNK = 65536
_ROUGHLY = 0.01  # seconds
_LOST = frozenset(
    {redis.ConnectionError, SlotMoved, ClusterDown}
)  # others, loading or denied: a new one hears the same


class _KeptConnection:
    """One connection that is open, with nothing on its way."""

    __slots__ = ("_allowed", "_is_plain", "_reader", "_socket", "connection")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        # redis-py shows neither its socket nor its names for errors, and its own reading keeps no deadline
        self._socket = connection._sock
        self._is_plain = not isinstance(self._socket, ssl.SSLSocket)
        self._allowed = 0.0
        if self._is_plain:
            self._socket.settimeout(None)  # the kernel keeps the time, see _allow
        named = connection._parser.parse_error
        self._reader = hiredis.Reader(protocolError=redis.InvalidResponse, replyError=named)

    def exchange(self, packed: bytes, until: float) -> Any:
        """Return the reply. Raises redis.RedisError; the connection cannot be used afterwards."""
        try:
            self._send(packed, until)
            reply = self._receive(until)
        except (TimeoutError, BlockingIOError) as error:
            raise redis.TimeoutError("no reply in time") from error
        except OSError as error:
            raise redis.ConnectionError("the connection was lost") from error
        if isinstance(reply, Exception):
            raise meaning(reply)
        return reply

    def _send(self, packed: bytes, until: float) -> None:
        while packed:
            self._allow(until)
            packed = packed[self._socket.send(packed) :]

    def _receive(self, until: float) -> Any:
        while True:
            self._allow(until)
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                raise ConnectionError
            self._reader.feed(chunk)
            reply = self._reader.gets()
            if reply is not False:  # False: not all of it is there
                return reply

    def _allow(self, until: float) -> None:
        """Let the next step take what is left of the time, to some milliseconds. Raises TimeoutError.

        Python's own timeout costs two more system calls for each step, and a third to change it; the kernel's stays as
        it is from one question to the next (SO_RCVTIMEO, socket(7)). TLS knows only Python's.
        """
        left = until - monotonic()
        if left <= 0:
            raise TimeoutError
        if not self._is_plain:
            self._socket.settimeout(left)
        elif abs(left - self._allowed) > _ROUGHLY:
            whole, part = divmod(int(left * 1e6), 1_000_000)
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                self._socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", whole, max(part, 1)))
            self._allowed = left


class KeptConnections:
    """A pool of kept connections; safe to share between threads."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._idle: deque[_KeptConnection] = deque()

    def at_once(self, command: Command, seconds: float) -> Reply | None:
        """Ask over an open connection; None when there is none that still works.

        Raises:
            redis.RedisError: TimeoutError after ``seconds``, or an error reply.
        """
        line = self._taken()
        return None if line is None else self._attempt(line, command, monotonic() + seconds)

    def ask(self, command: Command, seconds: float) -> Reply:
        """Ask over an open connection or, when there is none that still works, over a new one.

        Raises:
            redis.RedisError: as above, or no connection can be had.
        """
        until = monotonic() + seconds
        line = self._taken()
        reply = None if line is None else self._attempt(line, command, until)
        return self._over(self._opened(), command, until) if reply is None else reply

    def hang_up(self) -> None:
        """Close the idle connections."""
        while (line := self._taken()) is not None:
            self._drop(line)

    def close(self) -> None:
        """Close all connections."""
        self.hang_up()
        self._pool.close()

    def _attempt(self, line: _KeptConnection, command: Command, until: float) -> Reply | None:
        """Ask; None when the connection turns out to be lost, or to lead to a node that is not ours any more.

        A restarted server shows at once, which leaves time for a second attempt; a silent one has used up ours, and
        the other connections to it are as dead as this one.
        """
        try:
            return self._over(line, command, until)
        except redis.TimeoutError:
            self.hang_up()
            raise
        except redis.ConnectionError as error:
            self.hang_up()
            if type(error) not in _LOST:
                raise
        return None

    def _over(self, line: _KeptConnection, command: Command, until: float) -> Reply:
        try:
            packed = hiredis.pack_command(cast("Any", command))  # the stub knows tuples of one word only
            reply = line.exchange(packed, until)
        except BaseException:
            self._drop(line)  # it may have replies on the way that belong to nobody
            raise
        self._idle.append(line)
        return reply, line.connection.run_id

    def _taken(self) -> _KeptConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _opened(self) -> _KeptConnection:
        return _KeptConnection(self._pool.get_connection())

    def _drop(self, line: _KeptConnection) -> None:
        with contextlib.suppress(Exception):  # it is gone either way
            line.connection.disconnect()
        self._pool.release(line.connection)
