"""PostgreSQL through psycopg 3, with limits on both ends.

The server ends a statement that takes too long (``statement_timeout``). A server that is stopped dead, or a network
that swallows packets, cannot do that: then the client hangs up, see :class:`DeadlineConnection`, or its kernel, see
:mod:`store.dead_peers`.

Known gap: name resolution of the server's host is libpq's and can take as long as the resolver likes.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, ClassVar, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import URL, Engine, QueuePool, create_engine, event

from store.dead_peers import LIBPQ
from store.sql.pool_profiles import PoolProfile
from store.sql.servers import Place, Servers

_CONNECT_SECONDS = 2  # the least that libpq and psycopg accept

T = TypeVar("T")


class DeadlineConnection(psycopg.Connection[Any]):
    """A psycopg connection that gives up on a silent server.

    It is closed when that happens, as nothing is known of the statement's fate; SQLAlchemy then takes it for a lost
    connection, and drops it from the pool.
    """

    silence: float = 60  # seconds
    server: Place = ("", "")

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """Run one exchange with the server to its end, or until the server was silent too long."""
        return super().wait(self._limited(gen, monotonic() + self.silence), *args, **kwargs)

    def _limited(self, gen: PQGen[T], deadline: float) -> Generator[Any, Any, T]:
        """Pass on psycopg's waiting protocol; psycopg wakes the generator at least every 0.1 s."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if monotonic() > deadline:
                    self.close()
                    raise psycopg.OperationalError("the server does not answer")
                wanted = gen.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result


@dataclass(frozen=True, slots=True)
class Postgresql:
    """A database on a PostgreSQL server."""

    writers: ClassVar[int | None] = None

    url: URL
    _servers: Servers = field(default_factory=Servers, compare=False)

    def engine(self, purpose: PoolProfile) -> Engine:
        """Return a pool of connections for ``purpose``. Nothing is connected yet."""
        engine = create_engine(
            self.url,
            isolation_level=_isolation(purpose),
            connect_args=self._patience() | {"options": self._options(purpose)},
            poolclass=QueuePool,
            pool_size=purpose.pool_size,
            max_overflow=purpose.pool_overflow,
            pool_timeout=purpose.lock,
            use_native_hstore=False,  # one question less at connect
            hide_parameters=True,  # they hold password hashes
        )

        def connect(_dialect: object, _record: object, args: Any, kwargs: Any) -> DeadlineConnection:
            connection = DeadlineConnection.connect(*args, **self._servers.ordered(kwargs))
            connection.silence = purpose.silence
            connection.server = (connection.info.host, str(connection.info.port))
            self._servers.served(connection.server)
            return connection

        event.listen(engine, "do_connect", connect)
        event.listen(engine, "invalidate", self._note_lost)
        return engine

    def _note_lost(self, connection: DeadlineConnection, *_: object) -> None:
        self._servers.lost(connection.server)

    def _patience(self) -> dict[str, Any]:
        """Return how long a machine that says nothing is waited for; what the URL says of it holds."""
        given = {name: value for name, value in LIBPQ.items() if name not in self.url.query}
        return {"connect_timeout": _CONNECT_SECONDS, **given}

    def require_present(self) -> None:
        """Do nothing: whether a server has the database is known only by connecting."""

    def identity(self) -> object:
        """Return nothing: a server's database is replaced by the server."""
        return None

    def create(self) -> None:
        """Do nothing: databases on a server are its administrator's to create."""

    def _options(self, purpose: PoolProfile) -> str:
        given = self.url.query.get("options", ())
        ours = {
            "statement_timeout": int(purpose.statement * 1000),
            "lock_timeout": int(purpose.lock * 1000),
            "default_transaction_read_only": "on" if purpose.read_only else "off",
        }
        options = [given] if isinstance(given, str) else list(given)
        return " ".join(options + [f"-c {name}={value}" for name, value in ours.items()])


def _isolation(purpose: PoolProfile) -> Any:
    """READ COMMITTED for writers, who lock what they count; a reader of several statements wants one snapshot."""
    if not purpose.transactions:
        return "AUTOCOMMIT"
    return "REPEATABLE READ" if purpose.read_only else "READ COMMITTED"
