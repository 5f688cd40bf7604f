"""Statements that this process sends to a database: SQLAlchemy's, and the prepared ones, of which it tells nobody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

from store.sql import prepared


def watch(told: prepared.Watcher) -> Callable[[], None]:
    """Have ``told`` called with each statement that ran; return what ends that."""

    def executed(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        told(connection, statement)

    event.listen(Engine, "after_cursor_execute", executed)
    prepared.watchers.append(told)

    def end() -> None:
        event.remove(Engine, "after_cursor_execute", executed)
        prepared.watchers.remove(told)

    return end


@contextmanager
def watched() -> Iterator[list[str]]:
    """Note every statement that runs in the block."""
    seen: list[str] = []
    end = watch(lambda _connection, statement: seen.append(statement))
    try:
        yield seen
    finally:
        end()
