"""Deletion of a mailbox in two steps: an intent that lists what goes with it, then its confirmation."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from store.clock import utc_now
from store.errors import ServiceError
from store.services import audit, kept_answers, lookup, mailboxes
from store.services.deletion import destinations
from store.services.lookup import Ref, has_id
from store.services.views import Mailbox, RemovedMailbox
from store.sql.tables import AddressRow, AliasRow, DeleteIntentRow, MailboxRow
from store.sql.tenant import Transaction

VALID = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class DeleteIntent:
    """What deleting a mailbox would take along, and what stands in the way."""

    id: int
    mailbox: Mailbox
    aliases: list[str]  # addresses that go with it
    catch_all_of: list[str]  # domains whose catch-all it is; with one of these it cannot be deleted
    system_mailbox_of: list[str]  # domains whose system mailbox it is; likewise
    created_at: datetime
    expires_at: datetime


def create(tx: Transaction, mailbox: Ref) -> DeleteIntent:
    """Say that a mailbox is to be deleted. Raises ServiceError ``not-found``."""
    found = lookup.mailbox(tx, mailbox, lock=True)
    now = utc_now()
    over = (DeleteIntentRow.mailbox_id == found.mailbox.id) & (DeleteIntentRow.expires_at <= now)
    tx.execute(delete(DeleteIntentRow).where(over), execution_options={"synchronize_session": False})
    row = DeleteIntentRow(mailbox_id=found.mailbox.id, created_at=now, expires_at=now + VALID)
    tx.add(row)
    tx.flush()
    intent = _as_view(tx, row)
    view = intent.mailbox
    audit.note(tx, "mailbox.delete-intent", "mailbox", view.id, view.address, view, intent, account_id=found.account.id)
    kept_answers.hold_until(tx, row.expires_at)
    return intent


def get(tx: Transaction, intent_id: int, mailbox: int, now: datetime) -> DeleteIntent:
    """Return an intent for a mailbox, with what would go now. Raises ServiceError ``not-found``, as :func:`confirm`."""
    row = _find(tx, intent_id, now)
    if row.mailbox_id != mailbox:
        raise _no_intent(intent_id)
    return _as_view(tx, row)


def confirm(tx: Transaction, intent_id: int, now: datetime) -> RemovedMailbox:
    """Delete the mailbox, as :func:`store.services.mailboxes.remove`.

    Raises:
        ServiceError: ``not-found`` for an intent that does not exist or has expired; ``conflict`` when the mailbox got
            an alias since, which the intent did not speak of, or mail of a domain ends there.
    """
    intent = _find(tx, intent_id, now)
    lookup.mailbox(tx, intent.mailbox_id, lock=True)  # no alias can come from here on
    newer = select(func.count()).join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id)
    newer = newer.where(AliasRow.mailbox_id == intent.mailbox_id, AddressRow.created_at > intent.created_at)
    if tx.scalar(newer):
        raise ServiceError("conflict", "the mailbox has new aliases since", hint="ask for a new delete intent")
    return mailboxes.remove(tx, intent.mailbox_id)


def _find(tx: Transaction, intent_id: int, now: datetime) -> DeleteIntentRow:
    found = tx.scalar(select(DeleteIntentRow).where(has_id(DeleteIntentRow.id, intent_id)))
    if found is None or found.expires_at <= now:
        raise _no_intent(intent_id)
    return found


def _no_intent(intent_id: int) -> ServiceError:
    return ServiceError(
        "not-found", f"there is no delete intent {intent_id}, or it has expired", hint="ask for a new one"
    )


def _as_view(tx: Transaction, row: DeleteIntentRow) -> DeleteIntent:
    view = mailboxes.get(tx, row.mailbox_id)
    uses = destinations(tx, select(MailboxRow.id).where(MailboxRow.id == view.id))
    gone = mailboxes.contents(tx, view.id)
    return DeleteIntent(row.id, view, gone, uses.catch_all_of, uses.system_mailbox_of, row.created_at, row.expires_at)
