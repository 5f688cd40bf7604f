"""The deleted names that an account keeps: shown, freed early, and freed when they are over."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, Select, and_, false, or_, select
from sqlalchemy.orm import aliased

from routing.address import Address
from store.batches import batches
from store.clock import utc_now
from store.errors import ServiceError
from store.services import audit, kept, lookup
from store.services.filters import retarget
from store.services.lookup import Ref, has_id
from store.services.names import known_address
from store.services.paging import Page, holds, page_of
from store.services.views import KeptName
from store.sql import changed_fields
from store.sql.tables import AccountRow, AddressRow, DomainRow, KeptNameRow
from store.sql.tenant import Transaction

# A kept name: its rows, its domain's name, the days of its account, and in two parts the mailbox that had it.
KeptRow = Row[KeptNameRow, AddressRow, DomainRow, int, str | None, str | None]
KeptQuery = Select[KeptNameRow, AddressRow, DomainRow, int, str | None, str | None]

MOST_DAYS = 3650
_AT_ONCE = 1000  # names that one transaction frees
_FEW = 500  # in one statement


def check_days(days: int) -> None:
    """Refuse a number of days that cannot be. Raises ServiceError ``invalid-request``."""
    if not 0 <= days <= MOST_DAYS:
        raise ServiceError(
            "invalid-request",
            f"deleted names can be kept for 0 to {MOST_DAYS} days",
            field="keep_deleted_days",
            hint="0: they are free at once",
        )


def get(tx: Transaction, ref: Ref, *, account: int | None = None) -> KeptName:
    """Return a kept name, by id or address, of one account if that is given.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    row = _found(tx, ref)
    if account not in {None, row[2].account_id}:
        raise lookup.not_found("kept name", ref, "address")
    return _as_view(row)


def page(
    tx: Transaction, *, page: int = 1, per_page: int = 25, search: str | None = None, account: Ref | None = None
) -> Page[KeptName]:
    """Return a page of the names that are kept now, by domain and name.

    Args:
        search: only those whose address holds it.
        account: only those of this account.

    Raises:
        ServiceError: ``not-found`` for the account, ``invalid-request`` for the search.
    """
    wanted = _query().where(~_over(tx, utc_now()))
    if search is not None:
        wanted = wanted.where(holds(search, AddressRow.local_part + "@" + DomainRow.name))
    if account is not None:
        wanted = wanted.where(DomainRow.account_id == lookup.account_id(tx, account))
    return page_of(tx, wanted, _as_view, page, per_page)


def list_all(tx: Transaction, *, account: Ref | None = None) -> list[KeptName]:
    """Return all names that are kept now, or those of an account. Raises ServiceError ``not-found`` for the account."""
    wanted = _query().where(~_over(tx, utc_now()))
    if account is not None:
        wanted = wanted.where(DomainRow.account_id == lookup.account_id(tx, account))
    return [_as_view(row) for row in tx.execute(wanted)]


def free(tx: Transaction, ref: Ref) -> KeptName:
    """Free a kept name, by id or address, before its time: any mailbox of the account may have it then.

    Mail to it goes to the catch-all of its domain where there is one, as for any name that nobody has.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    row = _found(tx, ref, lock=True)
    gone, account_id = _as_view(row), row[2].account_id
    _remove(tx, [row])
    audit.note(tx, "kept-name.delete", "kept-name", gone.id, gone.address, gone, None, account_id=account_id)
    return gone


def free_due(tx: Transaction) -> int:
    """Free names whose time is over, at most a thousand, and return how many. Nobody did it, so no log tells of it."""
    due = _by_id().where(_over(tx, utc_now())).limit(_AT_ONCE)
    return _remove(tx, list(tx.execute(due.with_for_update(of=AddressRow, skip_locked=True))))


def change_days(tx: Transaction, account: AccountRow, days: int) -> None:
    """Change for how long an account keeps deleted names, those that are kept now included.

    What is over by the old number or by the new one is free at once, and stays so.

    Raises:
        ServiceError: ``invalid-request``.
    """
    check_days(days)
    shortest = timedelta(days=min(days, account.keep_deleted_days))
    over = (KeptNameRow.deleted_at <= utc_now() - shortest) & (AccountRow.id == account.id)
    _remove(tx, list(tx.execute(_by_id().where(over).with_for_update(of=AddressRow))))
    account.keep_deleted_days = days


def _remove(tx: Transaction, rows: list[KeptRow]) -> int:
    for some in batches(rows, _FEW):
        ids = [row[0].id for row in some]
        for _, address, domain, *_ in some:
            changed_fields.name(tx, domain.name, address.local_part)
        retarget.names_go(tx, AddressRow.id.in_(ids))
        kept.remove(tx, ids)
    tx.expire_all()
    return len(rows)


def _found(tx: Transaction, ref: Ref, *, lock: bool = False) -> KeptRow:
    query = _query().where(_is(ref), ~_over(tx, utc_now()))
    found = tx.execute(query.with_for_update(of=AddressRow) if lock else query).one_or_none()
    if found is None:
        raise lookup.not_found("kept name", ref, "address")
    return found


def _is(ref: Ref) -> ColumnElement[bool]:
    if isinstance(ref, int):
        return has_id(KeptNameRow.id, ref)
    wanted: Address = known_address(ref)
    return and_(AddressRow.local_part == wanted.local, DomainRow.name == wanted.domain)


def _over(tx: Transaction, now: datetime) -> ColumnElement[bool]:
    """Return the condition for names whose time is over.

    The few numbers of days are asked for, so that no database adds days to a moment, which each does in its own way.
    """
    numbers = tx.scalars(select(AccountRow.keep_deleted_days).distinct()).all()
    return or_(
        false(),
        *(
            and_(AccountRow.keep_deleted_days == days, KeptNameRow.deleted_at <= now - timedelta(days=days))
            for days in sorted(numbers)
        ),
    )


def _query() -> KeptQuery:
    owner, owner_domain = aliased(AddressRow), aliased(DomainRow)
    return (
        select(
            KeptNameRow,
            AddressRow,
            DomainRow,
            AccountRow.keep_deleted_days,
            owner.local_part,
            owner_domain.name,
        )
        .join_from(KeptNameRow, AddressRow, AddressRow.id == KeptNameRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(AccountRow, AccountRow.id == DomainRow.account_id)
        .outerjoin(owner, owner.id == KeptNameRow.mailbox_id)
        .outerjoin(owner_domain, owner_domain.id == owner.domain_id)
        .order_by(DomainRow.name, AddressRow.local_part)
    )


def _by_id() -> KeptQuery:
    """Return the same in the order in which names are locked, so that nobody waits in a circle."""
    return _query().order_by(None).order_by(KeptNameRow.id)


def _as_view(found: KeptRow) -> KeptName:
    row, address, domain, days, owner_local, owner_domain = found
    return KeptName(
        id=row.id,
        address=f"{address.local_part}@{domain.name}",
        local_part=address.local_part,
        domain_id=domain.id,
        domain=domain.name,
        mailbox_id=row.mailbox_id,
        mailbox=None if owner_local is None else f"{owner_local}@{owner_domain}",
        deleted_at=row.deleted_at,
        kept_until=kept.until(row.deleted_at, days),
    )
