"""Aliases: more names for a mailbox."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.orm import aliased

from routing.policy import SYSTEM_ADDRESSES
from store.services import audit, expiry, lookup, sender_lists
from store.services.accounts import is_unpaid_trial
from store.services.deletion import delete_names
from store.services.fields import check_text
from store.services.filters import retarget
from store.services.lookup import FoundAlias, Ref
from store.services.names import split_new_address
from store.services.paging import Page, holds, page_of
from store.services.plans import alias_limit
from store.services.rules import Claimed, check_alias_room, check_free, check_new_alias, claim
from store.services.statistics.activity import with_activity
from store.services.unset import UNSET, NotGiven
from store.services.views import EVERYONE, Alias, FreeName, Senders, Usage
from store.sql import changed_fields
from store.sql.new_alias_query import DomainFacts, Owner, count_aliases, insert_alias
from store.sql.tables import ALIAS, AddressRow, AliasRow, DomainRow
from store.sql.tenant import Transaction


def add(
    tx: Transaction,
    address: str,
    mailbox: Ref,
    *,
    can_receive: bool = True,
    can_send: bool = False,
    note: str | None = None,
    senders: Senders = EVERYONE,
    expires_at: datetime | None = None,
    expires_after: int | None = None,
    expires_when_idle: int | None = None,
    system_names: frozenset[str] = SYSTEM_ADDRESSES,
) -> Alias:
    """Give a mailbox another name, as an address, see :func:`create`.

    Raises:
        ServiceError: as :func:`create`; ``invalid-request`` without an ``@``, ``invalid-domain``.
    """
    owner = lookup.mailbox(tx, mailbox).mailbox.id
    local_part, domain = split_new_address(address)
    return create(
        tx,
        local_part,
        domain,
        owner,
        can_receive=can_receive,
        can_send=can_send,
        note=note,
        senders=senders,
        expires_at=expires_at,
        expires_after=expires_after,
        expires_when_idle=expires_when_idle,
        system_names=system_names,
    )


def create(
    tx: Transaction,
    local_part: str,
    domain: Ref,
    mailbox: Ref,
    *,
    can_receive: bool = True,
    can_send: bool = False,
    note: str | None = None,
    senders: Senders = EVERYONE,
    expires_at: datetime | None = None,
    expires_after: int | None = None,
    expires_when_idle: int | None = None,
    system_names: frozenset[str] = SYSTEM_ADDRESSES,
) -> Alias:
    """Give a mailbox another name, on any domain of its account.

    Checked in this order: the mailbox exists, the domain is the account's (before anything is told about the name),
    the local part, system names, the note, when it expires, its senders, the state of the alias's and of the mailbox's
    domain, whether the name is free, and last the limit, on a locked mailbox, so that two at once cannot pass it. The
    mailbox is locked before the name is taken, as a batch does it, so that the two never wait for one another in a
    circle.

    Raises:
        ServiceError: ``not-found``, ``invalid-request``, ``domain-not-yours``, ``invalid-local-part``,
            ``address-reserved``, ``domain-not-active``, ``address-taken``, ``address-kept``,
            ``feature-not-available``, ``trial-limit-reached``, ``alias-limit-reached``.
    """
    owner, home = lookup.for_new_alias(tx, mailbox, domain)
    ends = {"expires_at": expires_at, "expires_after": expires_after, "expires_when_idle": expires_when_idle}
    wanted = check_new_alias(owner, home, local_part, {"note": note, "senders": senders, **ends}, system_names)
    name = claim(tx, home, local_part, ALIAS, mailbox_id=owner.id)
    check_alias_room(owner, name.aliases)
    switches = {"can_receive": can_receive, "can_send": can_send, "is_active": True, "note": note, **ends}
    rules = {"senders": sender_lists.row_text(wanted), "updated_at": name.created_at}
    is_forwarding = insert_alias(tx, {"id": name.id, "mailbox_id": owner.id, **switches, **rules}, home.account_id)
    if any(ends.values()):
        expiry.fold(tx, [name.id], idle_anew=[name.id])
    changed_fields.name(tx, home.name, local_part)
    if is_forwarding:
        retarget.names_come(tx, home.account_id, {(local_part, home.name)})
    made = _made(tx, owner, home, name, {**switches, "senders": wanted})
    audit.note(tx, "alias.create", "alias", made.id, made.address, None, made, account_id=home.account_id)
    return made


def _made(tx: Transaction, owner: Owner, home: DomainFacts, name: Claimed, switches: Mapping[str, Any]) -> Alias:
    """Return a new alias; one that ends as its row says, since when it is off is reckoned there."""
    if any(switches[field] for field in expiry.FIELDS):
        return view(tx, name.id)
    return Alias(
        id=name.id,
        address=f"{name.local_part}@{home.name}",
        local_part=name.local_part,
        domain_id=home.id,
        domain=home.name,
        mailbox_id=owner.id,
        created_at=name.created_at,
        updated_at=name.created_at,
        mailbox=f"{owner.local_part}@{owner.domain.name}",
        **switches,
    )


def check(
    tx: Transaction,
    local_part: str,
    domain: Ref,
    mailbox: Ref,
    *,
    system_names: frozenset[str] = SYSTEM_ADDRESSES,
) -> FreeName:
    """Return the name that :func:`create` would make now; it locks nothing and takes nothing.

    Raises:
        ServiceError: as :func:`create`, by the same rules in the same order.
    """
    owner = lookup.mailbox(tx, mailbox)
    home = lookup.domain_for_name(tx, domain, account_id=owner.account.id, lock=False)
    check_new_alias(owner, home, local_part, {}, system_names)
    was_its_own = check_free(tx, home, local_part, owner.mailbox.id)
    check_alias_room(owner, count_aliases(tx, owner.mailbox.id))
    return FreeName(f"{local_part}@{home.name}", was_its_own)


def get(tx: Transaction, ref: Ref, *, mailbox: Ref | None = None) -> Alias:
    """Return an alias, of one mailbox if that is given.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``, also for an alias of another mailbox.
    """
    return with_activity(tx, [view(tx, _found(tx, ref, mailbox, lock=False).alias.id)])[0]


def update(
    tx: Transaction,
    ref: Ref,
    *,
    mailbox: Ref | None = None,
    can_receive: bool | None = None,
    can_send: bool | None = None,
    is_active: bool | None = None,
    note: str | NotGiven | None = UNSET,
    senders: Senders | None = None,
    expires_at: datetime | NotGiven | None = UNSET,
    expires_after: int | NotGiven | None = UNSET,
    expires_when_idle: int | NotGiven | None = UNSET,
) -> Alias:
    """Change what an alias may do, until when and from whom, disable or enable it, change its note.

    Its address cannot be changed. None lifts an end. Days without mail begin anew whenever they are given.

    Raises:
        ServiceError: ``not-found``, also for an alias of another mailbox than ``mailbox``; ``invalid-request``.
    """
    found = _found(tx, ref, mailbox)
    before = view(tx, found.alias.id)
    if note is not UNSET:
        check_text("note", note or "")
        found.alias.note = note
    if senders is not None:
        found.alias.senders = sender_lists.row_text(sender_lists.checked(senders))
    given = {"can_receive": can_receive, "can_send": can_send, "is_active": is_active}
    for field, value in given.items():
        if value is not None:
            setattr(found.alias, field, value)
    ends = {"expires_at": expires_at, "expires_after": expires_after, "expires_when_idle": expires_when_idle}
    _set_ends(tx, found.alias, {field: value for field, value in ends.items() if value is not UNSET})
    changed_fields.name(tx, found.domain.name, found.address.local_part)
    after = view(tx, before.id)
    _note(tx, "alias.update", found, before, after)
    return with_activity(tx, [after])[0]


def _set_ends(tx: Transaction, alias: AliasRow, given: Mapping[str, Any]) -> None:
    """Set until when an alias lives; what it says already is not judged again."""
    expiry.check(expiry.new(given, alias), expiry.accepted(tx, alias.id))
    for field, value in given.items():
        setattr(alias, field, value)
    tx.flush()
    if given:
        expiry.fold(tx, [alias.id], idle_anew=[alias.id] if given.get("expires_when_idle") else [])


def block(tx: Transaction, ref: Ref, sender: str, *, mailbox: Ref | None = None) -> Alias:
    """Take no more mail from a sender: an address, a domain, or ``.domain``. Repeating it changes nothing.

    Raises:
        ServiceError: ``not-found``; ``invalid-request`` for what is no sender, or for one whose domain is listed.
    """
    before = get(tx, ref, mailbox=mailbox)
    after = sender_lists.blocked(before.senders, sender)
    return before if after == before.senders else update(tx, ref, mailbox=mailbox, senders=after)


def remove(tx: Transaction, ref: Ref, *, mailbox: Ref | None = None) -> Alias:
    """Delete an alias and free its name, or keep it from other mailboxes for as long as the account says.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``, also for an alias of another mailbox than ``mailbox``.
    """
    found = _found(tx, ref, mailbox)
    gone = view(tx, found.alias.id)
    changed_fields.name(tx, found.domain.name, found.address.local_part)
    _note(tx, "alias.delete", found, gone, None)
    delete_names(tx, AddressRow.id == gone.id)
    return gone


def list_all(tx: Transaction, *, mailbox: Ref | None = None) -> list[Alias]:
    """Return the aliases, of one mailbox or of all, by domain and name. Raises ServiceError ``not-found``."""
    wanted = query()
    if mailbox is not None:
        wanted = wanted.where(AliasRow.mailbox_id == lookup.mailbox(tx, mailbox).mailbox.id)
    return with_activity(tx, [as_view(row) for row in tx.execute(wanted)])


def page(
    tx: Transaction, *, page: int = 1, per_page: int = 25, search: str | None = None, mailbox: Ref | None = None
) -> Page[Alias]:
    """Return a page of aliases, by domain and name.

    Args:
        search: only those whose address or note holds it.
        mailbox: only those of this mailbox.

    Raises:
        ServiceError: ``not-found`` for the mailbox, ``invalid-request`` for the search.
    """
    wanted = query()
    if search is not None:
        wanted = wanted.where(
            holds(search, AddressRow.local_part + "@" + DomainRow.name, func.coalesce(AliasRow.note, ""))
        )
    if mailbox is not None:
        wanted = wanted.where(AliasRow.mailbox_id == lookup.mailbox(tx, mailbox).mailbox.id)
    found = page_of(tx, wanted, as_view, page, per_page)
    return Page(with_activity(tx, found.items), found.total)


def usage(tx: Transaction, mailbox: Ref) -> Usage:
    """Return how many aliases a mailbox has, disabled ones counted, and may have. Raises ServiceError ``not-found``."""
    found = lookup.mailbox(tx, mailbox)
    limit = alias_limit(found.account.plan, unpaid_trial=is_unpaid_trial(found.account))
    return Usage(count_aliases(tx, found.mailbox.id), limit)


def note_removed_with(tx: Transaction, which: ColumnElement[bool], account_id: int) -> None:
    """Write into the audit log that aliases go with a mailbox or a domain that is about to be removed."""
    for row in tx.execute(query().where(which)).all():
        gone = as_view(row)
        audit.note(tx, "alias.delete", "alias", gone.id, gone.address, gone, None, account_id=account_id)


@cache
def query() -> Select[AliasRow, AddressRow, str, str, str]:
    """Return the query for all aliases by domain and name, whose rows :func:`as_view` takes."""
    owner, owner_domain = aliased(AddressRow), aliased(DomainRow)
    return (
        select(AliasRow, AddressRow, DomainRow.name, owner.local_part, owner_domain.name)
        .join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(owner, owner.id == AliasRow.mailbox_id)
        .join(owner_domain, owner_domain.id == owner.domain_id)
        .order_by(DomainRow.name, AddressRow.local_part)
    )


def view(tx: Transaction, alias_id: int) -> Alias:
    """Return one alias that exists."""
    return as_view(tx.execute(query().where(AliasRow.id == alias_id)).one())


def as_view(found: Row[AliasRow, AddressRow, str, str, str]) -> Alias:
    """Return a row of :func:`query` as a view."""
    alias, address, domain, owner_local, owner_domain = found
    return Alias(
        id=alias.id,
        address=f"{address.local_part}@{domain}",
        local_part=address.local_part,
        domain_id=address.domain_id,
        domain=domain,
        mailbox_id=alias.mailbox_id,
        can_receive=alias.can_receive,
        can_send=alias.can_send,
        is_active=alias.is_active,
        note=alias.note,
        created_at=address.created_at,
        updated_at=alias.updated_at,
        mailbox=f"{owner_local}@{owner_domain}",
        senders=sender_lists.of_row(alias.senders),
        expires_at=alias.expires_at,
        expires_after=alias.expires_after,
        expires_when_idle=alias.expires_when_idle,
        ends_at=expiry.ends_at(alias.off_at),
        expired=expiry.is_expired(alias.off_at),
    )


def _found(tx: Transaction, ref: Ref, mailbox: Ref | None, *, lock: bool = True) -> FoundAlias:
    owner = None if mailbox is None else lookup.mailbox(tx, mailbox).mailbox.id
    return lookup.alias(tx, ref, mailbox_id=owner, lock=lock)


def _note(tx: Transaction, action: str, found: FoundAlias, before: Alias, after: Alias | None) -> None:
    audit.note(tx, action, "alias", before.id, before.address, before, after, account_id=found.domain.account_id)
