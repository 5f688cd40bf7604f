"""Mailboxes: creation, passwords, pausing, removal with their aliases."""

import pytest

from store.passwords import verify
from store.services import aliases, domain_settings, domains, mailboxes
from store.sql.database import Database
from store.sql.tables import MailboxRow
from tests.store.refusals import Change, refused

JOHN = "john@brand-a.com"
PASSWORD = "correct horse"


def password_hash(database: Database, mailbox_id: int) -> str:
    with database.read() as tx:
        row = tx.get(MailboxRow, mailbox_id)
        assert row
        return row.password_hash


def test_add(world: Database) -> None:
    with world.write() as tx:
        made = mailboxes.add(tx, "mary@BRAND-B.com", PASSWORD, display_name="Mary Ärmel")
    assert (made.address, made.local_part, made.display_name) == ("mary@brand-b.com", "mary", "Mary Ärmel")
    assert (made.is_active, made.alias_count) == (True, 0)
    assert made.created_at.utcoffset() is not None
    with world.read() as tx:
        assert mailboxes.list_all(tx, domain="brand-b.com") == [made]
    assert verify(PASSWORD, password_hash(world, made.id))


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("mary", "invalid-request"),
        ("mary@no domain", "invalid-domain"),
        ("mary@nowhere.example", "domain-not-yours"),
        ("Not Allowed@nowhere.example", "domain-not-yours"),  # nothing is told about a name before the domain is known
        ("Mary@brand-a.com", "invalid-local-part"),
        ("postmaster@brand-a.com", "address-reserved"),
        ("john@brand-a.com", "address-taken"),
        ("sales@brand-a.com", "address-taken"),
    ],
)
def test_refused_names(world: Database, address: str, code: str) -> None:
    with world.write() as tx:
        aliases.add(tx, "sales@brand-a.com", JOHN)
    with refused(world, code), world.write() as tx:
        mailboxes.add(tx, address, PASSWORD)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("", "at least 8"),
        ("1234567", "at least 8"),
        ("x" * 257, "at most 256"),
        ("12345678\n", "control characters"),
        ("1234\x005678", "control characters"),
    ],
)
def test_refused_passwords(world: Database, password: str, rule: str) -> None:
    changes: tuple[Change, ...] = (
        lambda tx: mailboxes.add(tx, "mary@brand-a.com", password),
        lambda tx: mailboxes.update(tx, JOHN, password=password),
    )
    for change in changes:
        with refused(world, "invalid-request") as caught, world.write() as tx:
            change(tx)
        assert caught.value.field == "password"
        assert rule in caught.value.message
        assert not password or password not in caught.value.message


@pytest.mark.parametrize("password", ["12345678", "x" * 256, "grün kohl ß 🥬", "        "])
def test_accepted_passwords(world: Database, password: str) -> None:
    with world.write() as tx:
        changed = mailboxes.update(tx, JOHN, password=password)
    assert verify(password, password_hash(world, changed.id))
    assert not verify(PASSWORD, password_hash(world, changed.id))


@pytest.mark.parametrize("name", ["x" * 201, "a\nb", "a\x1b[31m"])
def test_refused_display_names(world: Database, name: str) -> None:
    with refused(world, "invalid-request"), world.write() as tx:
        mailboxes.add(tx, "mary@brand-a.com", PASSWORD, display_name=name)
    with refused(world, "invalid-request"), world.write() as tx:
        mailboxes.update(tx, JOHN, display_name=name)


def test_pause_resume_rename(world: Database) -> None:
    with world.write() as tx:
        assert not mailboxes.update(tx, JOHN, is_active=False).is_active
        assert mailboxes.update(tx, JOHN, display_name="John").display_name == "John"
        assert mailboxes.update(tx, "John@Brand-A.com", is_active=True, display_name="").is_active


