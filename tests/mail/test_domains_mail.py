"""Domains through a real Postfix, with and without a cache: from pending to active, switched off, suspended, lapsed."""

import time
from collections.abc import Iterator
from itertools import count

import pytest

from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from store.errors import ServiceError
from store.services import accounts, aliases, domain_settings
from store.sql.database import Database
from tests.mail.dialogue import Dialogue
from tests.mail.headers import delivered_to
from tests.mail.world import JOHN, fill
from tests.store.dns.dns_site import DnsSite, dns_site

WITHIN = 1.0  # seconds from the commit


@pytest.fixture(scope="module", params=[False, True], ids=["without a cache", "with a cache"])
def site(needs_root: None, request: pytest.FixtureRequest) -> Iterator[PrivateSite]:
    with PrivateSite(fill, into_sink=True, cache=request.param) as started:
        yield started


@pytest.fixture(scope="module")
def named(site: PrivateSite) -> Iterator[DnsSite]:
    """The site's store, with scripted nameservers."""
    database = Database.open(f"sqlite:///{site.database}")
    with dns_site(database) as made:
        yield made
    database.close()


def replied(site: PrivateSite, address: str) -> str:
    """What Postfix says to a recipient, on a connection of its own."""
    with Dialogue(site.postfix.inbound_port) as smtp:
        return smtp.mail([f"<{address}>"])[1]


def soon(site: PrivateSite, address: str, wanted: str) -> float:
    """Ask until Postfix replies so; return how long that took."""
    begun = time.monotonic()
    wait_until(lambda: replied(site, address).startswith(wanted), 10, f"{wanted} for {address}")
    return time.monotonic() - begun


def served_soon(site: PrivateSite, domain: str) -> float:
    """Ask for one name after another until Postfix knows the domain; return how long that took.

    Another name each time: an smtpd process remembers what the map said of an address (docs/domains.md).
    """
    begun, numbers = time.monotonic(), count(1)
    wait_until(lambda: replied(site, f"asked-{next(numbers)}@{domain}").startswith("550 5.1.1"), 10, domain)
    return time.monotonic() - begun


def proved(named: DnsSite, name: str) -> None:
    named.add(name, "brands")
    named.publish(name)
    assert named.verify(name).event == "proved"


def alias(named: DnsSite, address: str) -> None:
    with named.database.write() as tx:
        aliases.add(tx, address, JOHN)


def test_a_new_domain_is_served_at_once_without_a_reload(site: PrivateSite, named: DnsSite) -> None:
    named.add("new.test", "brands")
    with Dialogue(site.postfix.inbound_port) as open_before:
        assert open_before.mail(["<early@new.test>"])[1] == "554 5.7.1 <early@new.test>: Relay access denied"
        assert named.verify("new.test").event is None
        assert replied(site, "earlier@new.test").startswith("554 5.7.1")  # asked for a proof, still nobody's
        named.publish("new.test")
        assert named.verify("new.test").event == "proved"
        assert served_soon(site, "new.test") < WITHIN
        alias(named, "sales@new.test")
        assert soon(site, "sales@new.test", "250") < WITHIN
        assert open_before.mail(["<sales@new.test>"])[-1].startswith("250")
    delivery = site.mailboxes.wait_for(2)[1]
    assert (delivery.recipients, delivered_to(delivery.content)) == ((JOHN,), ["sales@new.test"])
    assert "reload" not in site.postfix.log()


def test_switched_off_and_on(site: PrivateSite, named: DnsSite) -> None:
    proved(named, "shut.test")
    alias(named, "sales@shut.test")
    served_soon(site, "shut.test")
    soon(site, "sales@shut.test", "250")
    with named.database.write() as tx:
        domain_settings.update(tx, "shut.test", is_active=False)
    assert soon(site, "sales@shut.test", "550 5.7.1 <sales@shut.test>: Domain is switched off") < WITHIN
    assert replied(site, "nobody@shut.test") == "550 5.7.1 <nobody@shut.test>: Domain is switched off"
    with named.database.write() as tx:
        domain_settings.update(tx, "shut.test", is_active=True)
    assert soon(site, "sales@shut.test", "250") < WITHIN


def test_a_suspended_account(site: PrivateSite, named: DnsSite) -> None:
    with named.database.write() as tx:
        accounts.update(tx, "brands", is_active=False)
    try:
        assert soon(site, "sales@brand-a.test", "451 4.7.1") < WITHIN  # hosted, not "relay denied"
        assert replied(site, "owner@other.test").startswith("250")
    finally:
        with named.database.write() as tx:
            accounts.update(tx, "brands", is_active=True)
    assert soon(site, "sales@brand-a.test", "250") < WITHIN


def test_a_lapsed_proof_costs_no_mail(site: PrivateSite, named: DnsSite) -> None:
    proved(named, "lapsing.test")
    alias(named, "sales@lapsing.test")
    served_soon(site, "lapsing.test")
    soon(site, "sales@lapsing.test", "250")
    named.lapsed("lapsing.test")
    with pytest.raises(ServiceError) as refusal:
        alias(named, "more@lapsing.test")
    assert refusal.value.code == "domain-not-active"
    time.sleep(WITHIN)  # whatever the lapse may have set off has come by now
    assert replied(site, "sales@lapsing.test").startswith("250")
    assert replied(site, "more@lapsing.test") == "550 5.1.1 <more@lapsing.test>: user unknown"


def test_nameservers_that_are_silent_cost_no_mail(site: PrivateSite, named: DnsSite) -> None:
    proved(named, "quiet.test")
    alias(named, "sales@quiet.test")
    named.hurry()
    for server in named.servers:
        server.behave(silent=True)
    for _ in range(5):
        named.clock.pass_hours(24)
        assert named.verify("quiet.test").event is None
    for server in named.servers:
        server.behave()
    served_soon(site, "quiet.test")
    assert replied(site, "sales@quiet.test").startswith("250")
    alias(named, "more@quiet.test")
    assert soon(site, "more@quiet.test", "250") < WITHIN


def test_a_catch_all_is_never_left_to_a_paused_mailbox(site: PrivateSite) -> None:
    refused = site.run("mailbox", "set", JOHN, "--pause")
    assert "conflict" in refused.stderr
    assert "brand-b.test" in refused.stderr
    assert replied(site, "anything@brand-b.test").startswith("250")
