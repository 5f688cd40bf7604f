"""The pages of domains: adding, records and their check, catch-all, switching off, deleting; who may what."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from admin_api.site import Dns
from byname.sandbox.waiting import wait_until
from store.clock import utc_now
from store.dns.nameserver import RetryPolicy
from store.dns.proof import Sighting
from store.dns.resolvers import Resolvers
from store.errors import ServiceError
from store.passwords import PasswordHash, hash_password
from store.services import accounts, admins, audit, domain_settings, domains, mailboxes
from store.services.domain_checks import proof
from store.services.domain_checks.checker import CheckQueue, DomainChecker
from store.services.views import Domain
from store.sql.database import Database
from store.sql.tables import DomainRow, MailboxRow
from tests.api.dashboard.visitor import ADMIN, JOHN, OPERATOR, PASSWORD, VIEWER, Cache, Visitor, World, dashboard, words
from tests.api.running_api import RunningApi, site_over
from tests.store.dns.dns_server import DnsServer
from tests.store.dns.dns_site import EXPECTED

XSS = "<script>alert(1)</script>"
HOSTILE = [XSS, '" autofocus onfocus="x', "a\r\nSet-Cookie: x=1", "\u202etset.b", "x" * 10_000, "\x00", "ｂ.test"]


@pytest.fixture
def admin(visitor: Visitor, world: World) -> Visitor:
    return visitor.signed_in(ADMIN)


@pytest.fixture
def nameserver() -> Iterator[DnsServer]:
    with DnsServer() as running:
        yield running


@pytest.fixture
def checked_pages(database: Database, nameserver: DnsServer) -> Iterator[RunningApi]:
    """A server that asks a nameserver of the test's own."""
    checker = DomainChecker(database, Resolvers([nameserver.nameserver], RetryPolicy(3, 1)), EXPECTED)
    queue = CheckQueue(checker, idle=0.1)
    running = RunningApi(site_over(database, dashboard=dashboard(), dns=Dns(EXPECTED, 1, queue.put)))
    yield running
    running.close()


def domain(database: Database, ref: int | str) -> Domain:
    with database.read() as tx:
        return domains.get(tx, ref)


def test_the_list_says_state_and_names(admin: Visitor, database: Database) -> None:
    with database.write() as tx:
        domains.add(tx, "bücher.test", account="acme", verified=True)
        domains.add(tx, "off.test", account="acme", verified=True)
        domain_settings.update(tx, "off.test", is_active=False)
    page = admin.get("/domains")
    told = words(page)
    assert "brand-a.test Ready 3 names" in told
    assert "waits.test Waiting for DNS: not checked yet 0 names" in told
    assert "off.test Switched off" in told
    assert "rival.test" not in told
    assert 'title="xn--bcher-kva.test">bücher.test</a>' in page.text
    assert words(admin.get("/domains?search=brand")).startswith("Domains 2 found")
    assert "No domain holds “nowhere”." in words(admin.get("/domains?search=nowhere"))
    assert "This page is past the end of the list." in words(admin.get("/domains?page=9"))


def test_add_a_domain(admin: Visitor, database: Database) -> None:
    answer = admin.post("/domains", name=" Café.test ")
    assert answer.status_code == 303, answer.text
    made = domain(database, "xn--caf-dma.test")
    assert answer.headers["Location"].startswith(f"/domains/{made.id}?done=made")
    told = words(admin.get(answer.headers["Location"]))
    assert "The domain is added. Next: its DNS records." in told
    assert "Waiting for DNS: not checked yet" in told
    assert "Not offered for new aliases: it is not proved to be yours yet." in told
    assert "_byname.xn--caf-dma.test" in told
    assert "byname-verify=" in told
    assert (made.account, made.status) == ("acme", "pending_dns")


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("", 422, "not a domain name"),
        ("co.uk", 422, "co.uk is a public suffix"),
        ("brand-a.test", 409, "This account has brand-a.test already."),
    ],
)
def test_a_domain_that_cannot_be_added(admin: Visitor, name: str, status: int, message: str) -> None:
    answer = admin.post("/domains", name=name)
    assert answer.status_code == status
    assert f'name="name" type="text" value="{name}"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert message in words(answer)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names(admin: Visitor, database: Database, world: World, text: str) -> None:
    for path, field in (
        ("/domains", "name"),
        (f"/domains/{world.brand_b}/catch-all", "catch_all"),
        (f"/domains/{world.brand_b}/system-mailbox", "system_mailbox"),
        (f"/domains/{world.brand_b}", "action"),
    ):
        fields: dict[str, Any] = {field: text}
        answer = admin.post(path, **fields)
        assert answer.status_code == 422, (path, answer.text)
        assert "<script>alert" not in answer.text
        assert '" autofocus onfocus' not in answer.text
        assert "x=1" not in answer.headers.get("Set-Cookie", "")
    search = admin.client.get("/domains", params={"search": text}, headers={"Accept": "text/html"})
    assert search.status_code in {200, 422}
    assert "<script>alert" not in search.text
    assert domain(database, world.brand_b).catch_all.destination == "mary@brand-a.test"