@pytest.mark.parametrize("address", ["nobody@brand-a.com", "sales@brand-a.com", "john@nowhere.example"])
def test_unknown_mailbox(world: Database, address: str) -> None:
    with world.write() as tx:
        aliases.add(tx, "sales@brand-a.com", JOHN)
    changes: tuple[Change, ...] = (
        lambda tx: mailboxes.update(tx, address, is_active=False),
        lambda tx: mailboxes.remove(tx, address),
        lambda tx: mailboxes.contents(tx, address),
        lambda tx: aliases.add(tx, "new@brand-a.com", address),
        lambda tx: aliases.list_all(tx, mailbox=address),
        lambda tx: aliases.usage(tx, address),
    )
    for change in changes:
        with refused(world, "not-found"), world.write() as tx:
            change(tx)


def test_removal_takes_the_aliases_and_frees_the_names(world: Database) -> None:
    with world.write() as tx:
        mailboxes.add(tx, "mary@brand-a.com", PASSWORD)
        for address in ("sales@brand-b.com", "info@brand-a.com"):
            aliases.add(tx, address, JOHN)
        aliases.add(tx, "mary2@brand-a.com", "mary@brand-a.com")
    with world.read() as tx:
        assert mailboxes.contents(tx, JOHN) == ["info@brand-a.com", "sales@brand-b.com"]
    with world.write() as tx:
        gone = mailboxes.remove(tx, JOHN)
    assert (gone.mailbox.address, gone.mailbox.alias_count) == (JOHN, 2)
    assert gone.aliases == ["info@brand-a.com", "sales@brand-b.com"]
    with world.write() as tx:
        assert [alias.address for alias in aliases.list_all(tx)] == ["mary2@brand-a.com"]
        mailboxes.add(tx, "sales@brand-b.com", PASSWORD)
        aliases.add(tx, JOHN, "mary@brand-a.com")


def test_removal_never_loses_mail_in_silence(world: Database) -> None:
    with world.write() as tx:
        mailboxes.add(tx, "mary@brand-a.com", PASSWORD)
        domain_settings.update(tx, "brand-a.com", catch_all=JOHN)
        domain_settings.update(tx, "brand-b.com", catch_all=JOHN, system_mailbox=JOHN)
    with refused(world, "conflict") as caught, world.write() as tx:
        mailboxes.remove(tx, JOHN)
    assert caught.value.details == {
        "catch_all_of": ["brand-a.com", "brand-b.com"], "system_mailbox_of": ["brand-b.com"],
    }  # fmt: skip
    with world.write() as tx:
        domain_settings.update(tx, "brand-a.com", catch_all="mary@brand-a.com")
        domain_settings.update(tx, "brand-b.com", no_catch_all=True, system_mailbox="mary@brand-a.com")
        mailboxes.remove(tx, JOHN)
    with world.read() as tx:
        assert domains.list_all(tx)[1].catch_all.destination is None


def test_ids_are_never_given_out_twice(world: Database) -> None:
    with world.write() as tx:
        first = mailboxes.add(tx, "mary@brand-a.com", PASSWORD)
        domain = domains.add(tx, "gone.example", account="acme")
    with world.write() as tx:
        mailboxes.remove(tx, "mary@brand-a.com")
        domains.remove(tx, "gone.example")
    with world.write() as tx:
        assert mailboxes.add(tx, "mary@brand-a.com", PASSWORD).id > first.id
        assert domains.add(tx, "gone.example", account="acme").id > domain.id


def test_names_free_within_one_transaction(world: Database) -> None:
    with world.write() as tx:
        mailboxes.add(tx, "mary@brand-a.com", PASSWORD)
        domain_settings.update(tx, "brand-b.com", catch_all="mary@brand-a.com")
        domain_settings.update(tx, "brand-b.com", no_catch_all=True)
        mailboxes.remove(tx, "mary@brand-a.com")
        mailboxes.add(tx, "mary@brand-a.com", PASSWORD)
        assert domain_settings.update(tx, "brand-b.com", catch_all="mary@brand-a.com").catch_all.enabled


def test_a_refusal_rolls_the_whole_transaction_back(world: Database) -> None:
    with refused(world, "address-taken"), world.write() as tx:
        mailboxes.add(tx, "mary@brand-a.com", PASSWORD)
        mailboxes.add(tx, "mary@brand-a.com", PASSWORD)
    with world.read() as tx:
        assert [mailbox.address for mailbox in mailboxes.list_all(tx)] == [JOHN, "eve@rival.com"]
