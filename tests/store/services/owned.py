"""Two accounts that each have a row in every table, for tests of who sees what."""

from dataclasses import dataclass

from routing.filters.model import Action, Condition, Rule
from routing.filters.policy import FilterPolicy
from store.clock import utc_now
from store.services import account_settings, aliases, delete_intents, domain_settings, idempotency, tokens
from store.services.filters import rules
from store.sql.database import Database
from store.sql.tables import (
    AdminRow,
    AliasDayRow,
    AliasSenderRow,
    AliasTotalRow,
    Base,
    DnsCheckRow,
    DomainProofRow,
    HalfSessionRow,
    ImportChunkRow,
    ImportRow,
    MessageRow,
    PasskeyRow,
    RecoveryCodeRow,
    SessionRow,
    TotpRow,
)
from store.sql.tenant import Acting

NOW = utc_now()
PREFIXES = ("bn_ops_", "bn_msg_", "bn_opr_")

RULE = Rule("x", "all", (Condition("subject", "is", "x"),), (Action("flag"),))


@dataclass(frozen=True)
class Owned:
    """Ids of one account's objects."""

    account: int
    domain: int
    mailbox: int
    alias: int
    token: int
    intent: int
    rule: int

    @property
    def acting(self) -> Acting:
        """Someone of this account."""
        return Acting(account_id=self.account, actor="a test", token_id=self.token)


def create_account(database: Database, account: str, domain: str, mailbox: str) -> Owned:
    """Give an account of ``world`` a row in every table that belongs to accounts."""
    with database.write() as tx:
        home = domain_settings.update(tx, domain, catch_all=mailbox, system_mailbox=mailbox)
        alias = aliases.add(tx, f"sales@{domain}", mailbox)
        token = tokens.create(tx, name=f"of {account}", kind="account", account=account, prefixes=PREFIXES).token
        rule = rules.add(tx, mailbox, RULE, FilterPolicy())
        intent = delete_intents.create(tx, mailbox)
        key = idempotency.begin(tx, token.id, "a key", "00")
        assert isinstance(key, idempotency.Fresh)
        tx.add_all([ImportChunkRow(key_id=key.id, number=0, report="[]"), DnsCheckRow(domain_id=home.id)])
        admin = AdminRow(address=f"admin@{domain}", password_hash="", account_id=token.account_id, role="admin")
        tx.add(admin)
        tx.flush()
        tx.add(SessionRow(sha256=domain, admin_id=admin.id, csrf=""))
        tx.add(SessionRow(sha256=mailbox, mailbox_id=alias.mailbox_id, csrf=""))
        tx.add(ImportRow(account_id=token.account_id, started_by="", source="csv", state="checked", lines=0))
        tx.add_all(factors(domain, admin_id=admin.id) + factors(mailbox, mailbox_id=alias.mailbox_id))
        tx.merge(DomainProofRow(domain_id=home.id))
        facts = {"sender": mailbox, "login": mailbox, "message_id": f"<1@{domain}>", "recipients": "[]", "size": 0}
        tx.add(MessageRow(mailbox_id=alias.mailbox_id, **facts))
        tx.add(AliasDayRow(alias_id=alias.id, day=NOW.date(), rule="", mails=1))
        tx.add(AliasTotalRow(alias_id=alias.id, accepted=1, last_mail_at=NOW))
        seen = {"accepted": 1, "refused": 0, "first_at": NOW, "last_at": NOW}
        tx.add(AliasSenderRow(alias_id=alias.id, sender=f"shop@{domain}", **seen))
        account_settings.update(tx, account, random_alias_domain_id=home.id, keep_deleted_days=30)
        aliases.add(tx, f"gone@{domain}", mailbox)
        aliases.remove(tx, f"gone@{domain}")
        assert token.account_id is not None
        return Owned(token.account_id, home.id, alias.mailbox_id, alias.id, token.id, intent.id, rule.id)


def factors(name: str, **owner: int) -> list[Base]:
    """Return a second factor of every kind of one person."""
    return [
        HalfSessionRow(sha256=name, **owner),
        TotpRow(secret="", last_step=0, **owner),
        RecoveryCodeRow(sha256=name, **owner),
        PasskeyRow(name="", credential_id=name, public_key="", sign_count=0, **owner),
    ]


def two_accounts(world: Database) -> tuple[Owned, Owned]:
    """Furnish acme and rival."""
    return (
        create_account(world, "acme", "brand-a.com", "john@brand-a.com"),
        create_account(world, "rival", "rival.com", "eve@rival.com"),
    )


def tables() -> list[type[Base]]:
    """Return every table's class."""
    return [mapper.class_ for mapper in Base.registry.mappers]
