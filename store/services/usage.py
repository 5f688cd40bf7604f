"""What operators and account admins want to know at a glance: how full mailboxes are, what plans accounts have."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from store.services import mailboxes
from store.services.plans import PLANS
from store.services.views import Mailbox
from store.sql.counts import alias_count
from store.sql.tables import AccountRow, AddressRow, DomainRow, MailboxRow
from store.sql.tenant import Transaction


@dataclass(frozen=True, slots=True)
class Accounts:
    """How many accounts there are, and in which state."""

    by_plan: Mapping[str, int]  # all plans, in the order of their size
    unpaid_trials: int
    suspended: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_plan.values())


def accounts(tx: Transaction) -> Accounts:
    """Count the accounts."""
    by_plan = select(AccountRow.plan, func.count()).group_by(AccountRow.plan)
    plans = {row[0]: row[1] for row in tx.execute(by_plan)}
    is_unpaid_trial = AccountRow.is_trial & AccountRow.first_payment_at.is_(None)
    trials = tx.scalar(select(func.count()).select_from(AccountRow).where(is_unpaid_trial)) or 0
    suspended = tx.scalar(select(func.count()).select_from(AccountRow).where(~AccountRow.is_active)) or 0
    return Accounts({plan: plans.get(plan, 0) for plan in PLANS}, trials, suspended)


def fullest(tx: Transaction, account_id: int, most: int = 5) -> list[Mailbox]:
    """Return the mailboxes of an account that have the most aliases, at most ``most``, none that has no alias.

    All mailboxes of an account have the same limit: these are the nearest to it. Each alias of the account is counted.
    """
    ids = select(MailboxRow.id).join(AddressRow, AddressRow.id == MailboxRow.id)
    ids = ids.join(DomainRow, DomainRow.id == AddressRow.domain_id).where(DomainRow.account_id == account_id)
    found = tx.scalars(ids.order_by(alias_count(MailboxRow.id).desc(), MailboxRow.id).limit(most)).all()
    by_size = sorted(mailboxes.in_order(tx, found), key=lambda one: (-one.alias_count, one.id))
    return [mailbox for mailbox in by_size if mailbox.alias_count]
