"""What people want to know beside an alias itself: where one can be made, how many there may be, what deleting does."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from store.errors import ServiceError
from store.services import aliases, domains, lookup
from store.services.accounts import is_unpaid_trial
from store.services.lookup import Ref
from store.services.plans import alias_limit
from store.services.rules import check_alias_room, require_active
from store.services.views import Alias, Domain
from store.sql.tables import AccountRow, DomainRow
from store.sql.tenant import Transaction


@dataclass(frozen=True, slots=True)
class Room:
    """Whether a mailbox may have one more alias, and on which domains."""

    domains: list[Domain]
    refusal: ServiceError | None  # why it may not, now
    awaits_payment: bool  # a trial account before its first payment


@dataclass(frozen=True, slots=True)
class AfterDeletion:
    """Where mail to an alias goes once it is deleted."""

    domain_is_active: bool  # else all mail to the domain is refused anyhow
    catch_all: str | None  # the mailbox that gets it; None: it is refused as "user unknown"
    kept_days: int  # for how long other mailboxes cannot have the name, and no catch-all gets its mail; 0: it is free


def room(tx: Transaction, mailbox: Ref) -> Room:
    """Return whether and where a mailbox may have one more alias. Raises ServiceError ``not-found``."""
    owner = lookup.mailbox(tx, mailbox)
    found = [domain for domain in domains.views(tx, account_id=owner.account.id) if _takes_names(domain)]
    unpaid = is_unpaid_trial(owner.account)
    try:
        require_active(owner.domain)
        check_alias_room(owner, aliases.usage(tx, owner.mailbox.id).used)
    except ServiceError as refusal:
        return Room(found, refusal, unpaid)
    return Room(found, None, unpaid)


def limits(tx: Transaction, domain_ids: Collection[int]) -> dict[int, int]:
    """Return how many aliases a mailbox of each domain may have."""
    wanted = select(DomainRow.id, AccountRow).join_from(DomainRow, AccountRow).where(DomainRow.id.in_(domain_ids))
    return {
        domain_id: alias_limit(account.plan, unpaid_trial=is_unpaid_trial(account))
        for domain_id, account in tx.execute(wanted)
    }


def after_deletion(tx: Transaction, alias: Alias) -> AfterDeletion:
    """Return where mail to an alias would go without it (docs/design.md, section 3, rows 4, 11 and 12)."""
    home = domains.get(tx, alias.domain_id)
    days = keep_deleted_days(tx, alias.domain_id)
    catch_all = home.catch_all.destination if home.catch_all.enabled and not days else None
    return AfterDeletion(home.status == "active", catch_all, days)


def keep_deleted_days(tx: Transaction, domain_id: int) -> int:
    """Return for how many days the account of a domain keeps deleted names."""
    days = select(AccountRow.keep_deleted_days).join_from(AccountRow, DomainRow).where(DomainRow.id == domain_id)
    return tx.scalars(days).one()


def _takes_names(domain: Domain) -> bool:
    return domain.status == "active" and not domain.proof_lapsed
