"""A connection to Redis on which commands go out before the replies to earlier ones are read."""

from collections.abc import Sequence
from typing import Any, cast

import hiredis
import redis

Command = tuple[Any, ...]


class Wire:
    """One connection of a pool at a time, for one thread. Raises redis.RedisError and OSError; then it is hung up."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._connection: Any = None  # while there are replies on their way
        self._owed = 0

    def send(self, commands: Sequence[Command]) -> None:
        """Send commands, and wait for nothing."""
        packed = b"".join(hiredis.pack_command(cast("Any", command)) for command in commands)
        try:
            if self._connection is None:
                self._connection = self._pool.get_connection()
            self._connection.send_packed_command([packed])
        except BaseException:
            self._hang_up()
            raise
        self._owed += len(commands)

    def replies(self) -> list[Any]:
        """Return the replies to all that was sent, as they come; error replies are values."""
        try:
            found = [self._reply() for _ in range(self._owed)]
        except BaseException:
            self._hang_up()
            raise
        self._let_go()
        return found

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _reply(self) -> Any:
        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            return error

    def _hang_up(self) -> None:
        """Close the connection: it may have replies on the way that belong to nobody."""
        if self._connection is not None:
            self._connection.disconnect()
        self._let_go()

    def _let_go(self) -> None:
        connection, self._connection, self._owed = self._connection, None, 0
        if connection is not None:
            self._pool.release(connection)
