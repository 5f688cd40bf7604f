"""The statements of an alias that is to be made (:mod:`store.services.aliases`), each made once, of tables.

To put a statement together, or an object, takes longer than to run it. No transaction narrows these: the first two name
the account that acts, the others are asked with the id that those found.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BindParameter,
    Integer,
    Select,
    Table,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    text,
)

from store.sql.prepared import Prepared
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
_FACTS = len(_DOMAIN_COLUMNS)
_COUNT = select(func.count()).select_from(_ALIASES).where(_ALIASES.c.mailbox_id == _MAILBOX)
# Ids as text, since in RETURNING SQLAlchemy leaves out of which table a column is when it writes for SQLite.
_OF_ACCOUNT = (
    exists(literal_column("1"))
    .select_from(_ADDRESSES.join(_DOMAINS, text("domains.id = addresses.domain_id")))
    .where(text("addresses.id = filter_rules.mailbox_id"), _DOMAINS.c.account_id == _ACCOUNT)
    .correlate(_RULES)
)
# From the rules that forward, of which there are few, each by its key; from the account's names it would read them all.
_FORWARDING = select(_RULES.c.mailbox_id, _RULES.c.actions).where(_RULES.c.forwards, _OF_ACCOUNT)
_INSERT = insert(_ALIASES).returning(exists(_FORWARDING.with_only_columns(literal_column("1"))))


def find_place(tx: Transaction, mailbox: int, domain: int) -> tuple[Owner, DomainFacts] | None:
    """Return a mailbox and a domain of its account, both locked, the domain first; None when one is not there."""
    asked = {"mailbox": mailbox, "domain": domain}
    account = tx.acting.account_id
    query, values = (_PLACE, asked) if account is None else (_PLACE_IN_ACCOUNT, {**asked, "account": account})
    found = query.row(tx.connection(), values)
    if found is None:
        return None
    id_, local_part, *facts = found
    own, home, account_facts = facts[:_FACTS], facts[_FACTS : 2 * _FACTS], facts[2 * _FACTS :]
    return Owner(id_, local_part, DomainFacts(*own), AccountFacts(*account_facts)), DomainFacts(*home)


def count_aliases(tx: Transaction, mailbox: int) -> int:
    """Return how many aliases a mailbox has."""
    return int(tx.connection().scalar(_COUNT, {"mailbox": mailbox}) or 0)


def insert_alias(tx: Transaction, values: Mapping[str, Any], account: int) -> bool:
    """Insert the row of an alias whose name was claimed; return whether any rule of the account forwards."""
    return bool(_insert(tuple(values)).scalar(tx.connection(), {**values, "account": account}))


@cache
def _insert(given: tuple[str, ...]) -> Prepared:
    return Prepared(_INSERT, given)


def forwarding(tx: Transaction, account: int) -> list[tuple[int, str]]:
    """Return mailbox and actions (JSON) of each rule in an account that forwards."""
    return [(row[0], row[1]) for row in tx.connection().execute(_FORWARDING, {"account": account})]


def _place(*, in_account: bool) -> Select[*tuple[Any, ...]]:
    """Return the statement of :func:`find_place`. In a CTE, since two tables are locked in two ways, and in order."""
    its, name = _DOMAINS.alias("its"), _ADDRESSES.alias("name")
    account = select(its.c.account_id).join_from(name, its, its.c.id == name.c.domain_id).where(name.c.id == _MAILBOX)
    if in_account:
        account = account.where(its.c.account_id == _ACCOUNT)
    wanted = (_DOMAINS.c.id == _DOMAIN) & (_DOMAINS.c.account_id == account.scalar_subquery())
    home = select(*_DOMAIN_COLUMNS).where(wanted).with_for_update(read=True).cte("home")
    return (
        select(_MAILBOXES.c.id, _ADDRESSES.c.local_part, *_DOMAIN_COLUMNS, *home.c, *_ACCOUNT_COLUMNS)
        .join_from(_MAILBOXES, _ADDRESSES, _ADDRESSES.c.id == _MAILBOXES.c.id)
        .join(_DOMAINS, _DOMAINS.c.id == _ADDRESSES.c.domain_id)
        .join(_ACCOUNTS, _ACCOUNTS.c.id == _DOMAINS.c.account_id)
        .join(home, home.c.account_id == _ACCOUNTS.c.id)
        .where(_MAILBOXES.c.id == _MAILBOX)
        .with_for_update(of=_MAILBOXES)
    )


_PLACE, _PLACE_IN_ACCOUNT = Prepared(_place(in_account=False)), Prepared(_place(in_account=True))
