"""Names for the delivery matrix: fifty mailboxes over three domains and two tenants, each with an alias of its own."""

from store.services import accounts, aliases, domain_settings, domains, mailboxes
from store.sql.database import Database
from store.sql.tenant import Transaction

JOHN, MARY = "john@brand-a.test", "mary@brand-a.test"
PASSWORD = "correct horse battery"
DOMAINS = {"brand-a.test": "brands", "brand-b.test": "brands", "other.test": "other"}
FIFTY = tuple(
    (f"box{number}@{list(DOMAINS)[number % 3]}", f"alias{number}@{list(DOMAINS)[number % 3]}") for number in range(50)
)


def fill(database: Database) -> dict[str, str]:
    """Fill an empty store; return the passwords."""
    with database.write() as tx:
        _domains(tx)
        for address in (JOHN, MARY, *(mailbox for mailbox, _ in FIFTY)):
            mailboxes.add(tx, address, PASSWORD)
        _aliases(tx)
        domain_settings.update(tx, "brand-b.test", catch_all=JOHN)
    return {JOHN: PASSWORD, MARY: PASSWORD}


def _domains(tx: Transaction) -> None:
    for account in ("brands", "other"):
        accounts.create(tx, account, "starter")
    for name, account in DOMAINS.items():
        domains.add(tx, name, account=account, verified=True)


def _aliases(tx: Transaction) -> None:
    for address, mailbox in (
        ("sales@brand-b.test", JOHN),
        ("info@brand-a.test", JOHN),
        ("team@brand-a.test", MARY),
        *((alias, mailbox) for mailbox, alias in FIFTY),
    ):
        aliases.add(tx, address, mailbox, can_send=True)
