"""Testing an address: the answer as a sentence, steps and reply, cache beside SQL, nothing of other accounts."""

import html
from collections.abc import Iterator

import pytest

from routing.address import Address
from routing.memory_directory import MemoryDirectory, SilentDirectory
from routing.policy import Policy
from store.services import accounts, aliases, domains, mailboxes
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, EVE, JOHN, OPERATOR, PASSWORD, VIEWER, Visitor, World, dashboard, words
from tests.api.running_api import RunningApi, site_over

HOSTILE = [
    "<script>alert(1)</script>@brand-a.test",
    '"><b>@brand-a.test',
    "a\r\nb@brand-a.test",
    "\u202etset.b",
    "\x00",
]


@pytest.fixture
def admin(visitor: Visitor, world: World) -> Visitor:
    return visitor.signed_in(ADMIN)


def asked(visitor: Visitor, path: str, **fields: str) -> str:
    """Return the words of the answer."""
    page = visitor.client.get(path, params=fields, headers={"Accept": "text/html"})
    assert page.status_code == 200, page.text
    return words(page)


RECIPIENTS = [
    ("sales@brand-b.test",
     "Mail to sales@brand-b.test is delivered to john@brand-a.test. It is an alias of this mailbox."),
    (JOHN, "Mail to john@brand-a.test is delivered to john@brand-a.test. It is the address of the mailbox itself."),
    ("x@brand-b.test",
     "is delivered to mary@brand-a.test. Nobody has this name, and the catch-all of the domain takes it."),
    ("x@brand-a.test", "Mail to x@brand-a.test is refused. Nobody has this name, and no catch-all takes it."),
    ("info@brand-a.test", "is refused. The alias is disabled. Its name stays reserved, so no catch-all takes it."),
    ("<sales@brand-b.test", "is refused. It is not written like an address."),
]  # fmt: skip


@pytest.mark.parametrize(("address", "sentence"), RECIPIENTS)
def test_recipients(admin: Visitor, database: Database, address: str, sentence: str) -> None:
    with database.write() as tx:
        aliases.update(tx, "info@brand-a.test", is_active=False)
    told = asked(admin, "/test", address=address)
    assert sentence in told


def test_steps_and_reply(admin: Visitor) -> None:
    told = asked(admin, "/test", address="x@brand-a.test")
    assert (
        "The domain brand-a.test hosted The name x@brand-a.test nobody has it The catch-all of brand-a.test none"
        in told
    )
    assert "Also looked up, and made no difference: 2" in told
    assert "What the sending server is told 550 5.1.1 <x@brand-a.test>: user unknown" in told
    assert "There is no cache here" in told
    told = asked(admin, "/test", address="sales@brand-b.test")
    assert "alias of mailbox john@brand-a.test (active); active, receive on, send off" in told
    assert "250, the mail server's own words" in told
    assert "Delivered-To: sales@brand-b.test shows the address that was written to." in told


SENDERS = [
    (JOHN, JOHN, "john@brand-a.test may send as john@brand-a.test."),
    (JOHN, "sales@brand-b.test", "may not send as sales@brand-b.test. Sending is switched off for this alias."),
    (JOHN, "mary@brand-a.test", "may not send as mary@brand-a.test. The address is not one of this login's."),
    ("sales@brand-b.test", "sales@brand-b.test", "There is no mailbox of this name; aliases cannot log in."),
]


@pytest.mark.parametrize(("login", "sender", "sentence"), SENDERS)
def test_senders(admin: Visitor, login: str, sender: str, sentence: str) -> None:
    assert sentence in asked(admin, "/test/sender", login=login, **{"from": sender})


HEADERS = [
    (f"From: John <{JOHN}>\r\nSubject: x", "john@brand-a.test may send this message. Every author that it names"),
    ("From: boss@bank.test", "may not send this message. The address is not one of this login's."),
    (f"From: {JOHN}\nFrom: boss@bank.test", "may not send this message. The message has more than one From field."),
    ("Subject: x", "may not send this message. The message has no From field."),
    (f"From: {EVE}", "550 5.7.1 <eve@rival.test>: Sender address rejected: not owned by user john@brand-a.test"),
    ("From: nobody@rival.test", "550 5.7.1 <nobody@rival.test>: Sender address rejected: not owned by user john@"),
    ("From: x@nowhere.test", "550 5.7.1 <x@nowhere.test>: Sender address rejected: not owned by user john@"),
]


@pytest.mark.parametrize(("header", "sentence"), HEADERS)
def test_headers(admin: Visitor, header: str, sentence: str) -> None:
    page = admin.post("/test/header", login=JOHN, header=header)
    assert page.status_code == 200
    assert sentence in words(page)
    assert html.escape(header.splitlines()[0], quote=False) in page.text.replace("&#34;", '"')
    assert header.split(":")[1].strip()[:4] in words(page)


