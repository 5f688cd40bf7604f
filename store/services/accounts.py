"""Accounts: who owns domains, on which plan. Only operators change them: no transaction bound to an account does."""

from datetime import datetime
from functools import cache

from sqlalchemy import Row, Select, func, select
from sqlalchemy.exc import IntegrityError

from store.clock import utc_now
from store.errors import ServiceError
from store.services import audit, lookup
from store.services.fields import check_moment, check_name
from store.services.lookup import AccountState, Ref
from store.services.paging import Page, holds, page_of
from store.services.plans import alias_limit, check_plan
from store.services.unset import UNSET, NotGiven
from store.services.views import Account, AccountHead, AccountUsage, Limits
from store.sql import changed_fields
from store.sql.counts import name_count
from store.sql.tables import ALIAS, MAILBOX, AccountRow, DomainRow, RandomAliasDomainRow
from store.sql.tenant import Transaction


def create(
    tx: Transaction,
    name: str,
    plan: str,
    *,
    is_trial: bool = False,
    is_active: bool = True,
    first_payment_at: datetime | None = None,
) -> Account:
    """Open an account.

    Raises:
        ServiceError: ``insufficient-scope``, ``invalid-request``, ``conflict`` when the name is taken.
    """
    _require_operator(tx)
    check_name(name)
    check_plan(plan)
    check_moment("first_payment_at", first_payment_at)
    row = AccountRow(name=name, plan=plan, is_trial=is_trial, is_active=is_active, first_payment_at=first_payment_at)
    _save(tx, row)
    made = _view(tx, row.id)
    audit.note(tx, "account.create", "account", row.id, name, None, made, account_id=row.id)
    return made


def get(tx: Transaction, ref: Ref) -> Account:
    """Return an account. Raises ServiceError ``not-found``."""
    return _view(tx, lookup.account_id(tx, ref))


def head(tx: Transaction, account_id: int) -> AccountHead:
    """Return what stands over the pages of an account, without counting anything. Raises ServiceError ``not-found``."""
    row = tx.scalar(select(AccountRow).where(lookup.has_id(AccountRow.id, account_id)))
    if row is None:
        raise ServiceError("not-found", f"there is no account {account_id}")
    return AccountHead(row.id, row.name, row.plan, row.is_active)


def update(
    tx: Transaction,
    ref: Ref,
    *,
    name: str | None = None,
    plan: str | None = None,
    is_trial: bool | None = None,
    paid: bool = False,
    first_payment_at: datetime | NotGiven | None = UNSET,
    is_active: bool | None = None,
) -> Account:
    """Change name or plan, note the first payment, suspend or resume. A smaller plan deletes nothing.

    Args:
        ref: id or name.
        paid: the first payment came now, unless it came before.
        first_payment_at: when it came, or None to take that back.

    Raises:
        ServiceError: ``insufficient-scope``, ``not-found``, ``invalid-request`` for an unknown plan, ``conflict`` when
            the name is taken.
    """
    _require_operator(tx)
    row = lookup.account(tx, ref)
    before = _view(tx, row.id)
    if name is not None:
        check_name(name)
        row.name = name
    if plan is not None:
        check_plan(plan)
        row.plan = plan
    if is_trial is not None:
        row.is_trial = is_trial
    if first_payment_at is not UNSET:
        check_moment("first_payment_at", first_payment_at)
        row.first_payment_at = first_payment_at
    if paid and row.first_payment_at is None:
        row.first_payment_at = utc_now()
    if is_active is not None:
        row.is_active = is_active
        changed_fields.account(tx, row.id)
    _save(tx, row)
    after = _view(tx, row.id)
    audit.note(tx, "account.update", "account", row.id, after.name, before, after, account_id=row.id)
    return after


def remove(tx: Transaction, ref: Ref) -> Account:
    """Remove an account that has no domains, with its tokens.

    Raises:
        ServiceError: ``insufficient-scope``, ``not-found``, ``conflict`` while it has domains.
    """
    _require_operator(tx)
    row = lookup.account(tx, ref)
    gone = _view(tx, row.id)
    if gone.usage.domains:
        raise ServiceError(
            "conflict",
            f"the account {gone.name} has {gone.usage.domains} domain(s)",
            hint="remove its domains first",
            details={"domains": gone.usage.domains},
        )
    tx.delete(row)
    tx.flush()
    audit.note(tx, "account.delete", "account", gone.id, gone.name, gone, None, account_id=gone.id)
    return gone


def list_all(tx: Transaction) -> list[Account]:
    """Return every account, by name."""
    return [_as_view(row) for row in tx.execute(_query())]


def page(tx: Transaction, *, page: int = 1, per_page: int = 25, search: str | None = None) -> Page[Account]:
    """Return a page of accounts, by name; with ``search`` of those whose name holds it.

    Raises:
        ServiceError: ``invalid-request`` for the search.
    """
    query = _query()
    if search is not None:
        query = query.where(holds(search, AccountRow.name))
    return page_of(tx, query, _as_view, page, per_page)


def is_unpaid_trial(row: AccountState) -> bool:
    """Return whether the limit for trials holds still."""
    return row.is_trial and row.first_payment_at is None


def _require_operator(tx: Transaction) -> None:
    if tx.acting.account_id is not None:
        raise ServiceError("insufficient-scope", "only an operator changes accounts")


def _save(tx: Transaction, row: AccountRow) -> None:
    try:
        with tx.begin_nested():
            tx.add(row)
    except IntegrityError:
        raise ServiceError("conflict", "there is an account of that name already", field="name") from None


def _view(tx: Transaction, account_id: int) -> Account:
    return _as_view(tx.execute(_query().where(AccountRow.id == account_id)).one())


@cache
def _query() -> Select[AccountRow, int | None, int, int, int]:
    domains = select(func.count()).where(DomainRow.account_id == AccountRow.id).scalar_subquery()
    names = (name_count(kind, AccountRow.id) for kind in (MAILBOX, ALIAS))
    chosen = RandomAliasDomainRow.account_id == AccountRow.id
    query = select(AccountRow, RandomAliasDomainRow.domain_id, domains, *names)
    return query.outerjoin(RandomAliasDomainRow, chosen).order_by(AccountRow.name)


def _as_view(found: Row[AccountRow, int | None, int, int, int]) -> Account:
    row, random_alias_domain_id, *counts = found
    return Account(
        id=row.id,
        name=row.name,
        plan=row.plan,
        is_trial=row.is_trial,
        is_active=row.is_active,
        first_payment_at=row.first_payment_at,
        limits=Limits(alias_limit(row.plan, unpaid_trial=is_unpaid_trial(row))),
        usage=AccountUsage(*counts),
        random_alias_domain_id=random_alias_domain_id,
        remember_senders_days=row.remember_senders_days,
        keep_deleted_days=row.keep_deleted_days,
    )
