"""Domains: proving, switching off, catch-all, system mailbox, removal."""

import pytest
from sqlalchemy import update

from store.services import accounts, aliases, domain_settings, domains, mailboxes
from store.services.domain_contents import Contents, contents, name_counts
from store.services.views import CatchAll
from store.sql.database import Database
from store.sql.tables import DomainRow
from tests.store.refusals import refused

JOHN = "john@brand-a.com"


def lapse(database: Database, name: str) -> None:
    with database.write() as tx:
        tx.execute(update(DomainRow).where(DomainRow.name == name).values(proof_lapsed=True))


def test_a_new_domain_is_pending(world: Database) -> None:
    with world.write() as tx:
        made = domains.add(tx, "Neu.Example.", account="acme")
    assert (made.name, made.status, made.verified_at, made.account) == ("neu.example", "pending_dns", None, "acme")
    assert (made.catch_all, made.system_mailbox_id) == (CatchAll(enabled=False, destination=None), None)


def test_unicode_name(world: Database) -> None:
    with world.write() as tx:
        made = domains.add(tx, "münchen.example", account="acme", verified=True)
        assert mailboxes.add(tx, "info@münchen.example", "correct horse").address == "info@xn--mnchen-3ya.example"
    assert (made.name, made.unicode_name, made.status) == ("xn--mnchen-3ya.example", "münchen.example", "active")


@pytest.mark.parametrize("name", ["", "localhost", "a b.example", "-.example", "[192.0.2.1]"])
def test_invalid_domain(world: Database, name: str) -> None:
    with refused(world, "invalid-domain"), world.write() as tx:
        domains.add(tx, name, account="acme")


@pytest.mark.parametrize(
    ("name", "account", "verified"),
    [
        ("brand-a.com", "acme", False),
        ("brand-a.com", "acme", True),
        ("BRAND-A.com.", "acme", False),
        ("brand-a.com", "rival", True),
    ],
)
def test_domain_taken(world: Database, name: str, account: str, verified: bool) -> None:
    with refused(world, "domain-taken"), world.write() as tx:
        domains.add(tx, name, account=account, verified=verified)


def test_several_accounts_may_wait_for_one_domain(world: Database) -> None:
    with world.write() as tx:
        domains.add(tx, "wanted.example", account="acme")
        domains.add(tx, "wanted.example", account="rival")
        domains.add(tx, "brand-a.com", account="rival")  # proved by acme: waiting is allowed, proving is not
    with refused(world, "conflict"), world.write() as tx:
        domain_settings.update(tx, "wanted.example", is_active=False)
    with world.write() as tx:
        assert domains.verify(tx, "wanted.example", account="rival").status == "active"
        assert domain_settings.update(tx, "wanted.example", is_active=False).account == "rival"
    with refused(world, "domain-taken"), world.write() as tx:
        domains.verify(tx, "wanted.example", account="acme")
    with refused(world, "domain-taken"), world.write() as tx:
        domains.verify(tx, "brand-a.com", account="rival")
    with world.write() as tx:
        assert domains.remove(tx, "wanted.example", account="acme").status == "pending_dns"
        assert domains.remove(tx, "brand-a.com", account="rival").account == "rival"


def test_verifying_twice_changes_nothing(world: Database) -> None:
    with world.write() as tx:
        first = domains.verify(tx, "brand-a.com", account="acme")
        assert domains.verify(tx, "brand-a.com", account="acme") == first


@pytest.mark.parametrize(("wanted", "status"), [(False, "suspended"), (True, "active")])
def test_switching(world: Database, wanted: bool, status: str) -> None:
    with world.write() as tx:
        changed = domain_settings.update(tx, "brand-a.com", is_active=wanted)
    assert (changed.is_active, changed.status) == (wanted, status)