def test_an_operator_chooses_the_account(visitor: Visitor, world: World, database: Database) -> None:
    operator = visitor.signed_in(OPERATOR)
    listed = words(operator.get("/domains"))
    assert "rival.test rival Ready" in listed
    assert "Choose the account that gets the domain." in words(operator.post("/domains", name="new.test"))
    missing = operator.post("/domains", name="new.test", account="nobody")
    assert (missing.status_code, "There is no account of that name." in words(missing)) == (404, True)
    assert 'value="new.test"' in missing.text
    assert operator.post("/domains", name="new.test", account="rival").status_code == 303
    assert domain(database, "new.test").account == "rival"


def test_an_admin_cannot_choose_the_account(admin: Visitor, database: Database) -> None:
    assert 'name="account"' not in admin.get("/domains").text
    admin.post("/domains", name="new.test", account="rival")
    assert domain(database, "new.test").account == "acme"


def test_recheck_until_it_is_ready(
    checked_pages: RunningApi, world: World, database: Database, nameserver: DnsServer
) -> None:
    admin = Visitor(checked_pages.url).signed_in(ADMIN)
    here = f"/domains/{world.pending}"
    nameserver.behave(silent=True)
    assert "Checked" not in words(admin.get(here))
    answer = admin.post(f"{here}/recheck")
    assert answer.status_code == 303
    page = admin.get(answer.headers["Location"])
    assert "Asking the DNS now …" in words(page)
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page.text
    nameserver.behave()
    wait_until(lambda: "data-checking" not in admin.get(here).text, 10, "the check")
    assert "Asking the DNS now" not in words(admin.get(here))
    with database.read() as tx:
        token = proof.token_of(tx, world.pending)
    nameserver.add("_byname.waits.test", "TXT", f"byname-verify={token}")
    nameserver.add("waits.test", "MX", "10 mx1.host.test.")
    nameserver.add("waits.test", "TXT", "v=spf1 include:<script>.test -all")
    admin.post(f"{here}/recheck")
    wait_until(lambda: "data-checking" not in admin.get(here).text, 10, "the check")
    page = admin.get(here)
    told = words(page)
    assert told.startswith("Domains waits.test History Ready")
    assert "Differs Change the record to: v=spf1 include:<script>.test include:spf.host.test -all" in told
    assert "Found v=spf1 include:<script>.test -all" in told
    assert "Mailbox for everything else" in told
    assert "<script>.test" not in page.text
    assert "http-equiv" not in page.text


def test_the_list_counts_the_records_that_were_seen(
    checked_pages: RunningApi, world: World, nameserver: DnsServer
) -> None:
    nameserver.add("_dmarc.waits.test", "TXT", "v=DMARC1; p=none")
    admin = Visitor(checked_pages.url).signed_in(ADMIN)
    admin.post(f"/domains/{world.pending}/recheck")
    wait_until(lambda: "1 of 6 records seen" in words(admin.get("/domains")), 10, "the check")
    assert "Waiting for DNS: 1 of 6 records seen" in words(admin.get(f"/domains/{world.pending}"))


def test_the_catch_all_is_a_rule(admin: Visitor, world: World, database: Database, cache: Cache) -> None:
    here = f"/domains/{world.brand_b}"
    told = words(admin.get(here))
    assert "Everything else → goes to mary@brand-a.test" in told
    assert "disabled, paused or do not receive: their names stay reserved, and that mail is refused" in told
    cache.says = "pending"
    answer = admin.post(f"{here}/catch-all", catch_all=JOHN, action="save")
    assert answer.status_code == 303
    page = admin.get(answer.headers["Location"])
    assert "Saved. on its way to the mail server" in words(page)
    assert "data-pending" in page.text
    cache.says = "live"
    told = words(admin.get(answer.headers["Location"]))
    assert "Saved. live on the mail server" in told
    assert f"Everything else → goes to {JOHN}" in told
    assert admin.post(f"{here}/catch-all", catch_all="", action="off").status_code == 303
    assert "Everything else → is refused as “user unknown”" in words(admin.get(here))
    kept = domain(database, world.brand_b).catch_all
    assert (kept.enabled, kept.destination) == (False, JOHN)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "A catch-all that is on needs a destination."),
        ("nobody", "is not an address"),
        ("nobody@brand-a.test", "nobody@brand-a.test is not a mailbox of this account."),
        ("info@brand-a.test", "info@brand-a.test is not a mailbox of this account."),
        ("eve@rival.test", "eve@rival.test is not a mailbox of this account."),
    ],
)
def test_a_mailbox_that_cannot_be_chosen(admin: Visitor, world: World, typed: str, message: str) -> None:
    here = f"/domains/{world.brand_b}"
    answer = admin.post(f"{here}/catch-all", catch_all=typed, action="save")
    assert (answer.status_code, message in words(answer)) == (422, True)
    assert f'id="catch_all" name="catch_all" type="text" value="{typed}"' in answer.text
    assert 'id="catch_all-error"' in answer.text
    if typed:
        answer = admin.post(f"{here}/system-mailbox", system_mailbox=typed)
        assert (answer.status_code, message in words(answer)) == (422, True)
        assert 'id="system_mailbox-error"' in answer.text


