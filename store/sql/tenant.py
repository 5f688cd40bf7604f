"""Who acts in a transaction, and within which account: account isolation, held in this one place.

Every statement of a transaction that is bound to an account gets that account's condition on every table in it,
wherever the table stands: joined, aliased, in a subquery, in an UPDATE or DELETE. No service can leave it out. What
could not be given the condition (text, core tables) is refused. An INSERT is not narrowed: what it points at was found
by a query that was.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from weakref import WeakSet

from sqlalchemy import ColumnElement, Engine, Executable, Select, event, exists, literal_column, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption

from store.sql.tables import (
    AccountRow,
    AddressRow,
    AdminRow,
    AliasDayRow,
    AliasRow,
    AliasSenderRow,
    AliasTotalRow,
    AuditRow,
    CatchAllRow,
    ChallengeRow,
    ClockRow,
    CountBatchRow,
    DeleteIntentRow,
    DnsCheckRow,
    DomainProofRow,
    DomainRow,
    FilterRuleRow,
    FilterScriptRow,
    HalfSessionRow,
    IdempotencyKeyRow,
    ImportChunkRow,
    ImportRow,
    KeptNameRow,
    MailboxRow,
    MapFileRow,
    MessageRow,
    OutboxRow,
    PasskeyRow,
    RandomAliasDomainRow,
    RecoveryCodeRow,
    SessionRow,
    SignInAttemptRow,
    SystemMailboxRow,
    TokenRow,
    TotpRow,
)


@dataclass(frozen=True, slots=True)
class Acting:
    """Who makes a change, for the audit log, and what that one can see."""

    account_id: int | None = None  # None: every account, for operators and the command line
    actor: str = "system"  # in words, for people
    token_id: int | None = None
    request_id: str | None = None


OPERATOR = Acting()
_REMEMBERED = 1024  # sets of rules, and statements with them; making one takes longer than a short statement

# Tables that belong to no account. A test holds that every other one has its rule below.
WITHOUT_OWNER = frozenset({ChallengeRow, ClockRow, CountBatchRow, MapFileRow, OutboxRow, SignInAttemptRow})

# Tables whose rows belong to an admin, or to the owner of a mailbox.
_OF_PEOPLE = (SessionRow, HalfSessionRow, TotpRow, RecoveryCodeRow, PasskeyRow)

# Tables of what came through an alias.
_OF_ALIASES = (AliasDayRow, AliasTotalRow, AliasSenderRow)

# Names of their own: SQLAlchemy would take a table of the enclosing statement for the one that is meant here.
_own_domains = DomainRow.__table__.alias("own_domains")
_own_addresses = AddressRow.__table__.alias("own_addresses")
_own_admins = AdminRow.__table__.alias("own_admins")
_own_keys = IdempotencyKeyRow.__table__.alias("own_keys")


AnyStatement = TypeVar("AnyStatement", bound=Executable)
_made_once: WeakSet[Executable] = WeakSet()


def made_once(statement: AnyStatement) -> AnyStatement:
    """Return a statement that lives as long as the process and holds no values: it is remembered with its rules.

    To describe eighteen rules to SQLAlchemy's cache of compiled statements takes longer than to run a short statement.
    """
    _made_once.add(statement)
    return statement


class Transaction(Session):
    """A transaction of one actor (``acting``). Made by :meth:`store.sql.database.Database.write` and ``read``."""

    def __init__(self, engine: Engine, acting: Acting) -> None:
        super().__init__(engine, expire_on_commit=False)
        self.acting = acting
        self._rules: tuple[ExecutableOption, ...] = () if acting.account_id is None else rules(acting)

    @property
    def rules(self) -> tuple[ExecutableOption, ...]:
        """What every statement gets; nothing for an operator."""
        return self._rules

    @contextmanager
    def unbound(self) -> Iterator[None]:
        """See every account in the block: for what the store does itself, and whether a name is taken by anybody."""
        kept, self._rules = self._rules, ()
        try:
            yield
        finally:
            self._rules = kept


def rules(acting: Acting) -> tuple[ExecutableOption, ...]:
    """Return the condition of every table that belongs to an account, for ``acting``."""
    return _rules(acting.account_id, acting.token_id)


@lru_cache(_REMEMBERED)
def _rules(account: int | None, token: int | None) -> tuple[ExecutableOption, ...]:
    # Lambdas, because SQLAlchemy then asks for the condition on each alias, and keeps the figures out of its cache of
    # compiled statements; an expression is not carried over to an alias that stands in a join.
    return (
        _rule(AccountRow, lambda row: row.id == account),
        _rule(DomainRow, lambda row: row.account_id == account),
        _rule(AddressRow, lambda row: _of_domain(row.domain_id, account)),
        _rule(MailboxRow, lambda row: _of_address(row.id, account)),
        _rule(AliasRow, lambda row: _of_address(row.id, account)),
        *(_rule(table, lambda row: _of_address(row.alias_id, account)) for table in _OF_ALIASES),
        _rule(KeptNameRow, lambda row: _of_address(row.id, account)),
        _rule(CatchAllRow, lambda row: _of_domain(row.domain_id, account)),
        _rule(RandomAliasDomainRow, lambda row: row.account_id == account),
        _rule(SystemMailboxRow, lambda row: _of_domain(row.domain_id, account)),
        _rule(DomainProofRow, lambda row: _of_domain(row.domain_id, account)),
        _rule(DnsCheckRow, lambda row: _of_domain(row.domain_id, account)),
        _rule(TokenRow, lambda row: row.account_id == account),
        _rule(AdminRow, lambda row: row.account_id == account),
        *(_rule(table, lambda row: _of_person(row, account)) for table in _OF_PEOPLE),
        _rule(AuditRow, lambda row: row.account_id == account),
        _rule(DeleteIntentRow, lambda row: _of_address(row.mailbox_id, account)),
        _rule(MessageRow, lambda row: _of_address(row.mailbox_id, account)),
        _rule(FilterRuleRow, lambda row: _of_address(row.mailbox_id, account)),
        _rule(FilterScriptRow, lambda row: _of_address(row.mailbox_id, account)),
        _rule(IdempotencyKeyRow, lambda row: row.token_id == token),
        _rule(ImportRow, lambda row: row.account_id == account),
        _rule(ImportChunkRow, lambda row: _of_key(row.key_id, token)),
    )


def _rule(table: type[Any], condition: Callable[[Any], ColumnElement[bool]]) -> ExecutableOption:
    return with_loader_criteria(table, condition, include_aliases=True)


def _of_domain(domain_id: Any, account: Any) -> ColumnElement[bool]:
    domain = _own_domains.c
    found: Select[Any] = select(literal_column("1")).select_from(_own_domains)
    found = found.where(domain.id == domain_id, domain.account_id == account)
    return exists(found.correlate_except(_own_domains))


def _of_address(address_id: Any, account: Any) -> ColumnElement[bool]:
    domain, address = _own_domains.c, _own_addresses.c
    found: Select[Any] = select(literal_column("1")).select_from(_own_addresses)
    found = found.join(_own_domains, domain.id == address.domain_id)
    found = found.where(address.id == address_id, domain.account_id == account)
    return exists(found.correlate_except(_own_addresses, _own_domains))


def _of_admin(admin_id: Any, account: Any) -> ColumnElement[bool]:
    admin = _own_admins.c
    found: Select[Any] = select(literal_column("1")).select_from(_own_admins)
    found = found.where(admin.id == admin_id, admin.account_id == account)
    return exists(found.correlate_except(_own_admins))


def _of_person(row: Any, account: Any) -> ColumnElement[bool]:
    return _of_admin(row.admin_id, account) | _of_address(row.mailbox_id, account)


def _of_key(key_id: Any, token: Any) -> ColumnElement[bool]:
    key = _own_keys.c
    found: Select[Any] = select(literal_column("1")).select_from(_own_keys)
    found = found.where(key.id == key_id, key.token_id == token)
    return exists(found.correlate_except(_own_keys))


@event.listens_for(Transaction, "do_orm_execute")
def _hold_to_the_account(state: ORMExecuteState) -> None:
    tx = state.session
    if not isinstance(tx, Transaction) or not tx.rules:
        return
    if not state.is_orm_statement:
        raise RuntimeError("a statement that cannot be held to an account, in a transaction that is bound to one")
    acting, statement = tx.acting, state.statement
    state.statement = (
        _held(statement, acting.account_id, acting.token_id)
        if statement in _made_once
        else statement.options(*tx.rules)
    )


@lru_cache(_REMEMBERED)
def _held(statement: Any, account: int | None, token: int | None) -> Any:
    return statement.options(*_rules(account, token))
