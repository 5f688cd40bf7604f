"""Rules for new names: the state of their domain, what an alias must fulfil, and the one way to claim a name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from store.clock import utc_now
from store.errors import ServiceError
from store.services import expiry, kept, sender_lists
from store.services.accounts import is_unpaid_trial
from store.services.fields import check_text
from store.services.lookup import DomainState, OwnerState
from store.services.names import check_local_part
from store.services.plans import check_room
from store.services.views import Senders
from store.sql.insert_if_free import claim_name
from store.sql.tables import AddressRow
from store.sql.tenant import Transaction


def require_proved(domain: DomainState) -> None:
    """Refuse a pending domain: it could be anyone's, and holds nothing. Raises ServiceError ``domain-not-active``."""
    if domain.verified_at is None:
        raise _not_active(domain, "is not verified yet")


def require_active(domain: DomainState) -> None:
    """Refuse a domain that takes no new names: pending, switched off, or its proof lapsed.

    Raises:
        ServiceError: ``domain-not-active``.
    """
    require_proved(domain)
    if not domain.is_active:
        raise _not_active(domain, "is switched off")
    if domain.proof_lapsed:
        raise _not_active(domain, "takes no new names: its proof has lapsed, check its DNS records")


def check_new_alias(
    owner: OwnerState,
    home: DomainState,
    local_part: str,
    given: Mapping[str, Any],
    system_names: frozenset[str],
    *,
    allow_past: bool = False,
) -> Senders:
    """Check an alias that is to be made, whether alone or among a thousand, before its name is claimed.

    In this order: the local part, system names, the note, when it expires, its senders, the state of the alias's and of
    the mailbox's domain. ``given`` holds what was said of the note, the ends and the senders; ``allow_past``: it may
    have expired. Returns the senders in the form in which they are kept.

    Raises:
        ServiceError: ``invalid-local-part``, ``address-reserved``, ``invalid-request``, ``domain-not-active``.
    """
    check_local_part(local_part, system_names)
    check_text("note", given.get("note") or "")
    expiry.check(given, allow_past=allow_past)
    kept = sender_lists.of_given(given)
    require_active(home)
    require_active(owner.domain)
    return kept


def check_alias_room(owner: OwnerState, used: int) -> None:
    """Check that a mailbox with ``used`` aliases may have one more.

    Raises:
        ServiceError: ``feature-not-available``, ``trial-limit-reached``, ``alias-limit-reached``.
    """
    check_room(used, owner.account.plan, unpaid_trial=is_unpaid_trial(owner.account))


@dataclass(frozen=True, slots=True)
class Claimed:
    """A name that was just claimed: the new row of ``addresses``."""

    id: int
    domain_id: int
    local_part: str
    created_at: datetime
    aliases: int  # that the mailbox had, of which it is to be an alias; 0 without one


def claim(
    tx: Transaction, domain: DomainState, local_part: str, kind: str, *, mailbox_id: int | None = None
) -> Claimed:
    """Take a name; the unique key decides between two that come at once.

    Args:
        tx: the transaction.
        domain: where.
        local_part: the name.
        kind: ``MAILBOX`` or ``ALIAS``.
        mailbox_id: whose alias it will be; that one may have a name again that was deleted from it and is kept.

    Raises:
        ServiceError: ``address-taken``, ``address-kept``.
    """
    now = utc_now()
    values = {"domain_id": domain.id, "local_part": local_part, "kind": kind, "created_at": now}
    new = claim_name(tx, values, mailbox_id)
    if new is None and kept.give_way(tx, domain.id, local_part, mailbox_id):
        new = claim_name(tx, values, mailbox_id)
    if new is None:
        raise taken(domain, local_part)
    return Claimed(new[0], domain.id, local_part, now, new[1])


def check_free(tx: Transaction, domain: DomainState, local_part: str, mailbox_id: int) -> bool:
    """Refuse a name that this mailbox cannot have now; True when it was deleted from it and is kept for it.

    Raises:
        ServiceError: ``address-taken``, ``address-kept``.
    """
    here = (AddressRow.domain_id == domain.id) & (AddressRow.local_part == local_part)
    if tx.scalar(select(AddressRow.id).where(here)) is None:
        return False
    found = kept.at(tx, domain.id, local_part)
    if found is None:
        raise taken(domain, local_part)
    if not found.is_free_for(mailbox_id, utc_now()):
        raise found.refusal()
    return found.mailbox_id == mailbox_id


def taken(domain: DomainState, local_part: str) -> ServiceError:
    """Return the refusal of a name that a mailbox or alias has."""
    return ServiceError("address-taken", f"{local_part}@{domain.name} is taken already", field="local_part")


def _not_active(domain: DomainState, why: str) -> ServiceError:
    return ServiceError("domain-not-active", f"the domain {domain.name} {why}", field="domain_id")
