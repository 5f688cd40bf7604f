"""The database handle: transactions for changes, reads for lists, connections for decisions."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from sqlalchemy import Connection, Engine, event

from store.errors import StoreUnavailable
from store.sql import outbox
from store.sql.backend import Backend, backend
from store.sql.error_translation import translated
from store.sql.fair_semaphore import FairSemaphore
from store.sql.pool_profiles import LOOKUP, READ, WRITE, PoolProfile
from store.sql.revisions import read_revision, require_current
from store.sql.tenant import OPERATOR, Acting, Transaction

__all__ = ["OPERATOR", "Acting", "Database", "Transaction"]


class Database:
    """Pools of connections to one database, shared by all threads of a process. Open it with :meth:`open`.

    Not to be carried across a fork. A database file that is replaced (restored) needs its users restarted.
    """

    def __init__(self, place: Backend, reading: PoolProfile = READ, writing: PoolProfile = WRITE) -> None:
        self._place = place
        self._lookups = place.engine(LOOKUP)
        self._reader = place.engine(reading)
        self._writer = place.engine(writing)
        self._writers = FairSemaphore(place.writers or writing.pool_size + writing.pool_overflow)
        self._lock_timeout = writing.lock
        self._single_reads = place.engine(replace(reading, transactions=False))
        self._single_writes = place.engine(replace(writing, transactions=False))
        for engine in self._engines:
            event.listen(engine, "invalidate", self._drop_idle)

    @classmethod
    def open(cls, url: str, *, reading: PoolProfile = READ, writing: PoolProfile = WRITE) -> "Database":
        """Return the database at ``url``. Connects to nothing and creates nothing; see :meth:`check`.

        Raises:
            StoreNotReady: the URL is malformed or of a kind that Byname does not know.
        """
        return cls(backend(url), reading, writing)

    @contextmanager
    def write(self, acting: Acting = OPERATOR) -> Iterator[Transaction]:
        """Run the block in one transaction of ``acting``: committed at its end, rolled back on any exception.

        On SQLite one writer runs at a time (BEGIN IMMEDIATE), the next waits up to five seconds; those of this
        process in the order in which they came, which SQLite's own waiting does not keep. What the block has touched
        (store.sql.changed_fields) goes into the outbox, and ``outbox.version_of`` tells its version afterwards.

        Raises:
            StoreUnavailable, StoreNotReady: see :mod:`store.errors`.
        """
        with (
            self._admitted_to_write(),
            translated(self._place),
            Transaction(self._writer, acting) as session,
            session.begin(),
        ):
            yield session
            with session.unbound():
                outbox.record(session)

    @contextmanager
    def write_rows(self) -> Iterator[Connection]:
        """Run the block in a transaction as :meth:`write` does, on rows that no decision sees, whosever they are.

        There are no objects and no outbox, which together take longer than a few short statements.

        Raises:
            StoreUnavailable, StoreNotReady: see :mod:`store.errors`.
        """
        with self._admitted_to_write(), translated(self._place), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self, acting: Acting = OPERATOR) -> Iterator[Transaction]:
        """Run the block in a read-only transaction of ``acting``, which sees one state and waits for no writer.

        Raises:
            StoreUnavailable, StoreNotReady: see :mod:`store.errors`.
        """
        with translated(self._place), Transaction(self._reader, acting) as session, session.begin():
            yield session

    @contextmanager
    def alone(self, *, writes: bool = False) -> Iterator[Connection]:
        """Run the block with a connection on which each statement is a transaction of its own, in one round trip.

        For the store's own tables, which belong to no account, and for the question whose account it is.

        Raises:
            StoreUnavailable, StoreNotReady: see :mod:`store.errors`.
        """
        engine = self._single_writes if writes else self._single_reads
        with translated(self._place), engine.connect() as connection:
            yield connection

    @property
    def writers(self) -> int | None:
        """How many transactions may write at a time; None: as many as there are connections."""
        return self._place.writers

    @property
    def lookups(self) -> Engine:
        """Connections for single read-only statements that must end within a second. Errors are the driver's."""
        return self._lookups

    def check(self) -> None:
        """Return if the database is there and at the revision that this version works with.

        Raises:
            StoreNotReady: it is missing, not migrated, older or newer; the message says what to run.
            StoreUnavailable: it does not answer.
        """
        self._place.require_present()
        with translated(self._place), self._lookups.connect() as connection:
            found = read_revision(connection)
        require_current(found)

    def identity(self) -> object:
        """Return what changes when another database file was put in this one's place: then open it anew."""
        return self._place.identity()

    @contextmanager
    def _admitted_to_write(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                stack.enter_context(self._writers.acquired(self._lock_timeout))
            except TimeoutError as error:
                raise StoreUnavailable("the database is busy with other changes") from error
            yield

    def close(self) -> None:
        """Close every connection."""
        for engine in self._engines:
            engine.dispose()

    @property
    def _engines(self) -> tuple[Engine, ...]:
        return (self._lookups, self._reader, self._writer, self._single_reads, self._single_writes)

    def _drop_idle(self, *_lost: object) -> None:
        """Drop all idle connections when one was lost: a server that was restarted has ended the others as well."""
        self.close()
