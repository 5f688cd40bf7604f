"""What an account decides for itself; plan, trial and suspension are the operator's (store.services.accounts)."""

from sqlalchemy import delete

from store.errors import ServiceError
from store.services import accounts, audit, kept_names, lookup
from store.services.lookup import Ref
from store.services.rules import require_active
from store.services.statistics.pruning import forget_senders
from store.services.unset import UNSET, NotGiven
from store.services.views import Account
from store.sql.tables import AccountRow, RandomAliasDomainRow
from store.sql.tenant import Transaction

MOST_REMEMBERED_DAYS = 365


def update(
    tx: Transaction,
    ref: Ref,
    *,
    random_alias_domain_id: Ref | NotGiven | None = UNSET,
    remember_senders_days: int | None = None,
    keep_deleted_days: int | None = None,
) -> Account:
    """Change settings of an account; what is left out stays.

    Args:
        ref: id or name of the account.
        random_alias_domain_id: the domain, by id or name, at which aliases with names of chance are made; None for
            each mailbox's own.
        remember_senders_days: for how many days it is remembered who wrote to the account's aliases; 0 for not at all,
            which also forgets those that are known.
        keep_deleted_days: for how long deleted names are kept from other mailboxes; 0: they are free at once. Counts
            for those that are kept now too.

    Raises:
        ServiceError: ``not-found``, ``invalid-domain``, ``domain-not-yours``, ``domain-not-active``,
            ``invalid-request`` for the days.
    """
    row = lookup.account(tx, ref)
    account_id = row.id
    before = accounts.get(tx, account_id)
    if random_alias_domain_id is not UNSET:
        _choose(tx, account_id, random_alias_domain_id)
    if remember_senders_days is not None:
        _remember(tx, row, remember_senders_days)
    if keep_deleted_days is not None:
        kept_names.change_days(tx, row, keep_deleted_days)
    tx.flush()
    after = accounts.get(tx, account_id)
    if after != before:
        audit.note(tx, "account.update", "account", account_id, after.name, before, after, account_id=account_id)
    return after


def _remember(tx: Transaction, row: AccountRow, days: int) -> None:
    if not 0 <= days <= MOST_REMEMBERED_DAYS:
        rule = f"senders can be remembered for 0 to {MOST_REMEMBERED_DAYS} days"
        raise ServiceError("invalid-request", rule, field="remember_senders_days")
    row.remember_senders_days = days
    if days == 0:
        forget_senders(tx, row.id)


def _choose(tx: Transaction, account_id: int, domain: Ref | None) -> None:
    if domain is None:
        tx.execute(delete(RandomAliasDomainRow).where(RandomAliasDomainRow.account_id == account_id))
        return
    home = lookup.domain_for_name(tx, domain, account_id=account_id)
    require_active(home)
    tx.merge(RandomAliasDomainRow(account_id=account_id, domain_id=home.id))
