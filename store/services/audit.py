"""The audit log: who changed what and when, written in the change's own transaction, and read in pages."""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Row, select

from store.batches import batches
from store.services.fields import check_moment
from store.services.paging import Page, holds, page_of
from store.services.told import told, told_texts
from store.sql.columns import Column
from store.sql.insert_row import insert_rows
from store.sql.many_rows import ManyRows
from store.sql.tables import AuditRow
from store.sql.tenant import Acting, Transaction

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CREATED, DELETED = ".create", ".delete"  # how the actions end that make an object, and that remove it
ChangedFields = tuple[str, int, bool]  # type of an object, its id, and whether the change made it
_AT_ONCE = 1000  # rows in one statement
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
    row = _of_actor(tx.acting) | {"account_id": account_id, "action": action, "object_type": object_type}
    row |= {"object_id": object_id, "name": name, "before": told(before), "after": told(after)}
    insert_rows(tx, AuditRow, [row])
    _noted(tx).add((object_type, object_id, action.endswith(CREATED)))


class Change(NamedTuple):
    """What :func:`note` is told of a change."""

    action: str
    object_type: str
    object_id: int
    name: str
    before: "DataclassInstance | None"
    after: "DataclassInstance | None"
    account_id: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Lines:
    """What is to be written down of some changes."""

    rows: ManyRows
    objects: set[ChangedFields]


def note_all(tx: Transaction, changes: Iterable[Change]) -> None:
    """Write down many changes with few statements, in their order."""
    keep(tx, lines(tx, changes))


def lines(tx: Transaction, changes: Iterable[Change]) -> list[Lines]:
    """Put together what :func:`keep` will write down of changes, without a question to the database."""
    return [_lines(tx, some) for some in batches(changes, _AT_ONCE)]


def keep(tx: Transaction, changes: Iterable[Lines]) -> None:
    """Write down what was put together."""
    for some in changes:
        some.rows.insert(tx)
        _noted(tx).update(some.objects)


def _lines(tx: Transaction, changes: Sequence[Change]) -> Lines:
    action, kind, ids, name, before, after, account = zip(*changes, strict=True)
    columns: dict[str, Column] = {one: [value] * len(changes) for one, value in _of_actor(tx.acting).items()}
    columns |= {"account_id": account, "action": action, "object_type": kind, "object_id": ids, "name": name}
    columns |= {"before": told_texts(before), "after": told_texts(after)}
    made = {one: one.endswith(CREATED) for one in set(action)}
    objects = {(one.object_type, one.object_id, made[one.action]) for one in changes}
    return Lines(ManyRows.of(tx, AuditRow, columns, are_long=True), objects)


def noted(tx: Transaction) -> frozenset[ChangedFields]:
    """Return the objects of which this transaction has noted a change so far."""
    return frozenset(_noted(tx))


def _noted(tx: Transaction) -> set[ChangedFields]:
    found: set[ChangedFields] = tx.info.setdefault("noted", set())
    return found


def _of_actor(acting: Acting) -> dict[str, Any]:
    request = acting.request_id and acting.request_id[:200]
    return {"actor": acting.actor[:200], "token_id": acting.token_id, "request_id": request}


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
