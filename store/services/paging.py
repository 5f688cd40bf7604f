"""Lists in pages, and the search in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, Select, func, or_
from sqlalchemy.orm import InstrumentedAttribute

from store.errors import ServiceError
from store.sql.tenant import Transaction

Item = TypeVar("Item")
AnySelect = TypeVar("AnySelect", bound=Select[*tuple[Any, ...]])
_MOST = 2**31  # rows to skip; further on there is nothing, and drivers take no larger figure


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page of a list, and how long the whole list is."""

    items: list[Item]
    total: int


def page_of(
    tx: Transaction,
    query: Select[*tuple[Any, ...]],
    as_item: Callable[[Row[*tuple[Any, ...]]], Item],
    page: int,
    per_page: int,
) -> Page[Item]:
    """Return one page of what ``query`` finds, in its order.

    Args:
        query: without DISTINCT, GROUP BY or LIMIT.
        as_item: makes an item of a row.
        page: from 1.
        per_page: from 1.
    """
    total, wanted = _cut(tx, query, page, per_page)
    return Page([] if wanted is None else [as_item(row) for row in tx.execute(wanted)], total)


def page_by_ids(
    tx: Transaction, ids: Select[int], items: Callable[[Sequence[int]], list[Item]], page: int, per_page: int
) -> Page[Item]:
    """Return one page of a long list of things that take several tables: they are put together for this page only.

    Args:
        ids: the query for their ids, in order, as :func:`page_of` takes one.
        items: makes the things with these ids, in the same order.
        page: from 1.
        per_page: from 1.
    """
    total, wanted = _cut(tx, ids, page, per_page)
    return Page([] if wanted is None else items(tx.scalars(wanted).all()), total)


def _cut(tx: Transaction, query: AnySelect, page: int, per_page: int) -> tuple[int, AnySelect | None]:
    """Return how many rows there are, and the query for those of the page; None where it is past the end."""
    total = tx.scalar(query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)) or 0
    skipped = (page - 1) * per_page
    return total, None if skipped >= min(total, _MOST) else query.offset(skipped).limit(per_page)


def holds(search: str, *texts: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Return the condition that one of the texts holds ``search``, whatever the case; ``%`` and ``_`` are themselves.

    Raises:
        ServiceError: ``invalid-request`` for what no name holds: control characters and broken Unicode.
    """
    if not all(char.isprintable() for char in search):
        raise ServiceError("invalid-request", "the search must not hold control characters", field="search")
    return or_(*(text.icontains(search, autoescape=True) for text in texts))
