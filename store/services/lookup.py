"""Finding the rows that a request names, or refusing it."""

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from routing.address import Address
from store.errors import ServiceError
from store.services.names import domain_name, known_address
from store.sql.tables import AccountRow, AddressRow, AliasRow, DomainRow, MailboxRow

AnySelect = TypeVar("AnySelect", bound=Select[*tuple[Any, ...]])


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


@dataclass(frozen=True, slots=True)
class FoundAlias:
    """An alias with its address and domain."""

    alias: AliasRow
    address: AddressRow
    domain: DomainRow


def account(tx: Session, name: str) -> AccountRow:
    """Return the account called ``name``, locked. Raises ServiceError ``not-found``."""
    found = tx.scalar(select(AccountRow).where(AccountRow.name == name).with_for_update())
    if found is None:
        raise _no_account()
    return found


def account_id(tx: Session, name: str) -> int:
    """Return the id of the account called ``name``, for reading. Raises ServiceError ``not-found``."""
    found = tx.scalar(select(AccountRow.id).where(AccountRow.name == name))
    if found is None:
        raise _no_account()
    return found


def domain(tx: Session, name: str, *, account: str | None = None) -> DomainRow:
    """Return a domain, locked: without an account the one that is proved, or the only one that is pending.

    Raises:
        ServiceError: ``invalid-domain``, ``not-found``; ``conflict`` when it is pending in several accounts.
    """
    canonical = domain_name(name)
    query = select(DomainRow).join(AccountRow).where(DomainRow.name == canonical).with_for_update(of=DomainRow)
    found = tx.scalars(query if account is None else query.where(AccountRow.name == account)).all()
    proved = [row for row in found if row.verified_at is not None]
    if not found:
        raise _no_domain(canonical)
    if not proved and len(found) > 1:
        raise ServiceError(
            "conflict", f"{canonical} is pending in {len(found)} accounts; say which one is meant", field="account"
        )
    return (proved or found)[0]


def domain_ids(tx: Session, name: str) -> list[int]:
    """Return the ids of a domain, several while it is pending, for reading. Raises ServiceError ``not-found``."""
    canonical = domain_name(name)
    found = list(tx.scalars(select(DomainRow.id).where(DomainRow.name == canonical)))
    if not found:
        raise _no_domain(canonical)
    return found


def domain_for_name(tx: Session, name: str, *, account_id: int | None = None) -> DomainRow:
    """Return the domain of a name to be made, locked against changes. ``name`` is canonical.

    Without an account it is the domain that is proved, or one that is pending.

    Raises:
        ServiceError: ``domain-not-yours``, in the same words whether another account has it or nobody.
    """
    query = select(DomainRow).where(DomainRow.name == name).order_by(DomainRow.verified_at.is_(None), DomainRow.id)
    if account_id is not None:
        query = query.where(DomainRow.account_id == account_id)
    found = tx.scalars(query.with_for_update(read=True)).first()
    if found is None:
        raise ServiceError("domain-not-yours", f"{name} is not a domain of this account", field="domain_id")
    return found


def mailbox(tx: Session, address: str, *, lock: bool = False) -> FoundMailbox:
    """Return the mailbox at ``address``, its row locked if ``lock`` (not in a read-only transaction).

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    wanted = known_address(address, "mailbox")
    query = _at(select(MailboxRow, AddressRow, DomainRow, AccountRow).join_from(MailboxRow, AddressRow), wanted)
    found = tx.execute(query.with_for_update(of=MailboxRow) if lock else query).one_or_none()
    if found is None:
        raise ServiceError("not-found", f"there is no mailbox {wanted}", field="mailbox")
    return FoundMailbox(*found)


def lock_mailbox(tx: Session, found: FoundMailbox) -> None:
    """Lock a mailbox that was found without a lock. Raises ServiceError ``not-found`` when it went away meanwhile."""
    if tx.get(MailboxRow, found.mailbox.id, with_for_update=True, populate_existing=True) is None:
        raise ServiceError("not-found", f"there is no mailbox {found.text}", field="mailbox")


def alias(tx: Session, address: str) -> FoundAlias:
    """Return the alias at ``address``, locked. Raises ServiceError ``invalid-request`` or ``not-found``."""
    wanted = known_address(address)
    query = _at(
        select(AliasRow, AddressRow, DomainRow).join_from(AliasRow, AddressRow, AliasRow.id == AddressRow.id), wanted
    )
    found = tx.execute(query.with_for_update(of=AliasRow)).one_or_none()
    if found is None:
        raise ServiceError("not-found", f"there is no alias {wanted}", field="address")
    return FoundAlias(*found)


def destination(tx: Session, address: str, *, account_id: int) -> MailboxRow:
    """Return the mailbox that is to take a domain's mail, locked against removal.

    Raises:
        ServiceError: ``invalid-request``; ``destination-not-a-mailbox``, in the same words whether it does not exist,
            is an alias, or is another account's.
    """
    wanted = known_address(address, "destination")
    query = _at(select(MailboxRow).join_from(MailboxRow, AddressRow), wanted).where(DomainRow.account_id == account_id)
    found = tx.scalars(query.with_for_update(read=True, of=MailboxRow)).one_or_none()
    if found is None:
        raise ServiceError(
            "destination-not-a-mailbox", f"{wanted} is not a mailbox of this account", field="destination"
        )
    return found


def _no_account() -> ServiceError:
    return ServiceError("not-found", "there is no account of that name", field="account")


def _no_domain(name: str) -> ServiceError:
    return ServiceError("not-found", f"there is no domain {name}", field="name")


def _at(query: AnySelect, wanted: Address) -> AnySelect:
    """Narrow a query over AddressRow to one address of a proved domain."""
    return (
        query.join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(AccountRow, AccountRow.id == DomainRow.account_id)
        .where(DomainRow.name == wanted.domain, DomainRow.verified_at.is_not(None))
        .where(AddressRow.local_part == wanted.local)
    )
