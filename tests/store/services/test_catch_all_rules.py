"""A catch-all never leads where its mail would be lost; public suffixes and lookalikes when a domain is added."""

from collections.abc import Callable

import pytest

from routing.domain import canonical_domain
from store.services import domain_settings, domains, mailboxes
from store.services.domain_checks.lookalikes import lookalikes
from store.sql.database import Database, Transaction
from tests.store.refusals import refused

JOHN, MARY = "john@brand-a.com", "mary@brand-a.com"


def caught_by_john(world: Database) -> None:
    with world.write() as tx:
        mailboxes.add(tx, MARY, "correct horse")
        domain_settings.update(tx, "brand-b.com", catch_all=JOHN)


def test_pausing_is_refused_where_a_catch_all_leads(world: Database) -> None:
    caught_by_john(world)
    with refused(world, "conflict") as caught, world.write() as tx:
        mailboxes.update(tx, JOHN, is_active=False)
    assert "brand-b.com" in caught.value.message
    assert caught.value.details == {"catch_all_of": ["brand-b.com"]}
    assert caught.value.hint is not None
    with world.read() as tx:
        assert mailboxes.get(tx, JOHN).is_active
    with world.write() as tx:  # anything else of it may change
        assert mailboxes.update(tx, JOHN, display_name="J", is_active=True).display_name == "J"


@pytest.mark.parametrize("way_out", [{"no_catch_all": True}, {"catch_all": MARY}])
def test_the_ways_out(world: Database, way_out: dict[str, str]) -> None:
    caught_by_john(world)
    with world.write() as tx:
        domain_settings.update(tx, "brand-b.com", **way_out)  # type: ignore[arg-type]
        assert not mailboxes.update(tx, JOHN, is_active=False).is_active


def test_a_paused_mailbox_is_no_destination_until_resumed(world: Database) -> None:
    caught_by_john(world)
    with world.write() as tx:
        domain_settings.update(tx, "brand-b.com", no_catch_all=True)
        mailboxes.update(tx, JOHN, is_active=False)
    changes: list[Callable[[Transaction], object]] = [
        lambda tx: domain_settings.update(tx, "brand-b.com", catch_all=JOHN),
        lambda tx: domain_settings.set_catch_all(tx, "brand-b.com", enabled=True),
        lambda tx: domain_settings.set_catch_all(tx, "brand-b.com", enabled=True, destination=JOHN),
    ]
    for change in changes:
        with refused(world, "conflict"), world.write() as tx:
            change(tx)
    with world.write() as tx:
        assert not domain_settings.set_catch_all(tx, "brand-b.com", destination=JOHN).catch_all.enabled
        mailboxes.update(tx, JOHN, is_active=True)
        assert domain_settings.set_catch_all(tx, "brand-b.com", enabled=True).catch_all.enabled


def test_a_system_mailbox_may_be_paused(world: Database) -> None:
    with world.write() as tx:
        domain_settings.update(tx, "brand-b.com", system_mailbox=JOHN)
        assert not mailboxes.update(tx, JOHN, is_active=False).is_active


@pytest.mark.parametrize("name", ["co.uk", "CO.UK.", "github.io", "\u516c\u53f8.cn", "xn--55qx5d.cn", "anything.ck"])
def test_public_suffixes(world: Database, name: str) -> None:
    with refused(world, "invalid-domain") as caught, world.write() as tx:
        domains.add(tx, name, account="acme", verified=True)
    assert "public suffix" in caught.value.message


@pytest.mark.parametrize("name", ["brand.co.uk", "me.github.io", "www.ck", "example.test", "b\u00fccher.de"])
def test_what_stands_below_them(world: Database, name: str) -> None:
    with world.write() as tx:
        assert domains.add(tx, name, account="acme").status == "pending_dns"


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("brand", None),
        ("b\u00fccher", None),
        ("\u043f\u0440\u0438\u043c\u0435\u0440", None),  # primer in Cyrillic
        ("\u65e5\u672c\u8a9e\u30ab\u30bf\u30ab\u30ca", None),
        ("abc\u65e5\u672c", None),
        ("\ud55c\uad6d", None),
        ("p\u0430ypal", "mixes letters of Cyrillic and Latin"),
        ("\u0430\u0440\u0440\u04cf\u0435", "looks like 'appie'"),
        ("\u03bd\u03bf", "looks like 'vo'"),
    ],
)
def test_lookalikes(label: str, expected: str | None) -> None:
    found = list(lookalikes(canonical_domain(f"{label}.example")))
    assert len(found) == (expected is not None)
    assert expected is None or expected in found[0]
