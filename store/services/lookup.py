"""Look-up of the rows that a request names, by id or by name, with the error when there is none.

What another account has is not there, in the same words: the transaction sees to that (store.sql.tenant).
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, bindparam, false, select
from sqlalchemy.orm import InstrumentedAttribute

from store.errors import ServiceError
from store.services.names import domain_name, known_address
from store.sql.new_alias_query import AccountFacts, DomainFacts, Owner, find_place
from store.sql.tables import AccountRow, AddressRow, AliasRow, DomainRow, MailboxRow
from store.sql.tenant import Transaction, made_once

AnySelect = TypeVar("AnySelect", bound=Select[*tuple[Any, ...]])
Ref = int | str  # an id, or the name or address

LARGEST_ID = 2**31 - 1  # of the columns; PostgreSQL refuses to compare them with more


_PROVED_FIRST = (DomainRow.verified_at.is_(None), DomainRow.id)

# Made once: to put a statement together takes about as long as to run it.
_MAILBOX = (
    select(MailboxRow, AddressRow, DomainRow, AccountRow)
    .join_from(MailboxRow, AddressRow)
    .join(DomainRow, DomainRow.id == AddressRow.domain_id)
    .join(AccountRow, AccountRow.id == DomainRow.account_id)
)
_ALIAS = (
    select(AliasRow, AddressRow, DomainRow)
    .join_from(AliasRow, AddressRow, AliasRow.id == AddressRow.id)
    .join(DomainRow, DomainRow.id == AddressRow.domain_id)
)
_MAILBOX_BY_ID = made_once(_MAILBOX.where(AddressRow.id == bindparam("wanted")))
_DOMAIN_TO_READ = select(DomainRow).order_by(*_PROVED_FIRST)
_DOMAIN_FOR_NAME = _DOMAIN_TO_READ.with_for_update(read=True).execution_options(populate_existing=True)
_DOMAIN_BY_ID = made_once(
    _DOMAIN_FOR_NAME.where(DomainRow.id == bindparam("wanted"), DomainRow.account_id == bindparam("account"))
)


@dataclass(frozen=True, slots=True)
class FoundMailbox:
    """A mailbox with its address, domain and account."""

    mailbox: MailboxRow
    address: AddressRow
    domain: DomainRow
    account: AccountRow

    @property
    def text(self) -> str:
        """The address as text."""
        return f"{self.address.local_part}@{self.domain.name}"


# As rules for new names look at them: rows, or the facts of a single statement.
DomainState = DomainRow | DomainFacts
AccountState = AccountRow | AccountFacts
OwnerState = FoundMailbox | Owner


@dataclass(frozen=True, slots=True)
class FoundAlias:
    """An alias with its address and domain."""

    alias: AliasRow
    address: AddressRow
    domain: DomainRow


def has_id(column: InstrumentedAttribute[int], wanted: int) -> ColumnElement[bool]:
    """Return the condition for an id, also for one that no row can have."""
    return column == wanted if 0 < wanted <= LARGEST_ID else false()


def account(tx: Transaction, ref: Ref) -> AccountRow:
    """Return an account, locked. Raises ServiceError ``not-found``."""
    found = tx.scalar(select(AccountRow).where(_account_is(ref)).with_for_update())
    if found is None:
        raise _no_account(ref)
    return found


def account_id(tx: Transaction, ref: Ref) -> int:
    """Return the id of an account, for reading. Raises ServiceError ``not-found``."""
    found = tx.scalar(select(AccountRow.id).where(_account_is(ref)))
    if found is None:
        raise _no_account(ref)
    return found


def domain(tx: Transaction, ref: Ref, *, account: Ref | None = None) -> DomainRow:
    """Return a domain, locked: by name without an account the one that is proved, or the only one that is pending.

    Raises:
        ServiceError: ``invalid-domain``, ``not-found``; ``conflict`` when it is pending in several accounts.
    """
    query = select(DomainRow).join(AccountRow).where(_domain_is(ref)).with_for_update(of=DomainRow)
    found = tx.scalars(query if account is None else query.where(_account_is(account))).all()
    proved = [row for row in found if row.verified_at is not None]
    if not found:
        raise _no_domain(ref)
    if not proved and len(found) > 1:
        raise ServiceError(
            "conflict", f"{found[0].name} is pending in {len(found)} accounts; say which one is meant", field="account"
        )
    return (proved or found)[0]


def domain_ids(tx: Transaction, ref: Ref) -> list[int]:
    """Return the ids of a domain, several while it is pending, for reading. Raises ServiceError ``not-found``."""
    found = list(tx.scalars(select(DomainRow.id).where(_domain_is(ref)).order_by(*_PROVED_FIRST)))
    if not found:
        raise _no_domain(ref)
    return found


def domain_for_name(tx: Transaction, ref: Ref, *, account_id: int | None = None, lock: bool = True) -> DomainRow:
    """Return the domain of a name to be made, locked against changes if ``lock`` (not in a read-only transaction).

    By name without an account it is the domain that is proved, or one that is pending.

    Raises:
        ServiceError: ``domain-not-yours``, in the same words whether another account has it or nobody;
            ``invalid-domain``.
    """
    if isinstance(ref, int) and account_id is not None and lock and 0 < ref <= LARGEST_ID:
        found = tx.scalars(_DOMAIN_BY_ID, {"wanted": ref, "account": account_id}).first()
    else:
        query = (_DOMAIN_FOR_NAME if lock else _DOMAIN_TO_READ).where(_domain_is(ref))
        found = tx.scalars(query if account_id is None else query.where(DomainRow.account_id == account_id)).first()
    if found is None:
        raise not_yours(ref)
    return found


def mailbox(tx: Transaction, ref: Ref, *, lock: bool = False) -> FoundMailbox:
    """Return a mailbox, its row locked if ``lock`` (not in a read-only transaction).

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    if isinstance(ref, int) and not lock:
        return mailbox_by_id(tx, ref)
    query = _at(_MAILBOX, ref, "mailbox")
    found = tx.execute(query.with_for_update(of=MailboxRow) if lock else query).one_or_none()
    if found is None:
        raise not_found("mailbox", ref, "mailbox")
    return FoundMailbox(*found)


