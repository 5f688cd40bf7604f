"""A unit of work: one change by one caller, made in one transaction, once for each idempotency key."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from store.cache.propagation import Propagation
from store.services import idempotency
from store.sql.database import Database
from store.sql.outbox import lists_domains, version_of
from store.sql.tenant import Acting, Transaction
from store.unit_of_work.idempotency_lock import IdempotencyLock
from store.unit_of_work.map_files import wait_for_files


class Wait(Protocol):
    """Waits until the cache holds a change: see :meth:`store.cache.propagation.PropagationWaiter.wait_until_live`."""

    def __call__(self, version: int | None) -> Propagation:
        """Return "live" or "pending"; "live" at once where there is no cache."""
        ...


def live_at_once(version: int | None) -> Propagation:  # noqa: ARG001 - the protocol's name
    """Return "live": without a cache, decisions read the store itself."""
    return "live"


@dataclass(frozen=True, slots=True)
class Repeatable:
    """What makes a request safe to repeat: the client's key, and a digest that tells this request from any other."""

    token_id: int  # whose key it is
    key: str  # 1 to 255 printable characters
    fingerprint: str  # hex


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is kept with an idempotency key: an HTTP status, and a body without secrets or None."""

    status: int
    body: str | None


class AlreadyAnswered(Exception):
    """The request was answered before: nothing was done again, and ``answer`` is what the first one was told."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("this request was answered before")
        self.answer = answer


@dataclass(slots=True)
class UnitOfWork:
    """A change that ``acting`` makes. For one change and one thread.

    Use::

        with unit.begin() as tx:
            made = aliases.create(tx, ...)
            unit.answer = Answer(201, body)
        unit.propagation()
    """

    database: Database
    acting: Acting
    wait: Wait
    lock: IdempotencyLock
    repeatable: Repeatable | None = None
    answer: Answer = field(default=Answer(204, None))  # kept when the block ends, if the request is repeatable
    _version: int | None = None
    _lists_domains: bool = False

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open the transaction; it is committed when the block ends, and rolled back on any exception.

        The row of the idempotency key is its first statement and the answer its last, so that whatever the block does
        is done together with them or not at all.

        Raises:
            AlreadyAnswered: in place of the block, when the key has its answer.
            ServiceError: ``idempotency-key-reused``, ``request-in-progress``, and what the block raises.
            StoreUnavailable: nothing was written.
        """
        key = None if self.repeatable is None else (self.repeatable.token_id, self.repeatable.key)
        with self.lock.held(key), self.database.write(self.acting) as tx:
            key_id = self._begin(tx)
            yield tx
            if key_id is not None:
                idempotency.finish(tx, key_id, self.answer.status, self.answer.body)
        self._version, self._lists_domains = version_of(tx), lists_domains(tx)

    @property
    def version(self) -> int | None:
        """What the change is known by on its way to the cache; None for one that no decision can see."""
        return self._version

    def propagation(self) -> Propagation:
        """Wait until the cache holds the change, at most a second, and return whether it does.

        A change of who is hosted has also to be in the files that mail servers read: a second more.
        """
        found = self.wait(self._version)
        if found == "live" and self._version is not None and self._lists_domains:
            return wait_for_files(self.database, self._version)
        return found

    def _begin(self, tx: Transaction) -> int | None:
        if self.repeatable is None:
            return None
        begun = idempotency.begin(tx, self.repeatable.token_id, self.repeatable.key, self.repeatable.fingerprint)
        if isinstance(begun, idempotency.Replay):
            raise AlreadyAnswered(Answer(begun.status, begun.body))
        return begun.id
