"""The outbox: the last step of a change writes down, in the same transaction, what it leaves in the cache.

The step takes the row of the clock first. That lock lasts to the commit, so versions are in the order of commits, and
what is read after it is never older than what a smaller version wrote. A change that no decision can see does not
touch the clock.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, Text, bindparam, func, insert, select, update
from sqlalchemy import cast as cast_to
from sqlalchemy.orm import Session

from routing.records import HostedDomain
from store.batches import batches
from store.sql.changed_fields import LISTING, Field, fields, touched
from store.sql.directory_query import found_rows_of_change
from store.sql.directory_rows import records
from store.sql.insert_row import insert_rows
from store.sql.people import find_fields
from store.sql.prepared import Prepared
from store.sql.tables import ClockRow, OutboxRow
from store.wire_format.layout import CATCH_ALL, DOMAIN
from store.wire_format.values import GONE, HOSTED, catch_all_body, domain_body, local_of, name_body, version_text

CHANNEL = "byname_outbox"  # of PostgreSQL's NOTIFY
_VERSION, _LISTS_DOMAINS = "byname.version", "byname.lists-domains"
# Fields read, and rows written, with one statement. To plan the question takes PostgreSQL half as long as to answer it
# for 500 names; SQLite gets a parameter for each.
_AT_ONCE = {"postgresql": 1000, "sqlite": 500}
_NO_NAMES = frozenset({LISTING, DOMAIN, CATCH_ALL})
# Of tables, not of objects: every change ends with these, and an object takes longer than its statement.
_CLOCK, _OUTBOX = cast("Table", ClockRow.__table__), cast("Table", OutboxRow.__table__)
_ADVANCE = Prepared(
    update(_CLOCK)
    .values(version=_CLOCK.c.version + 1, nonce=bindparam("new"))
    .returning(_CLOCK.c.version, _CLOCK.c.nonce, _CLOCK.c.epoch)
)
_NOTIFY = select(func.pg_notify(CHANNEL, bindparam("version")))
_INSERT_AND_NOTIFY = Prepared(
    insert(_OUTBOX).returning(func.pg_notify(CHANNEL, cast_to(_OUTBOX.c.version, Text))),
    ("version", "nonce", "domain", "field", "value"),
)


@dataclass(frozen=True, slots=True)
class Clock:
    """Which changes there were: the version of the last one with its nonce, and the epoch it is counted in."""

    version: int
    nonce: str
    epoch: str


def version_of(tx: Session) -> int | None:
    """Return the version that ``tx`` was given at its end; None when it changed nothing that a decision needs."""
    return cast("int | None", tx.info.get(_VERSION))


def lists_domains(tx: Session) -> bool:
    """Return whether ``tx`` changed which domains are hosted; asked after its end."""
    return bool(tx.info.get(_LISTS_DOMAINS))


def new_nonce() -> str:
    """Return a new random text, a nonce."""
    return secrets.token_hex(8)


def read_clock(tx: Session) -> Clock | None:
    """Return what the clock shows, None before the first change."""
    found = tx.execute(select(ClockRow.version, ClockRow.nonce, ClockRow.epoch)).one_or_none()
    return None if found is None else Clock(*found)


def record(tx: Session) -> None:
    """Write the outbox rows of ``tx``; the last thing before its commit."""
    if not touched(tx):
        return
    tx.flush()
    now = _tick(tx)
    rows = [
        {"version": now.version, "nonce": now.nonce, "domain": domain, "field": field, "value": value}
        for domain, field, value in _values(tx, fields(tx), now.version)
    ]
    _keep(tx, rows, now.version)
    tx.info[_VERSION] = now.version
    tx.info[_LISTS_DOMAINS] = any(row["field"] == LISTING for row in rows)


def _keep(tx: Session, rows: Sequence[Mapping[str, Any]], version: int) -> None:
    """Insert rows, and tell PostgreSQL's listeners; of a single row, as most changes leave, with one statement."""
    dialect = tx.get_bind().dialect.name
    is_told = dialect == "postgresql"
    if is_told and len(rows) == 1:
        _INSERT_AND_NOTIFY.rows(tx.connection(), rows[0])
        return
    for batch in batches(rows, _AT_ONCE[dialect]):
        insert_rows(tx, OutboxRow, batch)
    if is_told:
        tx.connection().execute(_NOTIFY, {"version": str(version)})


def _tick(tx: Session) -> Clock:
    nonce = new_nonce()
    found = _ADVANCE.row(tx.connection(), {"new": nonce})
    if found is not None:
        return Clock(*found)
    first = Clock(version=1, nonce=nonce, epoch=new_nonce())
    tx.execute(insert(ClockRow).values(id=1, version=1, nonce=nonce, epoch=first.epoch))
    return first


def _values(tx: Session, wanted: Sequence[Field], version: int) -> Iterator[tuple[str, str, str]]:
    """Return domain, field and value for each field, as things stand now."""
    stamp = version_text(version)
    for batch in batches(wanted, _AT_ONCE[tx.get_bind().dialect.name]):
        locals_ = {field: local_of(field) for _, field in batch if field not in _NO_NAMES}
        domains = sorted({domain for domain, _ in batch})
        rows = found_rows_of_change(tx.connection(), domains, sorted(set(locals_.values())))
        hosted = records(rows) | find_fields(tx, batch)
        for domain, field in batch:
            body = _body(hosted.get(domain), field, locals_.get(field, ""))
            if body is not None:
                yield domain, field, f"{stamp} {body}"


def _body(domain: HostedDomain | None, field: str, local: str) -> str | None:
    """Return what a field says, that of the name ``local`` if it is one.

    None for a field of a domain that is not hosted, whose listing says it all.
    """
    if field == LISTING:
        return GONE if domain is None else HOSTED
    if domain is None:
        return None
    if field == DOMAIN:
        return domain_body(domain)
    if field == CATCH_ALL:
        return catch_all_body(domain.catch_all, domain.name)
    name = domain.names.get(local)
    return GONE if name is None else name_body(name, domain.name)
