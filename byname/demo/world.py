"""The sample data: two tenants, three domains, aliases of every kind, a catch-all, all made by the services."""

from dataclasses import dataclass

from store.passwords import PasswordHash, generate_password, hash_password
from store.services import accounts, admins, aliases, domain_settings, domains, mailboxes
from store.sql.database import Database

BRAND_A, BRAND_B, OTHER = "brand-a.test", "brand-b.test", "other.test"

JOHN = f"john@{BRAND_A}"  # the mailbox that has the aliases; the oldest of its domain
MARY = f"mary@{BRAND_A}"  # the same account; the catch-all of brand-b.test ends here
ADMIN = "admin@brands.test"  # looks after the account of brand-a.test and brand-b.test in the dashboard
OWNER = f"owner@{OTHER}"  # another tenant

INFO = f"info@{BRAND_A}"  # receives, may not send
SALES = f"sales@{BRAND_B}"  # of a mailbox on another domain; receives and sends
OLD_SHOP = f"old-shop@{BRAND_B}"  # disabled
NEWSLETTER = f"newsletter@{BRAND_B}"  # sends, does not receive
SUPPORT = f"support@{BRAND_B}"  # Mary's
FAIR = f"fair@{BRAND_B}"  # deleted between two mails
CAMPAIGN = f"campaign@{BRAND_A}"  # disabled between two mails


@dataclass(frozen=True, slots=True)
class SampleAlias:
    """An alias of John's mailbox, with its toggles."""

    address: str
    kind: str  # text for people
    can_send: bool = False
    can_receive: bool = True
    is_active: bool = True


ALIASES = (
    SampleAlias(INFO, "receives; may not send"),
    SampleAlias(SALES, "on another domain; receives and sends", can_send=True),
    SampleAlias(OLD_SHOP, "disabled, with sending on", can_send=True, is_active=False),
    SampleAlias(NEWSLETTER, "sends only", can_send=True, can_receive=False),
    SampleAlias(FAIR, "deleted by the samples"),
    SampleAlias(CAMPAIGN, "disabled by the samples"),
)


def fill(database: Database) -> dict[str, str]:
    """Put the sample data into an empty store; return the password of each mailbox and of the admin."""
    boxes = {JOHN: "John Doe", MARY: "Mary Poe", OWNER: "Olga Owner"}
    passwords = {address: generate_password() for address in (*boxes, ADMIN)}
    hashed = {address: PasswordHash(hash_password(password)) for address, password in passwords.items()}
    with database.write() as tx:
        for account, names in (("brands", (BRAND_A, BRAND_B)), ("other", (OTHER,))):
            accounts.create(tx, account, "starter")
            for name in names:
                domains.add(tx, name, account=account, verified=True)
        for address, name in boxes.items():
            mailboxes.add(tx, address, hashed[address], display_name=name)
        admins.create(tx, ADMIN, hashed[ADMIN], account="brands")
        for alias in ALIASES:
            aliases.add(tx, alias.address, JOHN, can_receive=alias.can_receive, can_send=alias.can_send)
            if not alias.is_active:
                aliases.update(tx, alias.address, is_active=False)
        aliases.add(tx, SUPPORT, MARY)
        domain_settings.update(tx, BRAND_B, catch_all=MARY)
    return passwords
