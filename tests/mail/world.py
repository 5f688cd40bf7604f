"""The names behind the tests of the mail path: two tenants, five domains, a name in every state."""

from store.services import accounts, aliases, domain_settings, domains, mailboxes
from store.sql.database import Database
from store.sql.tenant import Transaction

JOHN, MARY, PAUSED = "john@brand-a.test", "mary@brand-a.test", "paused@brand-a.test"
OWNER = "owner@other.test"
PASSWORD = "correct horse battery"


def fill(database: Database) -> dict[str, str]:
    """Fill an empty store; return the passwords."""
    with database.write() as tx:
        _domains(tx)
        for address in (JOHN, MARY, PAUSED, OWNER, "old@off.test"):
            mailboxes.add(tx, address, PASSWORD)
        _aliases(tx)
        mailboxes.update(tx, PAUSED, is_active=False)
        domain_settings.update(tx, "brand-b.test", catch_all=JOHN)
        domain_settings.update(tx, "off.test", is_active=False)
    return dict.fromkeys((JOHN, MARY, PAUSED, OWNER), PASSWORD)


def _domains(tx: Transaction) -> None:
    accounts.create(tx, "brands", "agency")
    accounts.create(tx, "other", "starter")
    for name in ("brand-a.test", "brand-b.test", "bücher.test", "off.test"):
        domains.add(tx, name, account="brands", verified=True)
    domains.add(tx, "other.test", account="other", verified=True)
    domains.add(tx, "pending.test", account="other")


def _aliases(tx: Transaction) -> None:
    for address, send in (
        ("sales@brand-a.test", True),
        ("info@brand-a.test", False),
        ("sales@brand-b.test", True),
        ("john@bücher.test", True),
        ("toggled@brand-a.test", False),
        ("toggled@brand-b.test", False),
    ):
        aliases.add(tx, address, JOHN, can_send=send)
    aliases.add(tx, "outbox@brand-b.test", JOHN, can_send=True, can_receive=False)
    aliases.add(tx, "team@brand-a.test", MARY, can_send=True)
    aliases.add(tx, "sleeping@brand-a.test", PAUSED)
    for domain in ("brand-a.test", "brand-b.test"):
        aliases.add(tx, f"disabled@{domain}", JOHN, can_send=True)
        aliases.update(tx, f"disabled@{domain}", is_active=False)
    for number in range(80):
        aliases.add(tx, f"many-{number}@brand-a.test", JOHN)
        aliases.add(tx, f"many-{number + 80}@brand-a.test", MARY)
