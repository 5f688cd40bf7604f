"""The statements that find what a batch names, each over a list (:mod:`store.sql.among`)."""

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from store.sql.among import Among, AnySelect
from store.sql.new_alias_query import AccountFacts, DomainFacts
from store.sql.tables import AccountRow, AddressRow, AliasRow, AliasTotalRow, DomainRow, MailboxRow

# Columns, not rows: an object takes longer, to be made and to be asked a thousand times.
_DOMAIN = [getattr(DomainRow, name) for name in DomainFacts._fields]
_ACCOUNT = [getattr(AccountRow, name) for name in AccountFacts._fields]


def domains_by_id(among: Among) -> AnySelect:
    """Return the query for the DomainFacts of those with some ``ids``, locked against changes."""
    return _domains().where(among(DomainRow.id, "ids"))


def domains_by_name(among: Among) -> AnySelect:
    """Return the query for the DomainFacts of those with some ``names``, locked against changes."""
    return _domains().where(among(DomainRow.name, "names"))


def mailboxes(among: Among) -> AnySelect:
    """Return the query for id, local part, DomainFacts and AccountFacts of some ``ids``, the mailboxes locked."""
    return (
        select(MailboxRow.id, AddressRow.local_part, *_DOMAIN, *_ACCOUNT)
        .join_from(MailboxRow, AddressRow)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(AccountRow, AccountRow.id == DomainRow.account_id)
        .where(among(MailboxRow.id, "ids"))
        .order_by(MailboxRow.id)
        .with_for_update(of=MailboxRow)
    )


def taken(among: Among) -> AnySelect:
    """Return the query for the names at some ``domains``, by id, with some ``locals``, all with all."""
    names = select(AddressRow.id, AddressRow.domain_id, AddressRow.local_part, AddressRow.kind)
    return names.where(among(AddressRow.domain_id, "domains"), among(AddressRow.local_part, "locals"))


def used(among: Among) -> AnySelect:
    """Return the query for the number of aliases of the mailboxes with some ``ids``, those that have any."""
    counted = select(AliasRow.mailbox_id, func.count()).group_by(AliasRow.mailbox_id)
    return counted.where(among(AliasRow.mailbox_id, "ids"))


def accepted(among: Among) -> AnySelect:
    """Return the query for the number of mails that the aliases with some ``ids`` have taken, those that have any."""
    return select(AliasTotalRow.alias_id, AliasTotalRow.accepted).where(among(AliasTotalRow.alias_id, "ids"))


def aliases(among: Among) -> AnySelect:
    """Return the query for the aliases with some ``ids``, locked, with all that a views.Alias says."""
    owner, owner_domain = aliased(AddressRow), aliased(DomainRow)
    own = (AliasRow.id, AddressRow.local_part, AddressRow.domain_id, DomainRow.name.label("domain"))
    fields = (AliasRow.mailbox_id, AliasRow.can_receive, AliasRow.can_send, AliasRow.is_active, AliasRow.note)
    ends = (AliasRow.expires_at, AliasRow.expires_after, AliasRow.expires_when_idle, AliasRow.off_at, AliasRow.senders)
    others = (AddressRow.created_at, AliasRow.updated_at, owner.local_part, owner_domain.name)
    return (
        select(*own, *fields, *ends, *others[:2], others[2].label("owner_local"), others[3].label("owner_domain"))
        .join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(owner, owner.id == AliasRow.mailbox_id)
        .join(owner_domain, owner_domain.id == owner.domain_id)
        .where(among(AliasRow.id, "ids"))
        .order_by(AliasRow.id)
        .with_for_update(of=AliasRow)
    )


def _domains() -> AnySelect:
    return select(*_DOMAIN).order_by(DomainRow.id).with_for_update(read=True)
