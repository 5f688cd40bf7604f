"""Aliases: names, ownership, switches, limits."""

import pytest

from store.services import accounts, aliases, domain_settings, domains, mailboxes
from store.services.views import Usage
from store.sql.database import Database
from tests.store.filling import fill_up
from tests.store.refusals import Change, refused

JOHN = "john@brand-a.com"
PASSWORD = "correct horse"


def test_add(world: Database) -> None:
    with world.write() as tx:
        made = aliases.add(tx, "sales@Brand-A.COM", "John@brand-a.com", note="für den Vertrieb")
    assert (made.address, made.local_part, made.domain, made.mailbox) == (
        "sales@brand-a.com",
        "sales",
        "brand-a.com",
        JOHN,
    )
    assert (made.can_receive, made.can_send, made.is_active, made.note) == (True, False, True, "für den Vertrieb")
    assert made.updated_at.utcoffset() is not None
    with world.read() as tx:
        assert aliases.list_all(tx) == aliases.list_all(tx, mailbox=JOHN) == [made]


def test_across_domains(world: Database) -> None:
    with world.write() as tx:
        made = aliases.add(tx, "sales@brand-b.com", JOHN, can_receive=False, can_send=True)
    assert (made.domain, made.mailbox, made.can_receive, made.can_send) == ("brand-b.com", JOHN, False, True)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("sales", "invalid-request"),
        ("sales@no domain", "invalid-domain"),
        ("sales@rival.com", "domain-not-yours"),
        ("sales@nowhere.example", "domain-not-yours"),
        ("sales@pending-there.example", "domain-not-yours"),
        ("eve@rival.com", "domain-not-yours"),  # taken there, which is not told
        ("Not Allowed@rival.com", "domain-not-yours"),
        ("postmaster@rival.com", "domain-not-yours"),
        ("Sales@brand-a.com", "invalid-local-part"),
        ("sales team@brand-a.com", "invalid-local-part"),
        ("a@b@brand-a.com", "invalid-local-part"),
        ("@brand-a.com", "invalid-local-part"),
        ("Sales@off.example", "invalid-local-part"),
        ("postmaster@brand-a.com", "address-reserved"),
        ("abuse@off.example", "address-reserved"),
        ("sales@off.example", "domain-not-active"),
        ("john@brand-a.com", "address-taken"),  # the mailbox itself
        ("taken@brand-a.com", "address-taken"),  # another's alias
        ("disabled@brand-a.com", "address-taken"),  # stays reserved
        ("mary@brand-b.com", "address-taken"),
    ],
)
def test_refused_names(world: Database, address: str, code: str) -> None:
    with world.write() as tx:
        domains.add(tx, "pending-there.example", account="rival")
        domains.add(tx, "off.example", account="acme", verified=True)
        domain_settings.update(tx, "off.example", is_active=False)
        mailboxes.add(tx, "mary@brand-b.com", PASSWORD)
        aliases.add(tx, "taken@brand-a.com", "mary@brand-b.com")
        aliases.add(tx, "disabled@brand-a.com", "mary@brand-b.com")
        aliases.update(tx, "disabled@brand-a.com", is_active=False)
    with refused(world, code) as caught, world.write() as tx:
        aliases.add(tx, address, JOHN)
    if code == "domain-not-yours":
        assert caught.value.message == f"{address.rpartition('@')[2]} is not a domain of this account"
    if code == "address-taken":
        assert "mary@" not in caught.value.message.replace(address, "")


def test_reserved_names_are_the_sites(world: Database) -> None:
    with world.write() as tx:
        aliases.add(tx, "abuse@brand-a.com", JOHN, system_names=frozenset({"postmaster"}))
    with refused(world, "address-reserved"), world.write() as tx:
        aliases.add(tx, "noc@brand-a.com", JOHN, system_names=frozenset({"noc"}))


@pytest.mark.parametrize("note", ["x" * 501, "a\nb", "\x00"])
def test_refused_notes(world: Database, note: str) -> None:
    with refused(world, "invalid-request") as caught, world.write() as tx:
        aliases.add(tx, "sales@brand-a.com", JOHN, note=note)
    assert caught.value.field == "note"
    with world.write() as tx:
        aliases.add(tx, "sales@brand-a.com", JOHN)
    with refused(world, "invalid-request"), world.write() as tx:
        aliases.update(tx, "sales@brand-a.com", note=note)


def test_switches(world: Database) -> None:
    with world.write() as tx:
        made = aliases.add(tx, "sales@brand-a.com", JOHN, note="kept")
    for change in ({"can_send": True}, {"can_receive": False}, {"is_active": False}, {"note": None}, {"note": "new"}):
        with world.write() as tx:
            changed = aliases.update(tx, "sales@brand-a.com", **change)
        assert {field: getattr(changed, field) for field in change} == change
        assert changed.updated_at > made.updated_at
        assert changed.created_at == made.created_at
    assert (changed.can_send, changed.can_receive, changed.is_active) == (True, False, False)
    with world.write() as tx:
        assert aliases.update(tx, "sales@brand-a.com") == changed, "nothing asked, nothing changed"