def test_system_mail(admin: Visitor, world: World, database: Database) -> None:
    here = f"/domains/{world.brand_b}"
    assert "→ goes to the oldest active mailbox of the domain, if there is one" in words(admin.get(here))
    assert admin.post(f"{here}/system-mailbox", system_mailbox=JOHN).status_code == 303
    assert f"postmaster, abuse, hostmaster, mailer-daemon → goes to {JOHN}" in words(admin.get(here))
    assert domain(database, world.brand_b).system_mailbox == JOHN
    assert admin.post(f"{here}/system-mailbox", system_mailbox="").status_code == 303
    assert domain(database, world.brand_b).system_mailbox is None


def test_switch_off_and_on(admin: Visitor, world: World, database: Database) -> None:
    here = f"/domains/{world.brand_b}"
    assert "refuses all mail but that to postmaster" in words(admin.get(here))
    answer = admin.post(here, action="off")
    told = words(admin.get(answer.headers["Location"]))
    assert "Saved. live on the mail server Switched off" in told
    assert "Not offered for new aliases: it is switched off." in told
    assert not domain(database, world.brand_b).is_active
    refused = admin.post(f"{here}/catch-all", catch_all=JOHN, action="save")
    assert (refused.status_code, "The domain brand-b.test is switched off." in words(refused)) == (409, True)
    admin.post(here, action="on")
    assert domain(database, world.brand_b).is_active


def test_a_lapsed_proof(admin: Visitor, world: World, database: Database) -> None:
    with database.write() as tx:
        row = tx.get(DomainRow, world.brand_b)
        assert row is not None
        row.proof_lapsed = True
    assert "brand-b.test Proof lapsed" in words(admin.get("/domains"))
    told = words(admin.get(f"/domains/{world.brand_b}"))
    assert "Proof lapsed Mail still arrives." in told
    assert "Not offered for new aliases: its proof has lapsed." in told


def test_delete_with_all_that_it_holds(admin: Visitor, world: World, database: Database) -> None:
    here = f"/domains/{world.brand_a}"
    asked = words(admin.get(f"{here}/delete"))
    assert asked.startswith("Delete brand-a.test? With it go: 2 mailboxes")
    assert "1 alias on this domain 1 alias on other domains that lead to its mailboxes" in asked
    refused = admin.post(f"{here}/delete")
    assert refused.status_code == 409
    assert "brand-a.test holds 2 mailbox(es) and 1 alias(es)" in words(refused)
    refused = admin.post(f"{here}/delete", confirmed="yes")
    assert (refused.status_code, "brand-b.test" in words(refused)) == (409, True)  # its catch-all ends here
    admin.post(f"/domains/{world.brand_b}/delete", confirmed="yes")
    answer = admin.post(f"{here}/delete", confirmed="yes")
    assert answer.status_code == 303
    assert "The domain is deleted. live on the mail server" in words(admin.get(answer.headers["Location"]))
    with pytest.raises(ServiceError):
        domain(database, world.brand_a)
    with database.read() as tx, pytest.raises(ServiceError):
        mailboxes.get(tx, JOHN)


def test_an_empty_one_is_deleted_without_more_words(admin: Visitor, world: World) -> None:
    here = f"/domains/{world.pending}"
    asked = admin.get(f"{here}/delete")
    assert "It holds no names." in words(asked)
    assert 'name="confirmed"' not in asked.text
    assert admin.post(f"{here}/delete").status_code == 303
    assert admin.get(here).status_code == 404


def test_a_paused_catch_all_is_said(admin: Visitor, world: World, database: Database) -> None:
    with database.write() as tx:
        row = tx.get(MailboxRow, world.mary)
        assert row is not None
        row.is_active = False
    assert "This mailbox is paused, so that mail is refused." in words(admin.get(f"/domains/{world.brand_b}"))