def mailbox_by_id(tx: Transaction, wanted: int) -> FoundMailbox:
    """Return a mailbox, without a lock. Raises ServiceError ``not-found``."""
    found = tx.execute(_MAILBOX_BY_ID, {"wanted": wanted}).one_or_none() if 0 < wanted <= LARGEST_ID else None
    if found is None:
        raise not_found("mailbox", wanted, "mailbox")
    return FoundMailbox(*found)


def for_new_alias(tx: Transaction, mailbox_ref: Ref, domain_ref: Ref) -> tuple[Owner, DomainFacts]:
    """Return the mailbox and the domain of an alias to be made, both locked: the domain first, as everybody does.

    Raises:
        ServiceError: ``not-found``, ``invalid-request`` for the mailbox; then ``domain-not-yours``, ``invalid-domain``.
    """
    if isinstance(mailbox_ref, int) and isinstance(domain_ref, int):
        wanted, home = mailbox_ref, domain_ref
    else:
        found = mailbox(tx, mailbox_ref)
        wanted, home = found.mailbox.id, domain_for_name(tx, domain_ref, account_id=found.account.id).id
    place = find_place(tx, wanted, home) if 0 < home <= LARGEST_ID and 0 < wanted <= LARGEST_ID else None
    if place is None:
        mailbox_by_id(tx, wanted)
        raise not_yours(domain_ref)
    return place


def alias(tx: Transaction, ref: Ref, *, mailbox_id: int | None = None, lock: bool = True) -> FoundAlias:
    """Return an alias, of one mailbox if that is given, its row locked if ``lock``.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    query = _ALIAS if mailbox_id is None else _ALIAS.where(AliasRow.mailbox_id == mailbox_id)
    query = _at(query, ref, "address")
    found = tx.execute(query.with_for_update(of=AliasRow) if lock else query).one_or_none()
    if found is None:
        raise not_found("alias", ref, "address")
    return FoundAlias(*found)


def destination(tx: Transaction, ref: Ref, *, account_id: int, field: str = "destination") -> MailboxRow:
    """Return the mailbox that is to take a domain's mail, locked against removal.

    Raises:
        ServiceError: ``invalid-request``; ``destination-not-a-mailbox``, in the same words whether it does not exist,
            is an alias, or is another account's.
    """
    query = select(MailboxRow).join_from(MailboxRow, AddressRow).join(DomainRow, DomainRow.id == AddressRow.domain_id)
    query = _at(query, ref, field).where(DomainRow.account_id == account_id)
    found = tx.scalars(query.with_for_update(read=True, of=MailboxRow)).one_or_none()
    if found is None:
        subject = ref if isinstance(ref, int) else known_address(ref, field)
        raise ServiceError("destination-not-a-mailbox", f"{subject} is not a mailbox of this account", field=field)
    return found


def _account_is(ref: Ref) -> ColumnElement[bool]:
    return has_id(AccountRow.id, ref) if isinstance(ref, int) else AccountRow.name == ref


def _domain_is(ref: Ref) -> ColumnElement[bool]:
    return has_id(DomainRow.id, ref) if isinstance(ref, int) else DomainRow.name == domain_name(ref)


def _no_account(ref: Ref) -> ServiceError:
    message = f"there is no account {ref}" if isinstance(ref, int) else "there is no account of that name"
    return ServiceError("not-found", message, field=_field(ref, "account"))


def _no_domain(ref: Ref) -> ServiceError:
    subject = ref if isinstance(ref, int) else domain_name(ref)
    return ServiceError("not-found", f"there is no domain {subject}", field=_field(ref, "name"))


def not_yours(ref: Ref) -> ServiceError:
    """Return the refusal of a domain in which a name is to be made, and which is not there or another account's."""
    subject = f"domain {ref}" if isinstance(ref, int) else domain_name(ref)
    return ServiceError("domain-not-yours", f"{subject} is not a domain of this account", field="domain_id")


def not_found(what: str, ref: Ref, field: str) -> ServiceError:
    """Return the refusal of what is not there, or is another account's."""
    subject = ref if isinstance(ref, int) else known_address(ref, field)
    return ServiceError("not-found", f"there is no {what} {subject}", field=_field(ref, field))


def _field(ref: Ref, field: str) -> str | None:
    """Return which argument is wrong; an id stands in the path of a request, not in its body."""
    return None if isinstance(ref, int) else field


def _at(query: AnySelect, ref: Ref, field: str) -> AnySelect:
    """Narrow a query over AddressRow and DomainRow to one id, or to one address of a proved domain."""
    if isinstance(ref, int):
        return query.where(has_id(AddressRow.id, ref))
    wanted = known_address(ref, field)
    query = query.where(DomainRow.name == wanted.domain, DomainRow.verified_at.is_not(None))
    return query.where(AddressRow.local_part == wanted.local)
