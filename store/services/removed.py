"""The audit log of what goes along: the names of a mailbox or a domain that is about to be removed."""

from store.services import alias_views, audit, mailbox_views
from store.services.deletion import mailboxes_of
from store.sql.tables import AddressRow, AliasRow, DomainRow
from store.sql.tenant import Transaction


def note_aliases_of(tx: Transaction, mailbox_id: int, account_id: int) -> None:
    """Write down that the aliases of a mailbox go."""
    for row in tx.execute(alias_views.query().where(AliasRow.mailbox_id == mailbox_id)).all():
        gone = alias_views.as_view(row)
        audit.note(tx, "alias.delete", "alias", gone.id, gone.address, gone, None, account_id=account_id)


def note_names_of(tx: Transaction, domain: DomainRow) -> None:
    """Write down that the mailboxes and aliases of a domain go, and the aliases of its mailboxes elsewhere."""
    leading_here = AliasRow.mailbox_id.in_(mailboxes_of(domain.id))
    aliases = alias_views.query().where((AddressRow.domain_id == domain.id) | leading_here)
    for found in tx.execute(aliases).all():
        alias = alias_views.as_view(found)
        audit.note(tx, "alias.delete", "alias", alias.id, alias.address, alias, None, account_id=domain.account_id)
    for row in tx.execute(mailbox_views.query().where(AddressRow.domain_id == domain.id)).all():
        box = mailbox_views.as_view(row)
        audit.note(tx, "mailbox.delete", "mailbox", box.id, box.address, box, None, account_id=domain.account_id)
