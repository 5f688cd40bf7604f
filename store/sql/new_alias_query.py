"""The statements of an alias that is to be made (:mod:`store.services.aliases`), each made once, of tables.

To put a statement together, or an object, takes longer than to run it. No transaction narrows these: the first two name
the account that acts, the others are asked with the id that those found.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import BindParameter, Integer, Select, Table, bindparam, exists, func, insert, literal_column, select

from store.sql.tables import AccountRow, AddressRow, AliasRow, DomainRow, FilterRuleRow, MailboxRow
from store.sql.tenant import Transaction

_ACCOUNTS, _DOMAINS, _ADDRESSES, _MAILBOXES, _ALIASES, _RULES = (
    cast("Table", row.__table__) for row in (AccountRow, DomainRow, AddressRow, MailboxRow, AliasRow, FilterRuleRow)
)
_MAILBOX: BindParameter[int] = bindparam("mailbox", type_=Integer())
_DOMAIN: BindParameter[int] = bindparam("domain", type_=Integer())
_ACCOUNT: BindParameter[int] = bindparam("account", type_=Integer())


class DomainFacts(NamedTuple):
    """A domain, as far as it decides whether there may be new names in it."""

    id: int
    account_id: int
    name: str
    verified_at: datetime | None
    is_active: bool
    proof_lapsed: bool


class AccountFacts(NamedTuple):
    """An account, as far as it decides how many aliases there may be."""

    id: int
    plan: str
    is_trial: bool
    first_payment_at: datetime | None


class Owner(NamedTuple):
    """Whose alias it will be: a mailbox with its address, domain and account."""

    id: int
    local_part: str
    domain: DomainFacts
    account: AccountFacts


_DOMAIN_COLUMNS = [_DOMAINS.c[name] for name in DomainFacts._fields]
_ACCOUNT_COLUMNS = [_ACCOUNTS.c[name] for name in AccountFacts._fields]
_COUNT = select(func.count()).select_from(_ALIASES).where(_ALIASES.c.mailbox_id == _MAILBOX)
_INSERT = insert(_ALIASES)
_IN_ACCOUNT = (
    exists(literal_column("1"))
    .select_from(_ADDRESSES.join(_DOMAINS, _DOMAINS.c.id == _ADDRESSES.c.domain_id))
    .where(_ADDRESSES.c.id == _RULES.c.mailbox_id, _DOMAINS.c.account_id == _ACCOUNT)
    .correlate(_RULES)
)
# From the rules that forward, of which there are few, each by its key; from the account's names it would read them all.
_FORWARDING = select(_RULES.c.mailbox_id, _RULES.c.actions).where(_RULES.c.forwards, _IN_ACCOUNT)


def find_home(tx: Transaction, domain: int, mailbox: int) -> DomainFacts | None:
    """Return a domain of a mailbox's account, locked against changes; None for no such domain, or no such mailbox."""
    found = tx.connection().execute(_home(tx.acting.account_id is not None), _named(tx, mailbox, domain)).one_or_none()
    return None if found is None else DomainFacts(*found)


def lock_owner(tx: Transaction, mailbox: int) -> Owner | None:
    """Return a mailbox, its row locked; None for no such."""
    found = tx.connection().execute(_owner(tx.acting.account_id is not None), _named(tx, mailbox)).one_or_none()
    if found is None:
        return None
    id_, local_part, *rest = found
    facts = len(DomainFacts._fields)
    return Owner(id_, local_part, DomainFacts(*rest[:facts]), AccountFacts(*rest[facts:]))


def count_aliases(tx: Transaction, mailbox: int) -> int:
    """Return how many aliases a mailbox has."""
    return int(tx.connection().scalar(_COUNT, {"mailbox": mailbox}) or 0)


def insert_alias(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Insert the row of an alias whose name was claimed."""
    tx.connection().execute(_INSERT, values)


def forwarding(tx: Transaction, account: int) -> list[tuple[int, str]]:
    """Return mailbox and actions (JSON) of each rule in an account that forwards."""
    return [(row[0], row[1]) for row in tx.connection().execute(_FORWARDING, {"account": account})]


def _named(tx: Transaction, mailbox: int, domain: int | None = None) -> dict[str, int]:
    given = {"mailbox": mailbox, "domain": domain, "account": tx.acting.account_id}
    return {name: value for name, value in given.items() if value is not None}


@cache
def _home(is_bound: bool) -> Select[*tuple[Any, ...]]:
    its, name = _DOMAINS.alias("its"), _ADDRESSES.alias("name")
    account = select(its.c.account_id).join_from(name, its, its.c.id == name.c.domain_id).where(name.c.id == _MAILBOX)
    if is_bound:
        account = account.where(its.c.account_id == _ACCOUNT)
    mine = _DOMAINS.c.account_id == account.scalar_subquery()
    return select(*_DOMAIN_COLUMNS).where(_DOMAINS.c.id == _DOMAIN, mine).with_for_update(read=True)


@cache
def _owner(is_bound: bool) -> Select[*tuple[Any, ...]]:
    query = (
        select(_MAILBOXES.c.id, _ADDRESSES.c.local_part, *_DOMAIN_COLUMNS, *_ACCOUNT_COLUMNS)
        .join_from(_MAILBOXES, _ADDRESSES, _ADDRESSES.c.id == _MAILBOXES.c.id)
        .join(_DOMAINS, _DOMAINS.c.id == _ADDRESSES.c.domain_id)
        .join(_ACCOUNTS, _ACCOUNTS.c.id == _DOMAINS.c.account_id)
        .where(_MAILBOXES.c.id == _MAILBOX)
        .with_for_update(of=_MAILBOXES)
    )
    return query.where(_DOMAINS.c.account_id == _ACCOUNT) if is_bound else query
