"""Admins of the dashboard: people who look after one account, or as operators after all. Only operators make them."""

from functools import cache

from sqlalchemy import Row, Select, select
from sqlalchemy.exc import IntegrityError

from store.errors import ServiceError
from store.passwords import PasswordHash
from store.services import audit, lookup, second_factors, sessions
from store.services.lookup import Ref
from store.services.names import known_address
from store.services.views import Admin
from store.sql.tables import ADMIN, VIEWER, AccountRow, AdminRow
from store.sql.tenant import Transaction

ROLES = (ADMIN, VIEWER)


def create(
    tx: Transaction, address: str, password: PasswordHash, *, account: Ref | None = None, role: str = ADMIN
) -> Admin:
    """Make an admin of an account; without one, an operator.

    Raises:
        ServiceError: ``insufficient-scope``, ``invalid-request``, ``not-found`` for the account, ``conflict`` when
            there is an admin of that address already.
    """
    _require_operator(tx)
    if role not in ROLES:
        raise ServiceError("invalid-request", f"a role is one of {', '.join(ROLES)}", field="role")
    canonical = str(known_address(address))
    account_id = None if account is None else lookup.account_id(tx, account)
    row = AdminRow(address=canonical, password_hash=password.phc, account_id=account_id, role=role)
    try:
        with tx.begin_nested():
            tx.add(row)
    except IntegrityError:
        raise ServiceError("conflict", f"there is an admin {canonical} already", field="address") from None
    made = get(tx, canonical)
    _note(tx, "admin.create", None, made)
    return made


def get(tx: Transaction, address: str) -> Admin:
    """Return an admin. Raises ServiceError ``invalid-request``, ``not-found``."""
    canonical = str(known_address(address))
    found = tx.execute(_query().where(AdminRow.address == canonical)).one_or_none()
    if found is None:
        raise ServiceError("not-found", f"there is no admin {canonical}", field="address")
    return _as_view(found)


def list_all(tx: Transaction) -> list[Admin]:
    """Return every admin, by address."""
    return [_as_view(row) for row in tx.execute(_query())]


def reset(tx: Transaction, address: str, password: PasswordHash) -> Admin:
    """Give an admin another password, take their second factor away, and end all their sessions.

    Raises:
        ServiceError: ``insufficient-scope``, ``invalid-request``, ``not-found``.
    """
    _require_operator(tx)
    found = get(tx, address)
    row = _row(tx, found.id)
    row.password_hash = password.phc
    tx.flush()
    person = sessions.person_of(tx, found.id, None)
    assert person is not None  # noqa: S101 - said to the type checker
    second_factors.remove_all(tx, person)
    sessions.end_of_admin(tx, found.id)
    _note(tx, "admin.set-password", found, found)
    return found


def has_second_factor(tx: Transaction, address: str) -> bool:
    """Return whether signing in asks an admin for more than the password. Raises ServiceError ``not-found``."""
    person = sessions.person_of(tx, get(tx, address).id, None)
    return person is not None and second_factors.has_any(tx, person)


def set_own_password(tx: Transaction, admin_id: int, password: PasswordHash) -> None:
    """Give an admin, who asks for it, another password, and end all their sessions."""
    row = _row(tx, admin_id)
    row.password_hash = password.phc
    tx.flush()
    sessions.end_of_admin(tx, admin_id)
    found = get(tx, row.address)
    _note(tx, "admin.set-password", found, found)


def remove(tx: Transaction, address: str) -> Admin:
    """Remove an admin, whose sessions end. Raises ServiceError ``insufficient-scope``, ``not-found`` and the like."""
    _require_operator(tx)
    gone = get(tx, address)
    tx.delete(_row(tx, gone.id))
    tx.flush()
    _note(tx, "admin.delete", gone, None)
    return gone


def _require_operator(tx: Transaction) -> None:
    if tx.acting.account_id is not None:
        raise ServiceError("insufficient-scope", "only an operator makes, changes and removes admins")


def _row(tx: Transaction, admin_id: int) -> AdminRow:
    return tx.scalars(select(AdminRow).where(AdminRow.id == admin_id).with_for_update()).one()


@cache
def _query() -> Select[AdminRow, str]:
    return select(AdminRow, AccountRow.name).outerjoin(AccountRow).order_by(AdminRow.address)


def _as_view(found: Row[AdminRow, str]) -> Admin:
    row, account = found
    return Admin(row.id, row.address, row.account_id, account, row.role, row.created_at)


def _note(tx: Transaction, action: str, before: Admin | None, after: Admin | None) -> None:
    one = after or before
    assert one is not None  # noqa: S101 - said to the type checker
    audit.note(tx, action, "admin", one.id, one.address, before, after, account_id=one.account_id)