def test_unknown_domain(world: Database) -> None:
    with refused(world, "not-found"), world.write() as tx:
        domain_settings.update(tx, "nowhere.example", is_active=False)
    with refused(world, "not-found"), world.write() as tx:
        domains.remove(tx, "brand-a.com", account="rival")
    with refused(world, "not-found"), world.read() as tx:
        mailboxes.list_all(tx, domain="nowhere.example")


def test_catch_all_on_another_domain_on_and_off(world: Database) -> None:
    with world.write() as tx:
        assert domain_settings.update(tx, "brand-b.com", catch_all="John@Brand-A.com").catch_all == CatchAll(True, JOHN)
        assert domain_settings.update(tx, "brand-b.com", no_catch_all=True).catch_all == CatchAll(False, JOHN)
        mailboxes.add(tx, "mary@brand-b.com", "correct horse")
        chosen = domain_settings.update(tx, "brand-b.com", catch_all="mary@brand-b.com").catch_all
    assert chosen == CatchAll(True, "mary@brand-b.com")


def test_catch_all_off_where_there_is_none(world: Database) -> None:
    with world.write() as tx:
        assert domain_settings.update(tx, "brand-b.com", no_catch_all=True).catch_all == CatchAll(False, None)


def test_system_mailbox_also_of_a_domain_that_is_off(world: Database) -> None:
    with world.write() as tx:
        changed = domain_settings.update(tx, "brand-b.com", is_active=False, system_mailbox=JOHN)
        assert (changed.system_mailbox, changed.system_mailbox_id) == (JOHN, 1)
        assert domain_settings.update(tx, "brand-b.com", no_system_mailbox=True).system_mailbox is None
        assert domain_settings.update(tx, "brand-b.com", no_system_mailbox=True).system_mailbox is None


@pytest.mark.parametrize("choice", ["catch_all", "system_mailbox"])
@pytest.mark.parametrize(
    ("destination", "code"),
    [
        ("nobody@brand-a.com", "destination-not-a-mailbox"),
        ("sales@brand-a.com", "destination-not-a-mailbox"),  # an alias
        ("eve@rival.com", "destination-not-a-mailbox"),
        ("x@nowhere.example", "destination-not-a-mailbox"),
        ("john+x@brand-a.com", "destination-not-a-mailbox"),
        ("john", "invalid-request"),
    ],
)
def test_destination(world: Database, choice: str, destination: str, code: str) -> None:
    with world.write() as tx:
        aliases.add(tx, "sales@brand-a.com", JOHN)
    with refused(world, code) as caught, world.write() as tx:
        domain_settings.update(tx, "brand-b.com", **{choice: destination})  # type: ignore[arg-type]
    if code == "destination-not-a-mailbox":
        assert caught.value.message == f"{destination} is not a mailbox of this account"


def test_a_pending_domain_holds_nothing(world: Database) -> None:
    with world.write() as tx:
        domains.add(tx, "pending.example", account="acme")
    for change in ({"catch_all": JOHN}, {"system_mailbox": JOHN}):
        with refused(world, "domain-not-active"), world.write() as tx:
            domain_settings.update(tx, "pending.example", **change)  # type: ignore[arg-type]
    with refused(world, "domain-not-active"), world.write() as tx:
        mailboxes.add(tx, "x@pending.example", "correct horse")
    with refused(world, "domain-not-active"), world.write() as tx:
        aliases.add(tx, "x@pending.example", JOHN)


def test_no_new_names_where_off_or_lapsed(world: Database) -> None:
    lapse(world, "brand-a.com")
    with world.write() as tx:
        domain_settings.update(tx, "brand-b.com", is_active=False)
    for name, why in (("brand-a.com", "lapsed"), ("brand-b.com", "switched off")):
        with refused(world, "domain-not-active") as caught, world.write() as tx:
            mailboxes.add(tx, f"x@{name}", "correct horse")
        assert why in caught.value.message
        with refused(world, "domain-not-active"), world.write() as tx:
            aliases.add(tx, f"x@{name}", JOHN)
        with refused(world, "domain-not-active"), world.write() as tx:
            domain_settings.update(tx, name, catch_all=JOHN)
    with world.write() as tx:
        assert domain_settings.update(tx, "brand-b.com", is_active=True, catch_all=JOHN).catch_all.enabled


