"""The statements about a mailbox that sends (:mod:`store.services.sending.accepting`), each made once, of tables.

To put a statement together, or an object, takes longer than to run it. None is narrowed to an account: the first names
it, the others are asked with the id that the first one found.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import BindParameter, Integer, Table, bindparam, func, select

from store.sql.database import Database
from store.sql.prepared import Prepared
from store.sql.tables import AddressRow, DomainRow, MailboxRow, MessageRow
from store.sql.tenant import Transaction

_MAILBOX, _ADDRESS, _DOMAIN, _MESSAGE = (
    cast("Table", row.__table__).c for row in (MailboxRow, AddressRow, DomainRow, MessageRow)
)
_WANTED: BindParameter[int] = bindparam("mailbox", type_=Integer())
_SENDER = Prepared(
    select(_MAILBOX.id, _MAILBOX.display_name, _ADDRESS.local_part, _DOMAIN.name.label("domain"), _DOMAIN.account_id)
    .join_from(cast("Table", MailboxRow.__table__), cast("Table", AddressRow.__table__), _ADDRESS.id == _MAILBOX.id)
    .join(cast("Table", DomainRow.__table__), _DOMAIN.id == _ADDRESS.domain_id)
    .where(_MAILBOX.id == _WANTED, _DOMAIN.account_id == bindparam("account"))
)
_LOCKED = Prepared(select(_MAILBOX.id).where(_MAILBOX.id == _WANTED).with_for_update())
_USED = Prepared(
    select(func.count(), func.min(_MESSAGE.created_at)).where(
        _MESSAGE.mailbox_id == _WANTED, _MESSAGE.created_at > bindparam("since")
    )
)


def find_sender(database: Database, mailbox: int, account: int) -> Any:
    """Return ``id, display_name, local_part, domain, account_id`` of an account's mailbox; None for no such."""
    wanted: Mapping[str, int] = {"mailbox": mailbox, "account": account}
    with database.alone() as connection:
        return _SENDER.row(connection, wanted)


def lock_sender(tx: Transaction, mailbox: int) -> bool:
    """Lock a mailbox until the end of ``tx``; False when it is not there any more."""
    return _LOCKED.row(tx.connection(), {"mailbox": mailbox}) is not None


def sent_since(tx: Transaction, mailbox: int, since: datetime) -> tuple[int, datetime | None]:
    """Return how many messages a mailbox has given to be sent since then, and the time of the first."""
    used, oldest = _USED.row(tx.connection(), {"mailbox": mailbox, "since": since})
    return used, oldest
