"""The facts for a batch of alias changes: all rows that it names, read with a few statements, and locked.

One statement for each item would make a thousand of them take seconds. Locks are taken in the order of all services,
domain, mailbox, alias, and within each by id, so that two batches do not wait for one another in a circle.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Row

from routing.address import Address
from store.batches import batches
from store.services import expiry, kept, sender_lists
from store.services.bulk import queries
from store.services.kept import Kept, Name
from store.services.lookup import LARGEST_ID
from store.services.views import Alias
from store.sql.among import asked
from store.sql.new_alias_query import AccountFacts, DomainFacts, Owner
from store.sql.tables import KEPT
from store.sql.tenant import Transaction

_AT_ONCE = 1000  # ids or names in one statement
_MOST_PAIRS = 4000  # domains times local parts in one statement, which finds them whether they belong together or not

_OF_DOMAIN = len(DomainFacts._fields)
_POSSIBLE = re.compile(r"[a-z0-9._-]{1,64}")  # what a name can be; PostgreSQL takes no NUL even in a question


@dataclass(slots=True)
class Wanted:
    """What a batch names, by id or by name."""

    mailbox_ids: set[int] = field(default_factory=set)
    mailboxes: set[Address] = field(default_factory=set)
    domain_ids: set[int] = field(default_factory=set)
    domain_names: set[str] = field(default_factory=set)
    names: set[tuple[int | str, str]] = field(default_factory=set)  # domain by id or canonical name, and local part
    alias_ids: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Facts:
    """The rows that were found. An absent key was not found, or is another account's."""

    domains: dict[int, DomainFacts] = field(default_factory=dict)
    mailboxes: dict[int, Owner] = field(default_factory=dict)
    mailbox_at: dict[Address, Owner] = field(default_factory=dict)
    domain_of: dict[tuple[int, str], DomainFacts] = field(default_factory=dict)  # by account and name
    aliases: dict[int, Alias] = field(default_factory=dict)
    names: dict[Name, int] = field(default_factory=dict)  # id of the mailbox or alias that has it
    kept: dict[Name, Kept] = field(default_factory=dict)  # deleted ones, over or not
    asked: set[Name] = field(default_factory=set)  # names, whether anyone has them or not
    used: dict[int, int] = field(default_factory=dict)  # aliases of each mailbox
    accepted: dict[int, int] = field(default_factory=dict)  # mails that each alias has taken


def find(tx: Transaction, wanted: Wanted) -> Facts:
    """Return what there is of ``wanted``, locked until the end of ``tx``."""
    facts = Facts()
    for given in (wanted.mailbox_ids, wanted.domain_ids, wanted.alias_ids):
        given.intersection_update([id_ for id_ in given if 0 < id_ <= LARGEST_ID])
    _domains(tx, wanted, facts)
    _mailboxes(tx, wanted, facts)
    _names(tx, wanted, facts)
    for ids in batches(sorted(wanted.alias_ids | set(facts.names.values())), _AT_ONCE):
        facts.aliases.update((alias.id, alias) for alias in _aliases(tx, ids))
        facts.accepted.update(map(tuple, tx.execute(*asked(tx, queries.accepted, ids=ids))))
    for ids in batches(sorted(facts.mailboxes), _AT_ONCE):
        facts.used.update(map(tuple, tx.execute(*asked(tx, queries.used, ids=ids))))
    return facts


def _domains(tx: Transaction, wanted: Wanted, facts: Facts) -> None:
    named = {domain for domain, _ in wanted.names if isinstance(domain, str)}
    named |= wanted.domain_names | {address.domain for address in wanted.mailboxes}
    for ids in batches(sorted(wanted.domain_ids), _AT_ONCE):
        found = tx.execute(*asked(tx, queries.domains_by_id, ids=ids))
        facts.domains.update((row[0], DomainFacts(*row)) for row in found)
    for names in batches(sorted(named), _AT_ONCE):
        found = tx.execute(*asked(tx, queries.domains_by_name, names=names))
        facts.domains.update((row[0], DomainFacts(*row)) for row in found)
    facts.domain_of = {(row.account_id, row.name): row for row in facts.domains.values()}


def _mailboxes(tx: Transaction, wanted: Wanted, facts: Facts) -> None:
    ids = set(wanted.mailbox_ids)
    proved = {row.name: row.id for row in facts.domains.values() if row.verified_at is not None}
    names = {(proved[address.domain], address.local) for address in wanted.mailboxes if address.domain in proved}
    for row in _taken(tx, names):
        ids.add(row.id)
    for some in batches(sorted(ids), _AT_ONCE):
        for id_, local_part, *found in tx.execute(*asked(tx, queries.mailboxes, ids=some)):
            home, account = DomainFacts(*found[:_OF_DOMAIN]), AccountFacts(*found[_OF_DOMAIN:])
            facts.mailboxes[id_] = Owner(id_, local_part, home, account)
    facts.mailbox_at = {Address(at.local_part, at.domain.name): at for at in facts.mailboxes.values()}


def _names(tx: Transaction, wanted: Wanted, facts: Facts) -> None:
    ids: dict[int | str, list[int]] = {}
    for row in facts.domains.values():
        for key in (row.id, row.name):  # several accounts may have a name pending
            ids.setdefault(key, []).append(row.id)
    facts.asked = {(found, local) for domain, local in wanted.names for found in ids.get(domain, [])}
    there = {(row.domain_id, row.local_part): row for row in _taken(tx, facts.asked)}
    kept_names = {one.id: one for one in kept.find(tx, {row.id for row in there.values() if row.kind == KEPT})}
    facts.kept = {name: kept_names[row.id] for name, row in there.items() if row.id in kept_names}
    facts.names = {name: row.id for name, row in there.items() if row.id not in kept_names}


def _taken(tx: Transaction, names: set[Name]) -> Iterator[Row[int, int, str, str]]:
    for domains, locals_ in _rectangles({name for name in names if _POSSIBLE.fullmatch(name[1])}):
        for row in tx.execute(*asked(tx, queries.taken, domains=domains, locals=locals_)):
            if (row.domain_id, row.local_part) in names:
                yield row


def _rectangles(names: set[Name]) -> Iterator[tuple[list[int], list[str]]]:
    """Cover the names with pairs of lists whose products stay small. SQLite reads a whole table for IN over pairs."""
    domains, locals_ = set[int](), set[str]()
    for domain, here in _by_domain(names):
        for some in batches(sorted(here), _AT_ONCE):
            if domains and (len(domains) + 1) * len(locals_.union(some)) > _MOST_PAIRS:
                yield sorted(domains), sorted(locals_)
                domains, locals_ = set(), set()
            domains.add(domain)
            locals_.update(some)
    if domains:
        yield sorted(domains), sorted(locals_)


def _by_domain(names: Iterable[Name]) -> Iterable[tuple[int, set[str]]]:
    found: dict[int, set[str]] = {}
    for domain, local in names:
        found.setdefault(domain, set()).add(local)
    return sorted(found.items())


def _aliases(tx: Transaction, ids: list[int]) -> Iterator[Alias]:
    for row in tx.execute(*asked(tx, queries.aliases, ids=ids)):
        values = dict(row._mapping)
        at, owner_at = f"@{values['domain']}", f"@{values.pop('owner_domain')}"
        address, mailbox = values["local_part"] + at, values.pop("owner_local") + owner_at
        off_at, rules = values.pop("off_at"), values.pop("senders")
        values |= {"ends_at": expiry.ends_at(off_at), "expired": expiry.is_expired(off_at)}
        yield Alias(address=address, mailbox=mailbox, senders=sender_lists.of_row(rules), **values)