@pytest.mark.parametrize(
    "settings",
    [{"catch_all": JOHN, "no_catch_all": True}, {"system_mailbox": JOHN, "no_system_mailbox": True}],
)
def test_contradictory_settings(world: Database, settings: dict[str, str]) -> None:
    with refused(world, "invalid-request"), world.write() as tx:
        domain_settings.update(tx, "brand-b.com", **settings)  # type: ignore[arg-type]


def test_list(world: Database) -> None:
    with world.write() as tx:
        domains.add(tx, "brand-a.com", account="rival")
    with world.read() as tx:
        everything = [(domain.name, domain.account) for domain in domains.list_all(tx)]
        own = [domain.name for domain in domains.list_all(tx, account="acme")]
    assert everything == [
        ("brand-a.com", "acme"),
        ("brand-a.com", "rival"),
        ("brand-b.com", "acme"),
        ("rival.com", "rival"),
    ]
    assert own == ["brand-a.com", "brand-b.com"]


def test_an_empty_domain_goes_without_confirmation(world: Database) -> None:
    with world.write() as tx:
        domain_settings.update(tx, "brand-b.com", catch_all=JOHN, system_mailbox=JOHN)
        assert domains.remove(tx, "brand-b.com").name == "brand-b.com"
    with world.read() as tx:
        assert [domain.name for domain in domains.list_all(tx, account="acme")] == ["brand-a.com"]


def test_removal_says_what_goes_with_it(world: Database) -> None:
    with world.write() as tx:
        aliases.add(tx, "info@brand-a.com", JOHN)
        aliases.add(tx, "sales@brand-b.com", JOHN)
        domain_settings.update(tx, "brand-a.com", catch_all=JOHN, system_mailbox=JOHN)
    with refused(world, "domain-not-empty") as caught, world.write() as tx:
        domains.remove(tx, "brand-a.com")
    assert caught.value.details == {"mailboxes": 1, "aliases": 1, "aliases_elsewhere": 1}
    with world.write() as tx:
        domains.remove(tx, "brand-a.com", confirmed=True)
    with world.write() as tx:
        assert (mailboxes.list_all(tx, domain="brand-b.com"), aliases.list_all(tx)) == ([], [])
        assert accounts.list_all(tx)[0].usage.mailboxes == 0
        domains.add(tx, "brand-a.com", account="rival", verified=True)
        mailboxes.add(tx, "sales@brand-b.com", "correct horse")


@pytest.mark.parametrize("choice", ["catch_all", "system_mailbox"])
def test_removal_never_loses_the_mail_of_other_domains(world: Database, choice: str) -> None:
    with world.write() as tx:
        domain_settings.update(tx, "brand-b.com", **{choice: JOHN})  # type: ignore[arg-type]
    with refused(world, "conflict") as caught, world.write() as tx:
        domains.remove(tx, "brand-a.com", confirmed=True)
    assert "brand-b.com" in caught.value.message
    with world.write() as tx:
        domains.remove(tx, "brand-b.com")
        domains.remove(tx, "brand-a.com", confirmed=True)


def test_contents_and_counts(world: Database) -> None:
    with world.write() as tx:
        aliases.add(tx, "sales@brand-b.com", JOHN)
        aliases.add(tx, "info@brand-a.com", JOHN)
        a, b = domains.get(tx, "brand-a.com").id, domains.get(tx, "brand-b.com").id
        held = contents(tx, a)
        assert name_counts(tx, [a, b]) == {a: held.mailboxes + held.aliases, b: 1}
        assert name_counts(tx, []) == {}
        assert (held.aliases, held.aliases_elsewhere, held.is_empty) == (1, 1, False)
        assert contents(tx, b) == Contents(0, 1, 0)
        empty = domains.add(tx, "empty.example", account="acme").id
        assert contents(tx, empty).is_empty
