"""A believable world for pictures: an agency with its own domains and those of its clients."""

from datetime import timedelta

from sqlalchemy import func, select, update

from store.clock import utc_now
from store.passwords import PasswordHash, hash_password
from store.services import account_settings, accounts, admins, aliases, domain_settings, domains, mailboxes
from store.services.statistics import merging
from store.sql.database import Database
from store.sql.tables import AccountRow, AddressRow, AdminRow, AliasRow, AuditRow, DomainRow
from store.sql.tenant import Acting, Transaction
from store.wire_format.counts import Batch, NameCount, SenderCount
from tests.api.dashboard.visitor import ADMIN, OPERATOR, PASSWORD, VIEWER, World

NAME = "Northlight Studio"
OWN = "northlight.example"
DOMAINS = (OWN, "harbour-bakery.example", "café-lumière.example", "oakandiron.example", "velo-kontor.example")
PENDING = "meadow-clinic.example"

# Of the agency's own domain, then of each client's.
_PEOPLE = (
    ("Ana Ribeiro", "Ben Okafor", "Clara Lindqvist", "Daniel Weiss", "Elif Kaya", "Fiona Byrne", "Georg Maier",
     "Hana Novák", "Ivan Petrov", "Julia Moreau", "Kenji Tanaka", "Lucia Romano"),
    ("Margot Hale", "Noor Haddad", "Oskar Nilsen", "Priya Raman", "Quentin Fabre", "Rosa Delgado", "Sam Whitfield"),
    ("Thérèse Aubert", "Ugo Bianchi", "Valérie Simon", "Wim de Vries", "Xavier Leroy", "Yasmin Farouk"),
    ("Zoe Carter", "Adam Kowalski", "Bridget Flynn", "Carlos Vega", "Dina Aziz", "Erik Holm", "Freya Jansen"),
    ("Gustav Brandt", "Heike Vogel", "Ines Costa", "Jonas Keller", "Katrin Busch", "Lars Petersen", "Mia Schulz"),
)  # fmt: skip

# Ana's: address, what it is for, sending, receiving, enabled.
_ALIASES = (
    ("hello@northlight.example", "On the website and all cards", True, True, True),
    ("jobs@northlight.example", "Applications; Clara reads along", False, True, True),
    ("invoices@northlight.example", "Suppliers send here", False, True, True),
    ("press@northlight.example", None, True, True, True),
    ("newsletter@northlight.example", "Sends only, replies go to hello@", True, False, True),
    ("ana.ribeiro@northlight.example", None, True, True, True),
    ("launch-2025@northlight.example", "Campaign is over", False, True, False),
    ("orders@harbour-bakery.example", "Until the bakery has its own people", True, True, True),
    ("shop@harbour-bakery.example", None, False, True, True),
    ("bonjour@café-lumière.example", "Reservations", True, True, True),
    ("workshop@oakandiron.example", None, False, True, True),
    ("service@velo-kontor.example", "Repairs; answered within a day", True, True, True),
)
# Mails a day to Ana's aliases, about; who writes to the first of them; and until when one of them goes on.
_MAILS = {"hello": 14, "jobs": 3, "invoices": 5, "press": 1, "newsletter": 0, "orders": 22, "shop": 8, "service": 4}
_WRITERS = ("ann@harbour.example", "tickets@railway.example", "no-reply@shop.example", "sam@press.example")
_ENDS = ("press@northlight.example", timedelta(days=5))
_OTHERS = (("Blue Heron Press", "pro", False), ("Kiosk 9", "starter", True), ("Lindgren & Daughters", "nano", False))