def test_what_is_missing_is_said(admin: Visitor) -> None:
    page = admin.get("/test/sender?login=john@brand-a.test")
    assert (page.status_code, "This is needed." in words(page)) == (422, True)
    assert 'value="john@brand-a.test"' in page.text
    page = admin.post("/test/header", login=JOHN, header=" ")
    assert (page.status_code, "Paste the header of a message." in words(page)) == (422, True)
    assert "This is needed." in words(admin.post("/test/header", header="From: x"))
    assert [admin.get(path).status_code for path in ("/test", "/test/sender", "/test/header")] == [200] * 3


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_input(admin: Visitor, text: str) -> None:
    pages = [
        admin.client.get("/test", params={"address": text}, headers={"Accept": "text/html"}),
        admin.client.get("/test/sender", params={"login": text, "from": text}, headers={"Accept": "text/html"}),
        admin.post("/test/header", login=text, header=text),
        admin.post("/test/header", login=JOHN, header=f"From: {text}\r\n{text}: x"),
    ]
    for page in pages:
        assert page.status_code in {200, 404, 422}
        assert "<script>alert" not in page.text
        assert '"><b>' not in page.text
    assert "\u202e" not in words(pages[0])


def test_long_input(admin: Visitor) -> None:
    long = "x" * 10_000
    page = admin.client.get("/test", params={"address": long}, headers={"Accept": "text/html"})
    assert (page.status_code, "An address has at most 1000 characters." in words(page)) == (422, True)
    assert admin.post("/test/header", login=JOHN, header=f"From: {long}").status_code == 200
    assert admin.post("/test/header", login=JOHN, header="x" * 300_000, csrf="").status_code == 413


def test_u_labels_are_shown(admin: Visitor, database: Database) -> None:
    with database.write() as tx:
        domains.add(tx, "bücher.test", account="acme", verified=True)
        aliases.add(tx, "info@bücher.test", JOHN)
    told = asked(admin, "/test", address="info@xn--bcher-kva.test")
    assert "Mail to info@bücher.test is delivered to john@brand-a.test." in told
    assert "The name info@bücher.test alias of mailbox" in told


@pytest.mark.parametrize("address", ["secret@rival.test", "nobody@rival.test", "x@nowhere.test"])
def test_other_accounts_names_are_not_told(admin: Visitor, address: str) -> None:
    name = address.partition("@")[2]
    page = admin.client.get("/test", params={"address": address}, headers={"Accept": "text/html"})
    assert (page.status_code, f"{name} is not a domain of this account." in words(page)) == (404, True)
    page = admin.client.get("/test/sender", params={"login": JOHN, "from": address}, headers={"Accept": "text/html"})
    assert (page.status_code, f"{name} is not a domain of this account." in words(page)) == (404, True)
    page = admin.post("/test/header", login=address, header=f"From: {address}")
    assert (page.status_code, f"{name} is not a domain of this account." in words(page)) == (404, True)


def test_a_domain_that_is_not_proved_is_not_told(admin: Visitor, database: Database) -> None:
    with database.write() as tx:
        domains.add(tx, "rival.test", account="acme")  # pending, and proved by the other account
    page = admin.client.get("/test", params={"address": "secret@rival.test"}, headers={"Accept": "text/html"})
    assert (page.status_code, "The domain rival.test is not verified yet." in words(page)) == (409, True)


def test_an_operator_may_ask_about_all(visitor: Visitor, world: World) -> None:
    operator = visitor.signed_in(OPERATOR)
    assert "is delivered to eve@rival.test." in asked(operator, "/test", address="secret@rival.test")
    told = asked(operator, "/test", address="x@nowhere.test")
    assert "left to the mail server, which refuses to relay it or passes it on" in told
    assert "is not decided here: no domain of this system is meant. The domain is not hosted here." in told


def test_viewer_owner_and_a_foreign_form(visitor: Visitor, world: World) -> None:
    viewer = visitor.signed_in(VIEWER)
    assert "is delivered to" in asked(viewer, "/test", address=JOHN)
    assert viewer.post("/test/header", login=JOHN, header=f"From: {JOHN}").status_code == 200
    assert viewer.post("/test/header", csrf="", login=JOHN, header="x").status_code == 403
    owner = Visitor(visitor.url).signed_in(JOHN)
    assert [owner.get(path).status_code for path in ("/test", "/test/sender", "/test/header")] == [404] * 3
    assert owner.post("/test/header", login=JOHN, header="x").status_code == 404


@pytest.fixture
def behind(database: Database, world: World) -> Iterator[RunningApi]:
    """A server whose cache knows nothing, and whose postmaster is another account's."""
    with database.write() as tx:
        accounts.create(tx, "provider", "pro")
        domains.add(tx, "provider.test", account="provider", verified=True)
        mailboxes.add(tx, "chief@provider.test", PASSWORD)
    policy = Policy(postmaster=Address.parse("chief@provider.test"))
    site = site_over(database, cache=MemoryDirectory([]), policy=policy, dashboard=dashboard())
    running = RunningApi(site)
    yield running
    running.close()


def test_cache_and_database_differ(behind: RunningApi) -> None:
    told = asked(Visitor(behind.url).signed_in(ADMIN), "/test", address=JOHN)
    assert "cache says “not-ours” (not-hosted), the database “deliver to john@brand-a.test” (mailbox)" in told


def test_the_postmaster_of_the_site_is_not_shown(behind: RunningApi) -> None:
    page = Visitor(behind.url).signed_in(ADMIN).get("/test?address=postmaster@brand-b.test")
    assert page.status_code == 200
    assert "provider.test" not in page.text


def test_a_silent_cache(database: Database, world: World) -> None:
    running = RunningApi(site_over(database, cache=SilentDirectory(), dashboard=dashboard()))
    told = asked(Visitor(running.url).signed_in(ADMIN), "/test", address=JOHN)
    running.close()
    assert "Mail to john@brand-a.test has to wait: the sending server is asked to try again." in told
    assert "cannot be told: one of them does not answer." in told
