"""Aliases as the export files of SimpleLogin and addy.io have them.

SimpleLogin: ``alias,note,enabled,mailboxes``, the mailboxes with blanks between them, the main one first. addy.io: the
columns of its table, of which ``email``, ``active``, ``description`` and ``deleted_at`` count; it names no recipient.
The mailboxes of such services are mostly elsewhere, so the one that is meant here can be named for the whole file.
"""

from collections.abc import Callable, Iterator
from typing import IO

from store.transfer.foreign import InvalidFlag, flag, line_of, note_of
from store.transfer.lines import Line, Malformed, malformed
from store.transfer.table_file import Record, records

_NEVER = ("", "null")


def read_simplelogin(source: IO[bytes], mailbox: str | None = None) -> Iterator[Line]:
    """Return what each record says. ``mailbox``: whose aliases all of them become, whatever the file says."""
    return _lines(source, ("alias", "enabled"), lambda number, found: _simplelogin(number, found, mailbox))


def read_addy(source: IO[bytes], mailbox: str | None = None) -> Iterator[Line]:
    """Return what each record says. ``mailbox``: whose aliases all of them become."""
    return _lines(source, ("email", "active"), lambda number, found: _addy(number, found, mailbox))


def _lines(source: IO[bytes], needed: tuple[str, ...], make: Callable[[int, Record], Line]) -> Iterator[Line]:
    for found in records(source, needed):
        if isinstance(found, Malformed):
            yield found
            continue
        try:
            yield make(*found)
        except InvalidFlag:
            yield malformed(found[0], "invalid-value")


def _simplelogin(number: int, found: Record, mailbox: str | None) -> Line:
    named = found.get("mailboxes", "").split()
    return _line(number, found["alias"].strip(), [mailbox] if mailbox else named, found["enabled"], found.get("note"))


def _addy(number: int, found: Record, mailbox: str | None) -> Line:
    address = found["email"].strip()
    if found.get("deleted_at", "").strip().lower() not in _NEVER:
        return malformed(number, "deleted-there", address=address)
    return _line(number, address, [mailbox] if mailbox else [], found["active"], found.get("description"))


def _line(number: int, address: str, targets: list[str], active: str, noted: str | None) -> Line:
    if not targets:
        return malformed(number, "no-mailbox-named", address=address)
    note = note_of(noted)
    return line_of(number, address, targets, {"is_active": flag(active)} | ({"note": note} if note else {}))
