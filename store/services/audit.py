"""The audit log: who changed what and when, written in the change's own transaction, and read in pages."""

import dataclasses
import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Row, select

from store.batches import batches
from store.clock import rfc3339
from store.services.fields import check_moment
from store.services.paging import Page, holds, page_of
from store.sql.insert_row import insert_rows
from store.sql.tables import AuditRow
from store.sql.tenant import Acting, Transaction

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CREATED, DELETED = ".create", ".delete"  # how the actions end that make an object, and that remove it
ChangedFields = tuple[str, int, bool]  # type of an object, its id, and whether the change made it
_AT_ONCE = 1000  # rows in one statement
_PLAIN = frozenset({str, int, bool, type(None)})  # as JSON has them
_written = lru_cache(4)(rfc3339)  # a call of a thousand changes has one moment
_OBJECT = re.compile(r"([a-z-]{1,20}):([0-9]{1,9})")


@dataclasses.dataclass(frozen=True, slots=True)
class AuditEntry:
    """A change."""

    id: int
    at: datetime
    actor: str
    token_id: int | None
    request_id: str | None
    account_id: int | None
    action: str  # "alias.create"
    object_type: str  # "alias"
    object_id: int
    name: str  # its address, or name
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def note(
    tx: Transaction,
    action: str,
    object_type: str,
    object_id: int,
    name: str,
    before: "DataclassInstance | None",
    after: "DataclassInstance | None",
    *,
    account_id: int | None,
) -> None:
    """Write down a change in the transaction that makes it.

    Args:
        action: "alias.create" and the like.
        name: what people call the object.
        before, after: a view of the object, None where it was or is not there. Views hold no secrets.
        account_id: whose object it is, and who may read the entry beside operators; None: only they.
    """
    note_all(tx, [Change(action, object_type, object_id, name, before, after, account_id)])


class Change(NamedTuple):
    """What :func:`note` is told of a change."""

    action: str
    object_type: str
    object_id: int
    name: str
    before: "DataclassInstance | None"
    after: "DataclassInstance | None"
    account_id: int | None


def note_all(tx: Transaction, changes: Iterable[Change]) -> None:
    """Write down many changes with few statements, in their order."""
    for some in batches(changes, _AT_ONCE):
        insert_rows(tx, AuditRow, [_row(tx.acting, change) for change in some])
        _noted(tx).update((one.object_type, one.object_id, one.action.endswith(CREATED)) for one in some)


def noted(tx: Transaction) -> frozenset[ChangedFields]:
    """Return the objects of which this transaction has noted a change so far."""
    return frozenset(_noted(tx))


def _noted(tx: Transaction) -> set[ChangedFields]:
    found: set[ChangedFields] = tx.info.setdefault("noted", set())
    return found


def _row(acting: Acting, change: Change) -> dict[str, Any]:
    return {
        "actor": acting.actor[:200],
        "token_id": acting.token_id,
        "request_id": acting.request_id and acting.request_id[:200],
        "account_id": change.account_id,
        "action": change.action,
        "object_type": change.object_type,
        "object_id": change.object_id,
        "name": change.name,
        "before": _told(change.before),
        "after": _told(change.after),
    }


def page(
    tx: Transaction,
    *,
    since: datetime | None = None,
    object: str | None = None,  # noqa: A002 - as the API calls it
    search: str | None = None,
    page: int = 1,
    per_page: int = 25,
) -> Page[AuditEntry]:
    """Return changes, the latest first.

    Args:
        since: only those from then on; aware.
        object: only those of ``alias:12`` and the like, or of an address, domain or name.
        search: only those of which the name of the object, or of who made it, holds this.

    Raises:
        ServiceError: ``invalid-request`` for a moment past all calendars, and for the search.
    """
    check_moment("since", since)
    query = select(AuditRow).order_by(AuditRow.id.desc())
    if since is not None:
        query = query.where(AuditRow.at >= since)
    if object is not None:
        query = query.where(_of(object))
    if search is not None:
        query = query.where(holds(search, AuditRow.name, AuditRow.actor))
    return page_of(tx, query, _entry, page, per_page)


def _of(wanted: str) -> ColumnElement[bool]:
    if named := _OBJECT.fullmatch(wanted):
        return (AuditRow.object_type == named[1]) & (AuditRow.object_id == int(named[2]))
    return AuditRow.name == "".join(char for char in wanted if char.isprintable())


def _entry(found: Row[*tuple[Any, ...]]) -> AuditEntry:
    row: AuditRow = found[0]
    return AuditEntry(**{field.name: getattr(row, field.name) for field in dataclasses.fields(AuditEntry)})


def _told(view: "DataclassInstance | None") -> dict[str, Any] | None:
    if view is None:
        return None
    told: dict[str, Any] = {}
    for name in _fields_told(type(view)):
        value = getattr(view, name)
        told[name] = value if type(value) in _PLAIN else _plain(value)
    return told


@cache
def _fields_told(kind: "type[DataclassInstance]") -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind) if field.metadata.get("audited", True))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, datetime):
        return _written(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _told(value)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
