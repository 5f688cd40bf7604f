"""Writing the changes of a plan with a few statements: what goes, what changes, what is new, in this order.

That leaves the store as the order given would, because a plan changes or deletes only what was there before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from sqlalchemy import update

from store.batches import batches
from store.services import audit, expiry, kept, sender_lists
from store.services.bulk.plan import Entry, Plan
from store.services.deletion import delete_names
from store.services.filters import retarget
from store.services.kept import Name
from store.services.views import Alias
from store.sql import changed_fields
from store.sql.columns import Column
from store.sql.many_rows import ManyRows, insert_names
from store.sql.sent_ahead import sent_ahead
from store.sql.tables import ALIAS, AddressRow, AliasRow
from store.sql.tenant import Transaction

_AT_ONCE = 1000  # rows in one statement
_ENDLESS = SimpleNamespace(**dict.fromkeys(expiry.FIELDS))  # an object of a row takes longer to ask
# was there before, is there after: what the audit log calls it
_ACTIONS = {(False, True): "alias.create", (True, True): "alias.update", (True, False): "alias.delete"}
_ENDS = attrgetter(*expiry.FIELDS)
_NAME = ("domain_id", "local_part", "created_at")
_SWITCHES = ("can_receive", "can_send", "is_active", "note", *expiry.FIELDS)
_ROW = ("id", "mailbox_id", "updated_at", *_SWITCHES)


def write(tx: Transaction, plan: Plan) -> None:
    """Write what was decided, and give new aliases their ids.

    Raises:
        sqlalchemy.exc.IntegrityError: somebody took one of the names since the facts were read.
    """
    entries = plan.entries
    last = {entry.before.id: entry.after for entry in entries if entry.before is not None}
    made = {_name(entry.after) for entry in entries if entry.before is None and entry.after is not None}
    for ids in batches((id_ for id_, after in last.items() if after is None), _AT_ONCE):
        delete_names(tx, AddressRow.id.in_(ids), made_anew=made)
    kept.remove(tx, plan.given_way)
    for rows in batches(_updates(last.values()), _AT_ONCE):
        tx.execute(update(AliasRow), rows)
    with sent_ahead(tx):
        _insert(tx, [entry for entry in entries if entry.before is None])
        lines = audit.lines(tx, _changes(tx, entries))
    _fold(tx, entries)
    _retarget(tx, [(entry.account_id, entry.after) for entry in entries if entry.before is None])
    audit.keep(tx, lines)


def _fold(tx: Transaction, entries: Iterable[Entry]) -> None:
    """Let the ends of aliases follow from what was set, and say so of those that are new or changed."""
    changed: dict[int, bool] = {}  # alias id: whether its days without mail begin now
    for entry in entries:
        if entry.after is not None and (new := expiry.new(_ends(entry.after), entry.before or _ENDLESS)):
            changed[entry.after.id] = changed.get(entry.after.id, False) or bool(new.get("expires_when_idle"))
    expiry.fold(tx, changed, idle_anew=[id_ for id_, idle in changed.items() if idle])
    ends = dict(expiry.ends_of(tx, changed))
    for entry in entries:
        if entry.after is not None and entry.after.id in ends:
            off_at = ends[entry.after.id]
            entry.after = replace(entry.after, ends_at=expiry.ends_at(off_at), expired=expiry.is_expired(off_at))


def _updates(aliases: Iterable[Alias | None]) -> Iterator[dict[str, Any]]:
    for alias in aliases:
        if alias is not None:
            yield {"id": alias.id, "updated_at": alias.updated_at, **_switches(alias)}


def _ends(alias: Alias) -> dict[str, Any]:
    return dict(zip(expiry.FIELDS, _ENDS(alias), strict=True))


def _switches(alias: Alias) -> dict[str, Any]:
    return {name: getattr(alias, name) for name in _SWITCHES} | {"senders": sender_lists.row_text(alias.senders)}


def _insert(tx: Transaction, entries: list[Entry]) -> None:
    """Insert new aliases; in the order of their names, so that two batches do not wait for one another in a circle."""
    new = sorted(((entry, entry.after) for entry in entries if entry.after), key=lambda pair: _name(pair[1]))
    for some in batches(new, _AT_ONCE):
        ids = insert_names(tx, _names([alias for _, alias in some]))
        for id_, (_, alias) in zip(ids, some, strict=True):
            object.__setattr__(alias, "id", id_)  # nobody has seen it yet, and another one takes as long as to plan it
        ManyRows.of(tx, AliasRow, _rows([alias for _, alias in some])).insert(tx)


def _retarget(tx: Transaction, made: list[tuple[int, Alias | None]]) -> None:
    for account in sorted({account for account, _ in made}):
        of_account = {(alias.local_part, alias.domain) for owner, alias in made if owner == account and alias}
        retarget.names_come(tx, account, of_account)


def _name(alias: Alias) -> Name:
    return alias.domain_id, alias.local_part


def _names(aliases: Sequence[Alias]) -> dict[str, Column]:
    """Return the rows of ``addresses``, column by column."""
    columns: dict[str, Column] = {name: list(map(attrgetter(name), aliases)) for name in _NAME}
    return columns | {"kind": [ALIAS] * len(aliases)}


def _rows(aliases: Sequence[Alias]) -> dict[str, Column]:
    """Return the rows of ``aliases``, column by column."""
    columns: dict[str, Column] = {name: list(map(attrgetter(name), aliases)) for name in _ROW}
    return columns | {"senders": [sender_lists.row_text(alias.senders) for alias in aliases]}


def _changes(tx: Transaction, entries: Iterable[Entry]) -> Iterator[audit.Change]:
    """Tell the outbox of each change, and return it for the audit log."""
    for entry in entries:
        alias = entry.after or entry.before
        if alias is None:
            continue
        changed_fields.name(tx, alias.domain, alias.local_part)
        done = _ACTIONS[entry.before is not None, entry.after is not None]
        yield audit.Change(done, "alias", alias.id, alias.address, entry.before, entry.after, entry.account_id)
