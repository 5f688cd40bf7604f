"""The settings of a domain: on or off, its catch-all, and the mailbox for its system addresses."""

from store.errors import ServiceError
from store.services import audit, lookup
from store.services.domains import view
from store.services.filters import retarget
from store.services.lookup import Ref
from store.services.rules import require_active, require_proved
from store.services.unset import UNSET, NotGiven
from store.services.views import Domain
from store.sql import changed_fields
from store.sql.tables import CatchAllRow, DomainRow, SystemMailboxRow
from store.sql.tenant import Transaction


def update(
    tx: Transaction,
    ref: Ref,
    *,
    account: Ref | None = None,
    is_active: bool | None = None,
    catch_all: Ref | None = None,
    no_catch_all: bool = False,
    system_mailbox: Ref | None = None,
    no_system_mailbox: bool = False,
) -> Domain:
    """Switch a domain on or off, and choose the mailboxes for unknown names and for system addresses.

    Args:
        ref: id or name.
        account: which one is meant, when several have the name pending.
        catch_all: a mailbox of the same account; switches the catch-all on.
        no_catch_all: switch it off; the destination stays noted.
        system_mailbox: a mailbox of the same account.
        no_system_mailbox: forget the choice; the oldest active mailbox serves then.

    Raises:
        ServiceError: ``not-found``, ``conflict``, ``domain-not-active``, ``destination-not-a-mailbox``;
            ``invalid-request`` for two opposite wishes.
    """
    if (catch_all is not None and no_catch_all) or (system_mailbox is not None and no_system_mailbox):
        raise ServiceError("invalid-request", "one mailbox and no mailbox cannot be had together", field="catch_all")
    row = lookup.domain(tx, ref, account=account)
    before = view(tx, row.id)
    if is_active is not None:
        row.is_active = is_active
        changed_fields.domain(tx, row.id)
    if catch_all is not None or no_catch_all:
        _switch_catch_all(tx, row, catch_all)
    if system_mailbox is not None:
        _choose_system_mailbox(tx, row, system_mailbox)
    if no_system_mailbox:
        _forget_system_mailbox(tx, row)
    tx.flush()
    after = view(tx, row.id)
    audit.note(tx, "domain.update", "domain", row.id, row.name, before, after, account_id=row.account_id)
    return after


def set_catch_all(
    tx: Transaction, ref: Ref, *, enabled: bool | None = None, destination: Ref | NotGiven | None = UNSET
) -> Domain:
    """Change a domain's catch-all. What is not given stays.

    Args:
        ref: id or name of the domain.
        enabled: on or off.
        destination: a mailbox of the same account, or None for none, which only a catch-all that is off can have.

    Raises:
        ServiceError: ``not-found``, ``conflict``, ``domain-not-active``, ``destination-not-a-mailbox``;
            ``invalid-request`` for a catch-all that would be on and lead nowhere.
    """
    row = lookup.domain(tx, ref)
    before = view(tx, row.id)
    on = before.catch_all.enabled if enabled is None else enabled
    leads = before.catch_all.destination if destination is UNSET else destination
    if on and leads is None:
        raise ServiceError("invalid-request", "a catch-all that is on needs a destination", field="destination")
    if on or destination not in {UNSET, None}:
        require_active(row)
    _store(tx, row, leads, on)
    tx.flush()
    after = view(tx, row.id)
    audit.note(tx, "domain.set-catch-all", "domain", row.id, row.name, before, after, account_id=row.account_id)
    return after


def _switch_catch_all(tx: Transaction, row: DomainRow, mailbox: Ref | None) -> None:
    """Switch the catch-all on, to ``mailbox``, or off; the destination stays noted then.

    Raises:
        ServiceError: ``domain-not-active``, ``destination-not-a-mailbox``.
    """
    if mailbox is not None:
        require_active(row)
        _store(tx, row, mailbox, True)
    elif chosen := tx.get(CatchAllRow, row.id):
        chosen.enabled = False
        changed_fields.catch_all(tx, row.name)
        retarget.catch_all_changes(tx, row.account_id, row.name)


def _choose_system_mailbox(tx: Transaction, row: DomainRow, mailbox: Ref) -> None:
    """Let a mailbox of the account have the domain's system mail.

    Raises:
        ServiceError: ``domain-not-active`` for a pending one, ``destination-not-a-mailbox``.
    """
    require_proved(row)  # a switched-off domain still has a postmaster (docs/design.md, section 3, row 3)
    field = "system_mailbox_id" if isinstance(mailbox, int) else "destination"
    found = lookup.destination(tx, mailbox, account_id=row.account_id, field=field)
    tx.merge(SystemMailboxRow(domain_id=row.id, mailbox_id=found.id))
    changed_fields.own_record(tx, row.name)


def _forget_system_mailbox(tx: Transaction, row: DomainRow) -> None:
    """Let the domain's oldest active mailbox have its system mail."""
    if chosen := tx.get(SystemMailboxRow, row.id):
        tx.delete(chosen)
        changed_fields.own_record(tx, row.name)


def _store(tx: Transaction, row: DomainRow, destination: Ref | None, enabled: bool) -> None:
    changed_fields.catch_all(tx, row.name)
    retarget.catch_all_changes(tx, row.account_id, row.name)
    if destination is not None:
        mailbox = lookup.destination(tx, destination, account_id=row.account_id)
        if enabled and not mailbox.is_active:
            raise ServiceError(
                "conflict", "the mailbox is paused and takes no mail; resume it first", field="destination"
            )
        tx.merge(CatchAllRow(domain_id=row.id, mailbox_id=mailbox.id, enabled=enabled))
    elif chosen := tx.get(CatchAllRow, row.id):
        tx.delete(chosen)
