"""Admins of the dashboard: people who look after one account, or as operators after all.

Operators make all of them. In a transaction that is bound to an account its own are made and changed: never the last
who may change anything, and nobody whose address belongs to another account (they would take its owner's sign-in).
"""

from functools import cache

from sqlalchemy import Row, Select, func, select
from sqlalchemy.exc import IntegrityError

from routing.address import Address
from store.errors import ServiceError
from store.passwords import PasswordHash
from store.services import audit, lookup, second_factors, sessions
from store.services.lookup import Ref, has_id
from store.services.names import known_address
from store.services.unset import UNSET, NotGiven
from store.services.views import Admin
from store.sql.tables import ADMIN, VIEWER, AccountRow, AdminRow, DomainRow
from store.sql.tenant import Transaction

ROLES = (ADMIN, VIEWER)
_LONGEST_LOCAL = 64  # characters before the @
_SPECIALS = frozenset('()<>[]:;@\\," ')  # RFC 5322 section 3.2.3: only in a quoted local part


def create(
    tx: Transaction, address: str, password: PasswordHash, *, account: Ref | None = None, role: str = ADMIN
) -> Admin:
    """Make an admin of an account; without one, an operator.

    Raises:
        ServiceError: ``insufficient-scope``, ``invalid-request``, ``not-found`` for the account, ``conflict`` when
            there is an admin of that address already, or it may not be one of this account's.
    """
    if account is None and tx.acting.account_id is not None:
        raise ServiceError("insufficient-scope", "only an operator makes operators")
    _check_role(role)
    parsed = known_address(address)
    canonical = str(parsed)
    _check_address(parsed)
    account_id = None if account is None else lookup.account_id(tx, account)
    _check_home(tx, parsed)
    row = AdminRow(address=canonical, password_hash=password.phc, account_id=account_id, role=role)
    try:
        with tx.begin_nested():
            tx.add(row)
    except IntegrityError:
        raise _taken(tx, canonical) from None
    made = get(tx, canonical)
    _note(tx, "admin.create", None, made)
    return made


def get(tx: Transaction, ref: Ref) -> Admin:
    """Return an admin, by id or address. Raises ServiceError ``invalid-request``, ``not-found``."""
    wanted = ref if isinstance(ref, int) else str(known_address(ref))
    is_it = has_id(AdminRow.id, wanted) if isinstance(wanted, int) else AdminRow.address == wanted
    found = tx.execute(_query().where(is_it)).one_or_none()
    if found is None:
        raise ServiceError("not-found", f"there is no admin {wanted}", field="address")
    return _as_view(found)


def list_all(tx: Transaction, *, account: int | NotGiven | None = UNSET) -> list[Admin]:
    """Return every admin, by address: all, or those of one account, or with None the operators."""
    query = _query()
    if account is None:
        query = query.where(AdminRow.account_id.is_(None))
    elif account is not UNSET:
        query = query.where(AdminRow.account_id == account)
    return [_as_view(row) for row in tx.execute(query)]


def reset(tx: Transaction, ref: Ref, password: PasswordHash) -> Admin:
    """Give an admin another password, take their second factor away, and end all their sessions.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    found = get(tx, ref)
    row = _row(tx, found.id)
    row.password_hash = password.phc
    tx.flush()
    person = sessions.person_of(tx, found.id, None)
    assert person is not None  # noqa: S101 - said to the type checker
    second_factors.remove_all(tx, person)
    sessions.end_of_admin(tx, found.id)
    _note(tx, "admin.set-password", found, found)
    return found


def set_role(tx: Transaction, ref: Ref, role: str) -> Admin:
    """Let an admin change things, or only see them.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``; ``conflict`` for the last who may change anything.
    """
    _check_role(role)
    before = get(tx, ref)
    _row(tx, before.id).role = role
    tx.flush()
    _keep_one(tx)
    after = get(tx, before.id)
    _note(tx, "admin.update", before, after)
    return after


def has_second_factor(tx: Transaction, ref: Ref) -> bool:
    """Return whether signing in asks an admin for more than the password. Raises ServiceError ``not-found``."""
    person = sessions.person_of(tx, get(tx, ref).id, None)
    return person is not None and second_factors.has_any(tx, person)


def set_own_password(tx: Transaction, admin_id: int, password: PasswordHash) -> None:
    """Give an admin, who asks for it, another password, and end all their sessions."""
    row = _row(tx, admin_id)
    row.password_hash = password.phc
    tx.flush()
    sessions.end_of_admin(tx, admin_id)
    found = get(tx, admin_id)
    _note(tx, "admin.set-password", found, found)


def remove(tx: Transaction, ref: Ref) -> Admin:
    """Remove an admin, whose sessions end.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``; ``conflict`` for the last who may change anything.
    """
    gone = get(tx, ref)
    tx.delete(_row(tx, gone.id))
    tx.flush()
    _keep_one(tx)
    _note(tx, "admin.delete", gone, None)
    return gone


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise ServiceError("invalid-request", f"a role is one of {', '.join(ROLES)}", field="role")


def _check_address(address: Address) -> None:
    """Refuse an address that is longer than mail allows (RFC 5321 section 4.5.3.1), or that nobody could read."""
    local = address.local
    if len(local) > _LONGEST_LOCAL or not local.isprintable() or not _SPECIALS.isdisjoint(local):
        raise ServiceError("invalid-request", "the address must be one such as ann@agency.example", field="address")


def _check_home(tx: Transaction, address: Address) -> None:
    """Refuse, to an account, an address on a domain that is hosted here for another one."""
    if tx.acting.account_id is None:
        return
    hosted = select(DomainRow.account_id).where(DomainRow.name == address.domain, DomainRow.verified_at.is_not(None))
    with tx.unbound():
        owner = tx.scalar(hosted)
    if owner not in {None, tx.acting.account_id}:
        raise _taken(tx, str(address))


def _keep_one(tx: Transaction) -> None:
    """Refuse what leaves an account without anybody who could change anything; operators may do that.

    The account is locked first: of two who remove one another only one succeeds.
    """
    if tx.acting.account_id is None:
        return
    lookup.account(tx, tx.acting.account_id)
    if not tx.scalar(select(func.count()).select_from(AdminRow).where(AdminRow.role == ADMIN)):
        raise ServiceError("conflict", "an account keeps one admin who may change things")


def _taken(tx: Transaction, address: str) -> ServiceError:
    """Return the refusal of an address; to an account the same words whosever it is."""
    more = "" if tx.acting.account_id is None else ", or the address is another account's"
    return ServiceError("conflict", f"there is an admin {address} already{more}", field="address")


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
