"""Statements over hundreds of values: ``column IN (...)``.

SQLAlchemy writes a parameter into the text for each value, and psycopg and PostgreSQL read that text anew each time,
which takes longer than to find 500 rows. So PostgreSQL gets one JSON array, whose values it joins with the rows over
their index. SQLite would not: it then searches by the rest of the key alone.
"""

import json
from collections.abc import Callable, Collection
from functools import cache, partial
from typing import Any

from sqlalchemy import JSON, ColumnElement, Select, Text, bindparam, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from store.sql.tenant import made_once

Column = InstrumentedAttribute[Any]
Among = Callable[[Column, str], ColumnElement[bool]]  # a column is among the values of a parameter
AnySelect = Select[*tuple[Any, ...]]


def asked(
    tx: Session, make: Callable[[Among], AnySelect], **lists: Collection[int] | Collection[str]
) -> tuple[AnySelect, dict[str, Any]]:
    """Return the statement that ``make`` makes, once for each kind of database, and its parameters."""
    dialect = tx.get_bind().dialect.name
    return _made(make, dialect), {name: given(dialect, values) for name, values in lists.items()}


def among(dialect: str, column: Column, name: str) -> ColumnElement[bool]:
    """Return the condition that a column is among the values of a parameter, which takes what :func:`given` returns."""
    if dialect != "postgresql":
        return column.in_(bindparam(name, expanding=True))
    each = func.json_array_elements_text(cast(bindparam(name, type_=Text()), JSON))
    return column.in_(select(cast(each, column.type)))


def given(dialect: str, values: Collection[int] | Collection[str]) -> Any:
    """Return values as a statement takes them."""
    return json.dumps(list(values)) if dialect == "postgresql" else list(values)


@cache
def _made(make: Callable[[Among], AnySelect], dialect: str) -> AnySelect:
    return made_once(make(partial(among, dialect)))
