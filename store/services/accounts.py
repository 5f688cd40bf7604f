"""Accounts: who owns domains, on which plan."""

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.clock import utc_now
from store.errors import ServiceError
from store.services import lookup
from store.services.fields import check_account_name
from store.services.plans import alias_limit, check_plan
from store.services.views import Account, AccountUsage, Limits
from store.sql import touched
from store.sql.tables import ALIAS, MAILBOX, AccountRow, AddressRow, DomainRow


def create(tx: Session, name: str, plan: str, *, is_trial: bool = False) -> Account:
    """Open an account.

    Raises:
        ServiceError: ``invalid-request``, ``conflict`` when the name is taken.
    """
    check_account_name(name)
    check_plan(plan)
    row = AccountRow(name=name, plan=plan, is_trial=is_trial)
    try:
        with tx.begin_nested():
            tx.add(row)
    except IntegrityError:
        raise ServiceError("conflict", "there is an account of that name already", field="name") from None
    return _view(tx, row.id)


def update(
    tx: Session, name: str, *, plan: str | None = None, paid: bool = False, is_active: bool | None = None
) -> Account:
    """Change the plan, note the first payment, suspend or resume. A smaller plan deletes nothing.

    Raises:
        ServiceError: ``not-found``, ``invalid-request`` for an unknown plan.
    """
    row = lookup.account(tx, name)
    if plan is not None:
        check_plan(plan)
        row.plan = plan
    if paid and row.first_payment_at is None:
        row.first_payment_at = utc_now()
    if is_active is not None:
        row.is_active = is_active
        touched.account(tx, row.id)
    tx.flush()
    return _view(tx, row.id)


def list_all(tx: Session) -> list[Account]:
    """Return every account, by name."""
    return _views(tx)


def is_unpaid_trial(row: AccountRow) -> bool:
    """Return whether the limit for trials holds still."""
    return row.is_trial and row.first_payment_at is None


def _view(tx: Session, account_id: int) -> Account:
    return _views(tx, account_id)[0]


def _views(tx: Session, account_id: int | None = None) -> list[Account]:
    domains = select(func.count()).where(DomainRow.account_id == AccountRow.id).scalar_subquery()
    query = select(AccountRow, domains, _count(MAILBOX), _count(ALIAS)).order_by(AccountRow.name)
    if account_id is not None:
        query = query.where(AccountRow.id == account_id)
    return [_as_view(row, AccountUsage(*counts)) for row, *counts in tx.execute(query)]


def _count(kind: str) -> ScalarSelect[int]:
    names = select(func.count()).join_from(AddressRow, DomainRow).where(AddressRow.kind == kind)
    return names.where(DomainRow.account_id == AccountRow.id).scalar_subquery()


def _as_view(row: AccountRow, usage: AccountUsage) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        plan=row.plan,
        is_trial=row.is_trial,
        is_active=row.is_active,
        first_payment_at=row.first_payment_at,
        limits=Limits(alias_limit(row.plan, unpaid_trial=is_unpaid_trial(row))),
        usage=usage,
    )
