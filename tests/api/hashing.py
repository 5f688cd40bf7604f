"""Hashes of passwords, watched: none may be reckoned while its thread is in a transaction, for others wait for that."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import event
from sqlalchemy.orm import Session

from admin_api.http.threads import WORKER
from store.sql.tenant import Transaction


class Hashing:
    """What was hashed or verified in threads of one name; in others tests may fill stores as they like."""

    def __init__(self, thread: str) -> None:
        self._thread = thread
        self.done: list[str] = []  # "hash" or "verify"
        self._open = threading.local()

    def began(self, session: Session, *_: object) -> None:
        self._sessions.add(id(session))

    def ended(self, session: Session, transaction: Any) -> None:
        if transaction.parent is None:
            self._sessions.discard(id(session))

    def watched(self, name: str) -> Callable[..., Any]:
        """Return a method of argon2's that refuses to work in a transaction."""
        work = getattr(PasswordHasher, name)

        def watch(*given: Any, **named: Any) -> Any:
            if threading.current_thread().name == self._thread:
                assert not self._sessions, "a password is hashed in a transaction"
                self.done.append(name)
            return work(*given, **named)

        return watch

    @property
    def _sessions(self) -> set[int]:
        if not hasattr(self._open, "sessions"):
            self._open.sessions = set()
        found: set[int] = self._open.sessions
        return found


@contextmanager
def hashing_watched(thread: str = WORKER) -> Iterator[Hashing]:
    """Watch for the length of the block."""
    hashing = Hashing(thread)
    listeners = (("after_begin", hashing.began), ("after_transaction_end", hashing.ended))
    for name, listener in listeners:
        event.listen(Transaction, name, listener)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("hash", "verify"):
            patch.setattr(PasswordHasher, name, hashing.watched(name))
        try:
            yield hashing
        finally:
            for name, listener in listeners:
                event.remove(Transaction, name, listener)