def fill(database: Database) -> World:
    """Fill an empty store, and date what was done back over the last weeks."""
    known = PasswordHash(hash_password(PASSWORD))
    with database.write(Acting(actor=f"admin {ADMIN}")) as tx:
        accounts.create(tx, NAME, "agency")
        for name, plan, is_trial in _OTHERS:
            accounts.create(tx, name, plan, is_trial=is_trial)
        homes = [domains.add(tx, name, account=NAME, verified=True).id for name in DOMAINS]
        waits = domains.add(tx, PENDING, account=NAME).id
        rivals = domains.add(tx, "blue-heron.example", account="Blue Heron Press", verified=True).id
        people = [_mailbox(tx, name, home, known) for home, names in zip(homes, _PEOPLE, strict=True) for name in names]
        eve = mailboxes.add(tx, "eve@blue-heron.example", known, display_name="Eve Lang").id
        names = _aliases(tx, people)
        eves = aliases.add(tx, "editor@blue-heron.example", eve).id
        mailboxes.update(tx, people[8], is_active=False)
        domain_settings.update(tx, "harbour-bakery.example", catch_all=people[0])
        for name, account, role in ((ADMIN, NAME, "admin"), (VIEWER, NAME, "viewer"), (OPERATOR, None, "admin")):
            admins.create(tx, name, known, account=account, role=role)
    _age(database)
    with database.write() as tx:
        _mail(tx)
    return World(
        john=people[0],
        mary=people[1],
        eve=eve,
        sales=names[7],
        info=names[0],
        eves=eves,
        brand_a=homes[0],
        brand_b=homes[1],
        pending=waits,
        rivals=rivals,
    )


def _mailbox(tx: Transaction, name: str, home: int, known: PasswordHash) -> int:
    plain = name.lower().translate(str.maketrans("áéèíóú", "aeeiou")).replace(" de ", " ")
    return mailboxes.create(tx, plain.split()[0], home, known, display_name=name).id


def _aliases(tx: Transaction, people: list[int]) -> list[int]:
    """Make Ana's aliases, and some of the others'; return the ids of Ana's."""
    for number, person in enumerate(people[1:]):
        for word in ("office", "team", "contact", "billing")[: number * 7 % 5]:
            aliases.add(tx, f"{word}-{number}@{DOMAINS[number % len(DOMAINS)]}", person)
    made = []
    for address, note, can_send, can_receive, is_active in _ALIASES:
        alias = aliases.add(tx, address, people[0], can_send=can_send, can_receive=can_receive, note=note)
        if not is_active:
            aliases.update(tx, alias.id, is_active=False)
        made.append(alias.id)
    return made


def _mail(tx: Transaction) -> None:
    """Let mail come to Ana's aliases over the last weeks, and somebody remember who wrote."""
    account_settings.update(tx, accounts.get(tx, NAME).id, remember_senders_days=90)
    aliases.update(tx, _ENDS[0], expires_at=utc_now() + _ENDS[1])
    now = utc_now().timestamp()
    today, counts, senders = int(now // 86_400), list[NameCount](), list[SenderCount]()
    for number, (local, domain) in enumerate(address.split("@") for address, *_ in _ALIASES):
        usual = _MAILS.get(local, 0)
        for back in range(29 if usual else 0):
            weekend = (today - back) % 7 in {2, 3}  # day 0 was a Thursday
            mails = (usual + (back * 31 + number * 17) % (usual + 2)) // (3 if weekend else 1)
            last = now - back * 86_400 - 600 * (number + 1)
            counts += [NameCount(local, domain, "", today - back, mails, last)] if mails else []
            counts += [NameCount(local, domain, "sender-blocked", today - back, 1, last)] if back % 9 == number else []
        senders += [
            SenderCount(local, domain, f"<{one}>", usual + at, 0, now - at * 7e4) for at, one in enumerate(_WRITERS)
        ]
    merging.merge(tx, Batch("weeks", tuple(counts), tuple(senders)))


def _age(database: Database) -> None:
    """Date the changes back: the last ones minutes ago, the first ones some weeks."""
    with database.write() as tx:
        newest = tx.scalars(select(func.max(AuditRow.id))).one()
        for (number,) in tx.execute(select(AuditRow.id)).all():
            back = timedelta(minutes=3) * (newest - number + 1) ** 1.4
            tx.execute(update(AuditRow).where(AuditRow.id == number).values(at=utc_now() - back))
        for table in (AccountRow, DomainRow, AddressRow, AdminRow):
            for (number,) in tx.execute(select(table.id)).all():
                made = utc_now() - timedelta(days=200 - number * 29 % 170)
                tx.execute(update(table).where(table.id == number).values(created_at=made))
        for (number,) in tx.execute(select(AliasRow.id)).all():
            changed = utc_now() - timedelta(hours=5) * (number * 37 % 90)
            made = changed if number % 3 else changed - timedelta(days=20)
            tx.execute(update(AliasRow).where(AliasRow.id == number).values(updated_at=changed))
            tx.execute(update(AddressRow).where(AddressRow.id == number).values(created_at=made))
