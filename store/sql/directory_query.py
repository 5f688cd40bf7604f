"""The one statement of the SQL directory.

A union of six selects with one row shape: the hosted domains, the wanted names that exist in them, those of them that
are deleted and kept (:func:`routing.records.kept_name`), and the mailboxes for unknown names, for system addresses, and
the oldest. A union sees one state of the database by itself, so a look-up needs no transaction around it and is one
round trip. Every select starts from the domain's name, in the partial index over proved domains, and goes on over keys;
a test holds that against the query plan.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    String,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from store.sql.among import among, given
from store.sql.prepared import Prepared
from store.sql.tables import (
    KEPT,
    MAILBOX,
    AccountRow,
    AddressRow,
    AliasRow,
    CatchAllRow,
    DomainRow,
    MailboxRow,
    SystemMailboxRow,
)

HOSTED, NAME, CATCH_ALL, SYSTEM, OLDEST = "hosted", "name", "catch_all", "system", "oldest"


class Found(NamedTuple):
    """A row of the answer: what it says (``part``) of which domain. Only a HOSTED row has no mailbox."""

    part: str
    domain: str
    domain_active: bool
    account_active: bool
    name: str  # NAME only: the wanted local part
    mailbox_local: str
    mailbox_domain: str
    mailbox_active: bool
    mailbox_domain_active: bool
    mailbox_account_active: bool
    alias_active: bool | None  # None: the name is the mailbox itself
    alias_receives: bool
    alias_sends: bool
    alias_off_at: int | None
    alias_senders: str | None  # store.wire_format.sender_rules
    account: int  # HOSTED only: its id


_domain = aliased(DomainRow, name="d")
_name = aliased(AddressRow, name="n")
_alias = aliased(AliasRow, name="a")
_mailbox = aliased(MailboxRow, name="m")
_mailbox_name = aliased(AddressRow, name="mn")
_mailbox_domain = aliased(DomainRow, name="md")
_mailbox_account = aliased(AccountRow, name="mc")

# PostgreSQL must be told the type of a NULL in the first select of the union, and goes on with that. In that one only:
# psycopg reads a statement of more than 4,096 characters anew whenever it is sent.
_NO_TEXT, _NO_FLAG = cast(null(), String), cast(null(), Boolean)
_NO_MOMENT = cast(null(), BigInteger)
_NOTHING = null()
_NO_ALIAS = (_NOTHING,) * 5


class _Wanted(NamedTuple):
    """The conditions that a wanted domain and a wanted local part meet."""

    domain: ColumnElement[bool]
    local: ColumnElement[bool]


def _hosted(wanted: _Wanted) -> Select[Any]:
    columns: list[Any] = [
        literal_column(f"'{HOSTED}'").label("part"),
        _domain.name.label("domain"),
        _domain.is_active.label("domain_active"),
        AccountRow.is_active.label("account_active"),
        *(_NO_TEXT.label(label) for label in ("name", "mailbox_local", "mailbox_domain")),
        *(_NO_FLAG.label(label) for label in Found._fields[7:-3]),
        _NO_MOMENT.label("alias_off_at"),
        _NO_TEXT.label("alias_senders"),
        AccountRow.id.label("account"),
    ]
    owned = select(*columns).join_from(_domain, AccountRow, AccountRow.id == _domain.account_id)
    return _of(wanted, owned)


def _names(wanted: _Wanted) -> Select[Any]:
    alias = (_alias.is_active, _alias.can_receive, _alias.can_send, _alias.off_at, _alias.senders)
    query = _row(NAME, _name.local_part, alias).join(_name, _name.domain_id == _domain.id)
    query = query.outerjoin(_alias, _alias.id == _name.id).where(wanted.local)
    return _with_mailbox(wanted, query, func.coalesce(_alias.mailbox_id, _name.id))


def _kept(wanted: _Wanted) -> Select[Any]:
    disabled: list[Any] = [false(), false(), false(), _NOTHING, _NOTHING]
    columns: list[Any] = [
        literal_column(f"'{NAME}'"),
        _domain.name,
        *(_NOTHING, _NOTHING),
        _name.local_part,
        *(_name.local_part, _domain.name),
        *(false(), _domain.is_active, AccountRow.is_active),
        *disabled,
        _NOTHING,
    ]
    query = select(*columns).select_from(_domain).join(_name, _name.domain_id == _domain.id)
    query = query.where(wanted.local, _name.kind == literal_column(f"'{KEPT}'"))
    return _of(wanted, query.join(AccountRow, AccountRow.id == _domain.account_id))


def _catch_all(wanted: _Wanted) -> Select[Any]:
    query = _row(CATCH_ALL).join(CatchAllRow, CatchAllRow.domain_id == _domain.id).where(CatchAllRow.enabled)
    return _with_mailbox(wanted, query, CatchAllRow.mailbox_id)


def _system(wanted: _Wanted) -> Select[Any]:
    query = _row(SYSTEM).join(SystemMailboxRow, SystemMailboxRow.domain_id == _domain.id)
    return _with_mailbox(wanted, query, SystemMailboxRow.mailbox_id)


def _oldest(wanted: _Wanted) -> Select[Any]:
    here, box = aliased(AddressRow), aliased(MailboxRow)
    is_active = select(box.id).where(box.id == here.id, box.is_active).exists()
    first = select(here.id).where(here.domain_id == _domain.id, here.kind == MAILBOX, is_active)
    return _with_mailbox(wanted, _row(OLDEST), first.order_by(here.id).limit(1).scalar_subquery())


def _row(part: str, name: ColumnElement[Any] | Any = _NOTHING, alias: tuple[Any, ...] = _NO_ALIAS) -> Select[Any]:
    """Return the start of a select that leads from a wanted domain to a mailbox."""
    return select(
        literal_column(f"'{part}'"),
        _domain.name,
        _NOTHING,
        _NOTHING,
        name,
        _mailbox_name.local_part,
        _mailbox_domain.name,
        _mailbox.is_active,
        _mailbox_domain.is_active,
        _mailbox_account.is_active,
        *alias,
        _NOTHING,
    ).select_from(_domain)


def _with_mailbox(wanted: _Wanted, query: Select[Any], mailbox_id: ColumnElement[Any] | Any) -> Select[Any]:
    """Join the mailbox with that id, and everything that decides whether it may be used."""
    return _of(
        wanted,
        query.join(_mailbox, _mailbox.id == mailbox_id)
        .join(_mailbox_name, _mailbox_name.id == _mailbox.id)
        .join(_mailbox_domain, _mailbox_domain.id == _mailbox_name.domain_id)
        .join(_mailbox_account, _mailbox_account.id == _mailbox_domain.account_id),
    )


def _of(wanted: _Wanted, query: Select[Any]) -> Select[Any]:
    return query.where(wanted.domain, _domain.verified_at.is_not(None))


def _made(wanted: _Wanted) -> CompoundSelect[Any]:
    parts = (_hosted, _names, _kept, _catch_all, _system, _oldest)
    return union_all(*(part(wanted) for part in parts))


# Takes ``domains`` and ``locals``, lists of text. A name is found when its domain and its local part are wanted, not
# necessarily together.
STATEMENT = _made(
    _Wanted(
        _domain.name.in_(bindparam("domains", expanding=True)),
        _name.local_part.in_(bindparam("locals", expanding=True)),
    )
)
# The same for one name, ``domain`` and ``local``, as most questions are: it saves a third of the CPU time of a question
# to SQLite and a quarter of one to PostgreSQL, since SQLAlchemy need not write lists into its text (measured).
OF_ONE = _made(_Wanted(_domain.name == bindparam("domain"), _name.local_part == bindparam("local")))
# The same for the many names of a change, in PostgreSQL. Not for mail: how to search is planned before it is known how
# many they are.
_POSTGRESQL = "postgresql"
OF_MANY = _made(
    _Wanted(
        _domain.name.in_(bindparam("domains", expanding=True)),
        among(_POSTGRESQL, _name.local_part, "locals"),
    )
)
_MANY = 50  # names


_PREPARED = Prepared(OF_ONE)


def found_rows(connection: Connection, domains: Sequence[str], locals_: Sequence[str]) -> list[Found]:
    """Return what is known of these domains and local parts."""
    if len(domains) == len(locals_) == 1:
        return [Found(*row) for row in _PREPARED.rows(connection, {"domain": domains[0], "local": locals_[0]})]
    return [Found(*row) for row in connection.execute(STATEMENT, {"domains": domains, "locals": locals_})]


def found_rows_of_change(connection: Connection, domains: Sequence[str], locals_: Sequence[str]) -> list[Found]:
    """Return the same for what a change left, of which there may be hundreds of names."""
    if connection.dialect.name != _POSTGRESQL or len(locals_) < _MANY:
        return found_rows(connection, domains, locals_)
    names = {"domains": domains, "locals": given(_POSTGRESQL, locals_)}
    return [Found(*row) for row in connection.execute(OF_MANY, names)]