@pytest.mark.parametrize("address", ["nobody@brand-a.com", JOHN, "sales@rival.com"])
def test_unknown_alias(world: Database, address: str) -> None:
    changes: tuple[Change, ...] = (
        lambda tx: aliases.update(tx, address, can_send=True),
        lambda tx: aliases.remove(tx, address),
    )
    for change in changes:
        with refused(world, "not-found"), world.write() as tx:
            change(tx)


def test_removal_frees_the_name_for_anyone_of_the_account(world: Database) -> None:
    with world.write() as tx:
        mailboxes.add(tx, "mary@brand-b.com", PASSWORD)
        first = aliases.add(tx, "sales@brand-a.com", JOHN)
        assert aliases.remove(tx, "sales@brand-a.com") == first
        second = aliases.add(tx, "sales@brand-a.com", "mary@brand-b.com")
    assert second.id > first.id
    with world.write() as tx:
        aliases.remove(tx, "sales@brand-a.com")
        assert mailboxes.add(tx, "sales@brand-a.com", PASSWORD).id > second.id


@pytest.mark.parametrize(
    ("plan", "is_trial", "limit", "code", "upgrade_to"),
    [
        ("nano", False, 0, "feature-not-available", "starter"),
        ("nano", True, 0, "feature-not-available", "starter"),
        ("starter", False, 30, "alias-limit-reached", "pro"),
        ("pro", False, 50, "alias-limit-reached", "agency"),
        ("agency", False, 100, "alias-limit-reached", None),
        ("starter", True, 5, "trial-limit-reached", None),
        ("agency", True, 5, "trial-limit-reached", None),
    ],
)
def test_limits(database: Database, plan: str, is_trial: bool, limit: int, code: str, upgrade_to: str | None) -> None:
    with database.write() as tx:
        accounts.create(tx, "acme", plan, is_trial=is_trial)
        domains.add(tx, "brand-a.com", account="acme", verified=True)
        mailboxes.add(tx, JOHN, PASSWORD)
        fill_up(tx, max(limit - 1, 0))
        if limit:
            aliases.add(tx, "last@brand-a.com", JOHN)
            aliases.update(tx, "last@brand-a.com", is_active=False)  # counts all the same
        assert aliases.usage(tx, JOHN) == Usage(limit, limit)
    with refused(database, code) as caught, database.write() as tx:
        aliases.add(tx, "more@brand-a.com", JOHN)
    assert caught.value.details == {"used": limit, "limit": limit, "plan": plan, "upgrade_to": upgrade_to}
    assert caught.value.hint


def test_both_domains_must_be_active(world: Database) -> None:
    with world.write() as tx:
        domain_settings.update(tx, "brand-a.com", is_active=False)
    with refused(world, "domain-not-active") as caught, world.write() as tx:
        aliases.add(tx, "sales@brand-b.com", JOHN)
    assert "brand-a.com is switched off" in caught.value.message


def test_each_mailbox_has_its_own_limit(world: Database) -> None:
    with world.write() as tx:
        mailboxes.add(tx, "mary@brand-a.com", PASSWORD)
        fill_up(tx, 30)
        aliases.add(tx, "sales@brand-a.com", "mary@brand-a.com")


def test_a_payment_or_a_larger_plan_makes_room(world: Database) -> None:
    with world.write() as tx:
        fill_up(tx, 30)
        accounts.update(tx, "acme", plan="pro")
        aliases.add(tx, "sales@brand-a.com", JOHN)


def test_a_downgrade_deletes_nothing_and_blocks_new_ones(world: Database) -> None:
    with world.write() as tx:
        accounts.update(tx, "acme", plan="pro")
        fill_up(tx, 40)
        accounts.update(tx, "acme", plan="starter")
        assert aliases.usage(tx, JOHN) == Usage(40, 30)
    with refused(world, "alias-limit-reached") as caught, world.write() as tx:
        aliases.add(tx, "sales@brand-a.com", JOHN)
    assert caught.value.details == {"used": 40, "limit": 30, "plan": "starter", "upgrade_to": "pro"}
    with world.write() as tx:
        accounts.update(tx, "acme", plan="nano")
        assert not aliases.update(tx, "a1@brand-a.com", is_active=False).is_active
        assert aliases.update(tx, "a1@brand-a.com", is_active=True).is_active


def test_a_full_mailbox_is_told_last(world: Database) -> None:
    with world.write() as tx:
        fill_up(tx, 30)
    for address, code in (
        ("x@rival.com", "domain-not-yours"),
        ("X@brand-a.com", "invalid-local-part"),
        ("abuse@brand-a.com", "address-reserved"),
        ("john@brand-a.com", "address-taken"),
        ("x@brand-a.com", "alias-limit-reached"),
    ):
        with refused(world, code), world.write() as tx:
            aliases.add(tx, address, JOHN)


def test_disabled_aliases_of_a_mailbox_are_listed_in_order(world: Database) -> None:
    with world.write() as tx:
        for address in ("z@brand-a.com", "a@brand-b.com", "a@brand-a.com"):
            aliases.add(tx, address, JOHN)
        aliases.update(tx, "a@brand-a.com", is_active=False)
    with world.read() as tx:
        assert [alias.address for alias in aliases.list_all(tx, mailbox=JOHN)] == [
            "a@brand-a.com", "z@brand-a.com", "a@brand-b.com",
        ]  # fmt: skip
        assert aliases.list_all(tx, mailbox="eve@rival.com") == []
