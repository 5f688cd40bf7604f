"""Aliases that are made up for whoever needs one now, as password managers do."""

from collections.abc import Callable

from sqlalchemy import select

from routing.policy import SYSTEM_ADDRESSES
from store.errors import ServiceError
from store.services import aliases, lookup
from store.services.lookup import Ref
from store.services.random_names import random_name
from store.services.views import Alias
from store.sql.tables import RandomAliasDomainRow
from store.sql.tenant import Transaction

_TRIES = 20  # names; there are more than 10**9 of each style
_ANOTHER_WOULD_DO = frozenset({"address-taken", "address-kept", "address-reserved"})


def create(
    tx: Transaction,
    mailbox: Ref,
    style: str,
    *,
    domain: Ref | None = None,
    note: str | None = None,
    system_names: frozenset[str] = SYSTEM_ADDRESSES,
    draw: Callable[[str], str] = random_name,
) -> Alias:
    """Give a mailbox an alias with a name of chance that is free for it; it receives and does not send.

    Args:
        style: of :data:`store.services.random_names.STYLES`.
        domain: one of the account's; None for the one that the account chose, else the mailbox's own.
        draw: returns a name of a style.

    Raises:
        ServiceError: as :func:`store.services.aliases.create`.
    """
    owner = lookup.mailbox(tx, mailbox)
    home = default_domain(tx, owner.mailbox.id) if domain is None else domain
    for _ in range(_TRIES):
        try:
            return aliases.create(tx, draw(style), home, owner.mailbox.id, note=note, system_names=system_names)
        except ServiceError as refusal:
            if refusal.code not in _ANOTHER_WOULD_DO:
                raise
    raise ServiceError("conflict", f"{_TRIES} names of chance were taken; ask again")


def default_domain(tx: Transaction, mailbox: Ref) -> int:
    """Return the id of the domain at which a mailbox gets such aliases. Raises ServiceError ``not-found``."""
    owner = lookup.mailbox(tx, mailbox)
    chosen = select(RandomAliasDomainRow.domain_id).where(RandomAliasDomainRow.account_id == owner.account.id)
    return tx.scalar(chosen) or owner.domain.id
