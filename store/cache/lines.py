"""Open connections to one Redis, for questions of one command and one reply, each under one deadline as a whole.

redis-py makes the connections (places, TLS, sentinels, logging in), but its own reading gives every packet the whole
patience again, so a server that drips bytes would hold the asker for ever. Here time that is spent is spent.

Opening is the one thing that keeps no deadline, for the system's resolver takes as long as it likes. Who needs one asks
``at_once`` first, which never opens, and ``ask`` from a worker (:mod:`store.cache.deadline`).
"""

import contextlib
from collections import deque
from time import monotonic
from typing import Any, cast

import hiredis
import redis

Command = tuple[str, ...]
Reply = tuple[Any, str | None]  # and the run id of the server that gave it

MOST = 64  # open at once: more than a milter has threads. Idle ones stay, the one used last is used next
_CHUNK = 65536


class _Line:
    """One connection that is open, with nothing on its way."""

    __slots__ = ("connection", "reader")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        # redis-py shows neither its socket nor its names for errors, and its own reading keeps no deadline
        named = connection._parser.parse_error
        self.reader = hiredis.Reader(protocolError=redis.InvalidResponse, replyError=named)

    def exchange(self, packed: bytes, until: float) -> Any:
        """Return the reply. Raises redis.RedisError; nothing can be said over this line afterwards."""
        try:
            reply = self._exchange(self.connection._sock, packed, until)
        except TimeoutError as error:
            raise redis.TimeoutError("no reply in time") from error
        except OSError as error:
            raise redis.ConnectionError("the connection was lost") from error
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _exchange(self, sock: Any, packed: bytes, until: float) -> Any:
        sock.settimeout(_left(until))
        sock.sendall(packed)
        while True:
            chunk = sock.recv(_CHUNK)
            if not chunk:
                raise ConnectionError
            self.reader.feed(chunk)
            reply = self.reader.gets()
            if reply is not False:  # False: not all of it is there
                return reply
            sock.settimeout(_left(until))


class Lines:
    """Asks over the connections of a pool; safe to share between threads."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._idle: deque[_Line] = deque()

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

    def _attempt(self, line: _Line, command: Command, until: float) -> Reply | None:
        """Ask; None when the connection turns out to be lost.

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
            if type(error) is not redis.ConnectionError:  # loading, denied: another connection hears the same
                raise
        return None

    def _over(self, line: _Line, command: Command, until: float) -> Reply:
        try:
            packed = hiredis.pack_command(cast("Any", command))  # the stub knows tuples of one word only
            reply = line.exchange(packed, until)
        except BaseException:
            self._drop(line)  # it may have replies on the way that belong to nobody
            raise
        self._idle.append(line)
        return reply, line.connection.run_id

    def _taken(self) -> _Line | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _opened(self) -> _Line:
        return _Line(self._pool.get_connection())

    def _drop(self, line: _Line) -> None:
        with contextlib.suppress(Exception):  # it is gone either way
            line.connection.disconnect()
        self._pool.release(line.connection)


def _left(until: float) -> float:
    """Return the seconds that are left. Raises TimeoutError when there are none."""
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    return left