def test_a_parked_domain(admin: Visitor, world: World, database: Database) -> None:
    with database.write() as tx:
        mine = domains.add(tx, "rival.test", account="acme")
    with database.write() as tx:
        assert proof.apply(tx, mine.id, Sighting(seen=2), utc_now()) == "parked"
    here = f"/domains/{mine.id}"
    assert "Waiting for a decision Its record was seen" in words(admin.get(here))
    answer = admin.post(f"{here}/recheck")
    assert answer.status_code == 409
    assert "Another account has proved rival.test to be its own." in words(answer)


ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("", {"action": "off"}),
    ("/recheck", {}),
    ("/catch-all", {"catch_all": JOHN, "action": "save"}),
    ("/system-mailbox", {"system_mailbox": JOHN}),
    ("/delete", {"confirmed": "yes"}),
]


def test_other_accounts_domains_are_not_there(admin: Visitor, world: World, database: Database) -> None:
    for identity in (world.rivals, 999_999, 9_223_372_036_854_775_807):
        here = f"/domains/{identity}"
        shown = [admin.get(here), admin.get(f"{here}/delete")]
        shown += [admin.post(here + path, **fields) for path, fields in ACTIONS]
        assert [answer.status_code for answer in shown] == [404] * 7
        plain = {re.sub(r'value="[^"]*"', "", answer.text) for answer in shown}
        assert len(plain) == 1
        assert "rival" not in plain.pop()
    assert domain(database, world.rivals).is_active


def test_a_viewer_changes_nothing(visitor: Visitor, world: World, database: Database) -> None:
    viewer = visitor.signed_in(VIEWER)
    here = f"/domains/{world.brand_b}"
    page = viewer.get(here)
    assert page.status_code == 200
    assert re.findall(r'<form method="post" action="([^"]*)"', page.text) == ["/sign-out", "/sign-out-everywhere"]
    assert "New Domain" not in words(viewer.get("/domains"))
    assert [viewer.post(here + path, **fields).status_code for path, fields in ACTIONS] == [403] * 5
    assert [viewer.post("/domains", name="new.test").status_code, viewer.get(f"{here}/delete").status_code] == [403] * 2
    assert domain(database, world.brand_b).is_active


def test_an_owner_finds_nothing(visitor: Visitor, world: World) -> None:
    owner = visitor.signed_in(JOHN)
    here = f"/domains/{world.brand_a}"
    paths = ("/domains", here, f"{here}/delete")
    assert [owner.get(path).status_code for path in paths] == [404] * 3
    assert [owner.post(here + path, **fields).status_code for path, fields in ACTIONS] == [404] * 5
    assert 'href="/domains"' not in owner.get(f"/mailboxes/{world.john}/aliases").text


def test_a_suspended_account(visitor: Visitor, world: World, database: Database) -> None:
    admin = visitor.signed_in(ADMIN)
    with database.write() as tx:
        accounts.update(tx, "acme", is_active=False)
    here = f"/domains/{world.brand_b}"
    assert "Account suspended" in words(admin.get(here))
    assert "brand-b.test Account suspended" in words(admin.get("/domains"))
    assert [admin.post(here + path, **fields).status_code for path, fields in ACTIONS] == [403] * 5
    operator = Visitor(visitor.url).signed_in(OPERATOR)
    assert "Account suspended" in words(operator.get(here))


@pytest.mark.parametrize("token", ["", "wrong"])
def test_forms_that_are_not_ours(admin: Visitor, world: World, database: Database, token: str) -> None:
    here = f"/domains/{world.brand_b}"
    paths = [(here + path, fields) for path, fields in ACTIONS] + [("/domains", {"name": "new.test"})]
    assert [admin.post(path, csrf=token, **fields).status_code for path, fields in paths] == [403] * 6
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert [admin.post(path, headers=foreign, **fields).status_code for path, fields in paths] == [403] * 6
    assert domain(database, world.brand_b).is_active


def test_what_was_typed_survives_the_session(admin: Visitor, world: World, database: Database) -> None:
    token = admin.token()
    with database.write() as tx:
        admins.reset(tx, ADMIN, PasswordHash(hash_password(PASSWORD)))
    answer = admin.post("/domains", csrf=token, name="new.test")
    assert answer.headers["Location"] == "/login?next=%2Fdomains%3Fname%3Dnew.test"
    answer = admin.sign_in(ADMIN, next="/domains?name=new.test")
    assert 'value="new.test"' in admin.get(answer.headers["Location"]).text


def test_who_did_it_is_written_down(admin: Visitor, world: World, database: Database) -> None:
    admin.post(f"/domains/{world.brand_b}", action="off")
    with database.read() as tx:
        entry = audit.page(tx, object=f"domain:{world.brand_b}").items[0]
    assert (entry.actor, entry.action) == (f"admin {ADMIN}", "domain.update")
