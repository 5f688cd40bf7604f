"""Proof of control over a domain: what a sighting of its token changes, and giving a proved name to another account."""

from contextlib import suppress
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from store.dns.proof import Event, Proof, Sighting, step
from store.errors import ServiceError
from store.services import audit, domains, lookup
from store.services.domains import proof_of, view
from store.services.lookup import Ref
from store.services.views import Domain
from store.sql import changed_fields
from store.sql.tables import AddressRow, DomainProofRow, DomainRow
from store.sql.tenant import Transaction

PARKED = "parked"  # the proof was seen, but another account has the name proved

# What is written to the audit log for an event; ``proved`` writes its own.
_ACTIONS = {
    Event.WARNED: "domain.proof-missing",
    Event.LAPSED: "domain.proof-lapsed",
    Event.FOUND_AGAIN: "domain.proof-found-again",
    Event.RESTORED: "domain.proof-restored",
}


def apply(tx: Transaction, domain_id: int, sighting: Sighting, now: datetime) -> str | None:
    """Let what was seen at ``now`` take effect on a domain. Returns an event of store.dns.proof, or PARKED, or None.

    What was seen before something that took effect already is passed over, and so is a domain that is gone.
    """
    row = tx.get(DomainRow, domain_id, with_for_update=True)
    kept = None if row is None else tx.get(DomainProofRow, domain_id)
    if row is None or kept is None or (kept.last_checked_at is not None and kept.last_checked_at > now):
        return None
    before = view(tx, domain_id)
    kept.last_checked_at = now
    proof, event = step(proof_of(row, kept), sighting, now)
    if event is Event.PROVED:
        return _activate(tx, row, kept, now)
    _keep(row, kept, proof)
    tx.flush()
    if event is not None:
        after = view(tx, domain_id)
        audit.note(tx, _ACTIONS[event], "domain", row.id, row.name, before, after, account_id=row.account_id)
    return event


def token_of(tx: Transaction, domain_id: int) -> str:
    """Return the token that a domain's owner publishes."""
    return tx.scalars(select(DomainProofRow.token).where(DomainProofRow.domain_id == domain_id)).one()


def refuse_parked(tx: Transaction, row: DomainRow) -> None:
    """Refuse a domain whose name another account has proved, once this account's own proof was seen as well.

    Raises:
        ServiceError: ``domain-taken``.
    """
    kept = tx.get(DomainProofRow, row.id)
    if kept is None or kept.parked_at is None or row.verified_at is not None:
        return
    if _is_held(tx, row):
        raise ServiceError(
            "domain-taken",
            f"another account has proved {row.name} to be its own",
            hint="your proof was seen too; whose domain it is, a person decides: ask the operator of this service",
        )


def move(tx: Transaction, ref: Ref, *, account: Ref, confirmed: bool = False) -> Domain:
    """Give a name that one account has proved to another one that proved it later, with nothing of what it holds.

    The first account's mailboxes and aliases in the domain go, and so do the aliases of these mailboxes elsewhere.

    Raises:
        ServiceError: ``not-found``; ``conflict`` when the other account has not proved it, or has it already, or when
            mail of other domains ends in a mailbox that would go; ``domain-not-empty`` without confirmation.
    """
    wanted = lookup.domain(tx, ref, account=account)
    kept = tx.get(DomainProofRow, wanted.id)
    if wanted.verified_at is not None or kept is None or kept.parked_at is None:
        raise _not_waiting(wanted)
    holder = _holder(tx, wanted.name)
    if holder is not None:
        _touch_everything(tx, holder)
        domains.remove(tx, holder.id, confirmed=confirmed)
    before = view(tx, wanted.id)
    domains.verify(tx, wanted.id)
    kept.seen_at, kept.parked_at = kept.parked_at, None
    changed_fields.domain(tx, wanted.id)
    tx.flush()
    after = view(tx, wanted.id)
    audit.note(tx, "domain.move", "domain", wanted.id, wanted.name, before, after, account_id=wanted.account_id)
    return after


def _activate(tx: Transaction, row: DomainRow, kept: DomainProofRow, now: datetime) -> str:
    try:
        domains.verify(tx, row.id, at=now)
    except ServiceError as refusal:
        if refusal.code != "domain-taken":
            raise
        return _park(tx, row, kept, now)
    kept.seen_at, kept.parked_at = now, None
    tx.flush()
    return Event.PROVED


def _park(tx: Transaction, row: DomainRow, kept: DomainProofRow, now: datetime) -> str:
    kept.last_checked_at = now
    if kept.parked_at is None:
        kept.parked_at = now
        tx.flush()
        domain = view(tx, row.id)
        audit.note(tx, "domain.park", "domain", row.id, row.name, None, domain, account_id=row.account_id)
    return PARKED


def _keep(row: DomainRow, kept: DomainProofRow, proof: Proof) -> None:
    row.proof_lapsed = proof.lapsed
    kept.seen_at = proof.seen_at
    kept.missing_since = proof.missing_since
    kept.missing_times = proof.missing_times
    kept.missing_last_at = proof.missing_last_at
    kept.warned_at = proof.warned_at


def _is_held(tx: Transaction, row: DomainRow) -> bool:
    """Ask the unique index: a transaction that is bound to an account cannot see who has the name."""
    try:
        with suppress(_Free), tx.begin_nested():
            row.verified_at = row.created_at
            tx.flush()
            _take_back()
    except IntegrityError:
        return True
    return False


class _Free(Exception):
    """Takes a trial back."""


def _take_back() -> None:
    raise _Free


def _holder(tx: Transaction, name: str) -> DomainRow | None:
    query = select(DomainRow).where(DomainRow.name == name, DomainRow.verified_at.is_not(None))
    return tx.scalars(query.with_for_update()).one_or_none()


def _touch_everything(tx: Transaction, holder: DomainRow) -> None:
    """Tell of every name of a domain, since the domain itself stays hosted."""
    for local in tx.scalars(select(AddressRow.local_part).where(AddressRow.domain_id == holder.id)):
        changed_fields.name(tx, holder.name, local)
    changed_fields.catch_all(tx, holder.name)
    changed_fields.own_record(tx, holder.name)


def _not_waiting(row: DomainRow) -> ServiceError:
    if row.verified_at is not None:
        return ServiceError("conflict", f"this account has {row.name} proved already", field="account")
    return ServiceError(
        "conflict",
        f"this account has not proved {row.name} while another one has it",
        hint=f"first its token must be seen in DNS: byname domain verify {row.name}",
        field="account",
    )
