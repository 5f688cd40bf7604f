"""Conversion of the directory's rows into the records of :mod:`routing.records`."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from operator import itemgetter
from typing import Any

from routing.address import Address
from routing.records import Alias, HostedDomain, Mailbox, Name
from store.sql.directory_query import CATCH_ALL, HOSTED, NAME, OLDEST, SYSTEM, Found
from store.wire_format.sender_rules import read_rules

# What a row says of its mailbox.
_owner = itemgetter(slice(Found._fields.index("mailbox_local"), Found._fields.index("alias_active")))


def records(rows: Iterable[Found], wanted: Collection[Address] | None = None) -> dict[str, HostedDomain]:
    """Return what the rows of the directory's statement say: each hosted domain, with those of its names wanted.

    None: with all that were found, more than were asked for where several domains were.

    Raises:
        Unreadable: an alias's row holds what no service writes.
    """
    hosted: list[Found] = []
    mailboxes: dict[tuple[str, str], Mailbox] = {}
    names: defaultdict[str, dict[str, Name]] = defaultdict(dict)
    owners: dict[tuple[Any, ...], Mailbox] = {}  # those of many aliases of one mailbox are one
    for row in rows:
        if row.part == HOSTED:
            hosted.append(row)
            continue
        owner = owners.get(key := _owner(row)) or owners.setdefault(key, _mailbox(row))
        if row.part != NAME:
            mailboxes[row.part, row.domain] = owner
        elif wanted is None or Address(row.name, row.domain) in wanted:
            names[row.domain][row.name] = _name(row, owner)
    return {
        row.domain: HostedDomain(
            row.domain,
            is_active=row.domain_active,
            account_active=row.account_active,
            catch_all=mailboxes.get((CATCH_ALL, row.domain)),
            system_mailbox=mailboxes.get((SYSTEM, row.domain)),
            oldest_mailbox=mailboxes.get((OLDEST, row.domain)),
            names=names[row.domain],
            account=row.account,
        )
        for row in hosted
    }


def _name(row: Found, mailbox: Mailbox) -> Name:
    if row.alias_active is None:
        return mailbox
    return Alias(
        mailbox,
        is_active=row.alias_active,
        can_receive=row.alias_receives,
        can_send=row.alias_sends,
        expires_at=row.alias_off_at,
        senders=None if row.alias_senders is None else read_rules(row.alias_senders),
    )


def _mailbox(row: Found) -> Mailbox:
    return Mailbox(
        Address(row.mailbox_local, row.mailbox_domain),
        is_active=row.mailbox_active,
        domain_active=row.mailbox_domain_active,
        account_active=row.mailbox_account_active,
    )
