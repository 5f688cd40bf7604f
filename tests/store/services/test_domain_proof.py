"""Proof through the services, against scripted nameservers, on both databases: every state and what leads to it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import dns.rcode
import pytest

from store.dns.proof import Sighting
from store.services import accounts, aliases, audit, domain_settings, domains, mailboxes
from store.services.domain_checks import checks, proof
from store.sql.database import Database
from store.sql.tenant import Acting
from tests.store.dns.dns_site import DnsSite, dns_site
from tests.store.refusals import refused
from tests.store.relay.relaying import Relaying

NEW = "new.example"
JOHN = "john@brand-a.com"


@pytest.fixture
def site(world: Database) -> Iterator[DnsSite]:
    with dns_site(world) as site:
        yield site


def actions(site: DnsSite, name: str = NEW) -> list[str]:
    """What the audit log tells of a domain, oldest first."""
    with site.database.read() as tx:
        return [entry.action for entry in reversed(audit.page(tx, object=name, per_page=100).items)]


def test_the_proof_alone_activates(site: DnsSite) -> None:
    made = site.add(NEW)
    assert (made.status, site.verify(NEW).event, site.domain(NEW).status) == ("pending_dns", None, "pending_dns")
    site.publish(NEW)
    assert site.verify(NEW).event == "proved"
    now = site.domain(NEW)
    assert (now.status, now.verified_at, now.proof.seen_at) == ("active", site.clock(), site.clock())
    assert actions(site) == ["domain.create", "domain.verify"]
    with site.database.write() as tx:
        mailboxes.add(tx, f"x@{NEW}", "correct horse")


def test_checked_again_nothing_changes(site: DnsSite) -> None:
    first = site.proved(NEW)
    site.clock.pass_hours(24)
    assert site.verify(NEW).event is None
    assert site.domain(NEW).verified_at == first.verified_at
    assert actions(site) == ["domain.create", "domain.verify"]


@pytest.mark.parametrize(
    ("one", "other", "proved"),
    [
        ({}, {}, True),
        ({}, {"silent": True}, True),
        ({}, {"rcode": dns.rcode.SERVFAIL}, True),
        ({}, {"rcode": dns.rcode.REFUSED}, True),
        ({}, {"lame": "flags"}, True),
        ({}, {"wrong_id": "only"}, True),
        ({}, {"rcode": dns.rcode.NXDOMAIN}, False),  # contradicted, if without evidence
        ({"truncated": "udp"}, {"truncated": "both"}, True),
        ({"silent": True}, {"silent": True}, False),
        ({"rcode": dns.rcode.SERVFAIL}, {"rcode": dns.rcode.REFUSED}, False),
    ],
    ids=str,
)
def test_who_must_see_it(site: DnsSite, one: dict[str, object], other: dict[str, object], proved: bool) -> None:
    site.add(NEW)
    site.publish(NEW)
    for server, behaviour in zip(site.servers, (one, other), strict=True):
        server.behave(**behaviour)  # type: ignore[arg-type]
    if {"silent", "wrong_id"} & {*one, *other}:
        site.hurry()
    assert site.verify(NEW).event == ("proved" if proved else None)
    assert site.domain(NEW).status == ("active" if proved else "pending_dns")


def test_one_lying_server_proves_nothing(site: DnsSite) -> None:
    site.add(NEW)
    site.publish(NEW, 0)
    assert site.verify(NEW).event is None
    assert site.domain(NEW).status == "pending_dns"


def test_the_token_of_another_account_proves_nothing(site: DnsSite) -> None:
    site.add(NEW)
    other = site.add(NEW, "rival")
    site.publish(other.id)
    with site.database.read() as tx:
        own = next(one for one in domains.list_all(tx, account="acme") if one.name == NEW)
    assert site.verify(own.id).event is None
    assert site.domain(own.id).status == "pending_dns"


TROUBLE: list[dict[str, object]] = [
    {"silent": True},
    {"rcode": dns.rcode.SERVFAIL},
    {"rcode": dns.rcode.REFUSED},
    {"truncated": "both"},
    {"lame": "flags"},
    {"lame": "referral"},
    {"wrong_id": "only"},
    {"garbage": True},
    {"rcode": dns.rcode.NXDOMAIN},  # without an SOA
]


def test_trouble_never_lapses(site: DnsSite) -> None:
    site.proved(NEW)
    before = site.domain(NEW)
    site.hurry()
    for trouble in TROUBLE:
        for server in site.servers:
            server.behave(**trouble)  # type: ignore[arg-type]
        site.clock.pass_hours(24)
        assert site.verify(NEW).event is None, trouble
    after = site.domain(NEW)
    assert (after.proof_lapsed, after.proof.missing_since, after.proof.seen_at) == (False, None, before.proof.seen_at)


def test_absence_at_one_server_alone_never_lapses(site: DnsSite) -> None:
    site.proved(NEW)
    site.withdraw(NEW)
    site.servers[1].behave(rcode=dns.rcode.SERVFAIL)
    for _ in range(8):
        site.clock.pass_hours(24)
        assert site.verify(NEW).event is None
    assert not site.domain(NEW).proof_lapsed


def test_lapse_and_return(site: DnsSite) -> None:
    site.proved(NEW)
    with site.database.write() as tx:
        mailboxes.add(tx, f"x@{NEW}", "correct horse")
    site.withdraw(NEW)
    events = []
    for _ in range(4):
        site.clock.pass_hours(24)
        events.append(site.verify(NEW).event)
    assert events == [None, "warned", None, "lapsed"]
    now = site.domain(NEW)
    assert (now.status, now.proof_lapsed) == ("active", True)  # hosted, no new names
    with refused(site.database, "domain-not-active"), site.database.write() as tx:
        mailboxes.add(tx, f"y@{NEW}", "correct horse")
    site.publish(NEW, 0)  # any sight
    assert site.verify(NEW).event == "restored"
    assert not site.domain(NEW).proof_lapsed
    with site.database.write() as tx:
        mailboxes.add(tx, f"y@{NEW}", "correct horse")
    assert actions(site) == [
        "domain.create", "domain.verify", "domain.proof-missing", "domain.proof-lapsed", "domain.proof-restored",
    ]  # fmt: skip


def test_found_again_after_the_warning(site: DnsSite) -> None:
    site.proved(NEW)
    site.withdraw(NEW)
    for _ in range(2):
        site.clock.pass_hours(24)
        site.verify(NEW)
    assert site.domain(NEW).proof.warned_at == site.clock()
    site.publish(NEW)
    site.clock.pass_hours(1)
    assert site.verify(NEW).event == "found-again"
    proof = site.domain(NEW).proof
    assert (proof.missing_since, proof.warned_at, proof.lapses_at) == (None, None, None)


def test_the_operators_word_never_lapses(site: DnsSite) -> None:
    for _ in range(8):
        site.clock.pass_hours(24)
        assert site.verify("brand-a.com").event is None
    assert not site.domain("brand-a.com").proof_lapsed


def test_what_was_seen_earlier_takes_no_effect_later(site: DnsSite) -> None:
    site.proved(NEW)
    domain = site.domain(NEW)
    site.clock.pass_hours(1)
    site.verify(NEW)
    with site.database.write() as tx:
        from_before = domain.verified_at
        assert from_before is not None
        assert proof.apply(tx, domain.id, Sighting(absent=2, proven_absent=2), from_before) is None
    assert site.domain(NEW).proof.missing_since is None


def test_a_domain_that_is_gone_meanwhile(site: DnsSite) -> None:
    with site.database.write() as tx:
        assert proof.apply(tx, 4711, Sighting(seen=2), site.clock()) is None


# A second account


@pytest.fixture
def parked(site: DnsSite) -> int:
    """The id of a domain that rival proved while acme has it, with john@ and an alias elsewhere leading there."""
    site.proved(NEW)
    with site.database.write() as tx:
        mailboxes.add(tx, f"john@{NEW}", "correct horse")
        aliases.add(tx, f"sales@{NEW}", JOHN)
        aliases.add(tx, "elsewhere@brand-b.com", f"john@{NEW}")
        domain_settings.update(tx, NEW, catch_all=JOHN)
    other = site.add(NEW, "rival")
    site.publish(other.id)
    done = site.verify(other.id)
    assert (done.event, done.code) == ("parked", "domain-taken")
    return other.id


def test_a_second_proof_is_parked_and_moves_no_mail(site: DnsSite, parked: int) -> None:
    waiting, holding = site.domain(parked), site.domain(NEW)
    assert (waiting.status, waiting.proof.parked_at) == ("pending_dns", site.clock())
    assert (holding.account, holding.status) == ("acme", "active")
    first = waiting.proof.parked_at
    site.clock.pass_hours(24)
    assert site.verify(parked).event == "parked"
    assert site.domain(parked).proof.parked_at == first
    with site.database.read(Acting(account_id=2)) as tx:
        assert [entry.action for entry in reversed(audit.page(tx, object=NEW).items)] == [
            "domain.create",
            "domain.park",
        ]


@pytest.mark.parametrize("acting", [Acting(), Acting(account_id=2)], ids=["operator", "the account itself"])
def test_parked_is_refused_until_the_name_is_free(site: DnsSite, parked: int, acting: Acting) -> None:
    with refused(site.database, "domain-taken"), site.database.write(acting) as tx:
        checks.request(tx, parked, site.clock())
    with site.database.write() as tx:
        domains.remove(tx, site.domain(NEW).id, confirmed=True)
    with site.database.write(acting) as tx:
        assert checks.request(tx, parked, site.clock()).status == "queued"
    assert site.domain(parked).verified_at is None  # the trial left nothing
    assert site.verify(parked).event == "proved"
    assert site.domain(parked).proof.parked_at is None


def test_moving_says_what_goes(site: DnsSite, parked: int) -> None:
    with refused(site.database, "domain-not-empty") as caught, site.database.write() as tx:
        proof.move(tx, NEW, account="rival")
    assert caught.value.details == {"mailboxes": 1, "aliases": 1, "aliases_elsewhere": 1}
    with site.database.write() as tx:
        moved = proof.move(tx, NEW, account="rival", confirmed=True)
    assert (moved.id, moved.account, moved.status, moved.proof.parked_at) == (parked, "rival", "active", None)
    with site.database.read() as tx:
        assert [one.account for one in domains.list_all(tx) if one.name == NEW] == ["rival"]
        assert aliases.list_all(tx) == []
    assert actions(site)[-2:] == ["domain.verify", "domain.move"]


def test_moving_leaves_nothing_in_the_cache(site: DnsSite, relaying: Relaying, parked: int) -> None:
    relaying.settle()
    with site.database.write() as tx:
        proof.move(tx, NEW, account="rival", confirmed=True)
    relaying.settle()
    assert relaying.differences() == []


@pytest.mark.parametrize(("account", "code"), [("rival", "conflict"), ("acme", "conflict"), ("nobody", "not-found")])
def test_only_a_proved_claim_is_given_the_name(site: DnsSite, account: str, code: str) -> None:
    site.proved(NEW)
    site.add(NEW, "rival")
    with refused(site.database, code), site.database.write() as tx:
        proof.move(tx, NEW, account=account, confirmed=True)
    assert site.domain(NEW).account == "acme"


def test_moving_never_loses_the_mail_of_other_domains(site: DnsSite, parked: int) -> None:
    with site.database.write() as tx:
        domain_settings.update(tx, "brand-b.com", catch_all=f"john@{NEW}")
    with refused(site.database, "conflict") as caught, site.database.write() as tx:
        proof.move(tx, NEW, account="rival", confirmed=True)
    assert "brand-b.com" in caught.value.message
    assert site.domain(NEW).account == "acme"


def test_a_suspended_domain_stays_suspended_when_proved_again(site: DnsSite) -> None:
    site.proved(NEW)
    with site.database.write() as tx:
        domain_settings.update(tx, NEW, is_active=False)
    site.clock.pass_hours(24)
    assert site.verify(NEW).event is None
    assert site.domain(NEW).status == "suspended"


def test_two_accounts_prove_at_once(site: DnsSite) -> None:
    claims = [site.add(NEW, account).id for account in ("acme", "rival")]
    for claim in claims:
        site.publish(claim)
    with ThreadPoolExecutor(2) as pool:
        events = sorted(str(done.event) for done in pool.map(site.verify, claims))
    assert events == ["parked", "proved"]
    assert sorted(site.domain(claim).status for claim in claims) == ["active", "pending_dns"]


def test_every_account_has_a_token_of_its_own(site: DnsSite) -> None:
    with site.database.write() as tx:
        accounts.create(tx, "third", "nano")
    tokens = {site.token(site.add(NEW, account).id) for account in ("acme", "rival", "third")}
    assert len(tokens) == 3
    assert all(len(token) == 32 for token in tokens)
