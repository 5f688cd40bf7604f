"""The orders in which mailboxes are listed, in one table. Those that are alike are told apart by their address."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import InstrumentedAttribute

from store.errors import ServiceError
from store.sql.counts import alias_count
from store.sql.tables import AddressRow, DomainRow, MailboxRow

Column = ColumnElement[Any] | InstrumentedAttribute[Any]

# An expression, so that SQLite sorts ten thousand mailboxes (7 ms) and does not read a million names in the order of an
# index to find them among the aliases (5 s).
_DOMAIN = DomainRow.name + ""
_ADDRESS = (_DOMAIN, AddressRow.local_part)


@dataclass(frozen=True, slots=True)
class _Columns:
    """What is sorted by: what comes last in both directions, then what is turned with the direction."""

    turned: tuple[Column, ...]
    kept: tuple[Column, ...] = ()


_COLUMNS: Mapping[str, _Columns] = MappingProxyType(
    {
        "address": _Columns(_ADDRESS),
        "name": _Columns((func.lower(MailboxRow.display_name),), kept=(MailboxRow.display_name == "",)),
        "aliases": _Columns((alias_count(AddressRow.id),)),
        "created": _Columns((AddressRow.created_at,)),
    }
)
ORDERS = tuple(_COLUMNS)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of mailboxes: one of :data:`ORDERS`, and its direction."""

    by: str = "address"
    descending: bool = False

    @property
    def needs_mailbox(self) -> bool:
        """Whether the statement must have a mailbox's own row, and not only its name."""
        return self.by == "name"


BY_ADDRESS = Order()


def columns(order: Order) -> tuple[Column, ...]:
    """Return what a statement over AddressRow and DomainRow is ordered by.

    Raises:
        ServiceError: ``invalid-request`` for an order that is none of :data:`ORDERS`.
    """
    if order.by not in _COLUMNS:
        raise ServiceError("invalid-request", f"the order is one of {', '.join(ORDERS)}", field="sort")
    chosen = _COLUMNS[order.by]
    turned = tuple(column.desc() if order.descending else column for column in chosen.turned)
    return (*chosen.kept, *turned, *_ADDRESS)
