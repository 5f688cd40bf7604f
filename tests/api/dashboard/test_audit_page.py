"""The audit log: what changed, field by field, by whom; filters; no secrets, and nothing of other accounts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from admin_api.dashboard.words.changes import Difference, change
from store.services import aliases, audit, delete_intents, domain_settings, mailboxes, tokens
from store.services.audit import AuditEntry
from store.sql.database import Acting, Database
from tests.api.dashboard.visitor import ADMIN, JOHN, OPERATOR, VIEWER, Visitor, World, words
from tests.api.running_api import PREFIXES

HOSTILE = ["<script>alert(1)</script>", '"><b>', "a\r\nb", "\u202etset.b", "\x00", "alias:99999999999"]
SECRET = "hunter2-hunter2"


@pytest.fixture
def admin(visitor: Visitor, world: World) -> Visitor:
    visitor.sign_in(ADMIN)
    return visitor


@pytest.fixture
def changed(database: Database, world: World) -> None:
    with database.write(Acting(actor="account token website")) as tx:
        aliases.update(tx, "sales@brand-b.test", can_send=True, note="<b>shop</b>")
        domain_settings.update(tx, "brand-b.test", catch_all=JOHN)


def test_what_by_whom_when_and_how(admin: Visitor, world: World, changed: None) -> None:
    page = admin.get("/audit")
    told = words(page)
    assert told.startswith("Audit log")
    assert "Alias changed : sales@brand-b.test , its history account token website · just now" in told
    assert "send was off → is on note was nothing → is <b>shop</b>" in told
    assert "Domain changed : brand-b.test , its history account token website" in told
    assert "catch-all goes to was mary@brand-a.test → is john@brand-a.test" in told
    assert "Signed in : admin@agency.example" in told
    assert "<b>shop" not in page.text
    assert "<time datetime=" in page.text
    assert "rival" not in page.text


def test_filters(admin: Visitor, world: World, changed: None) -> None:
    told = words(admin.get(f"/audit?object=alias:{world.sales}"))
    assert told.startswith("Audit log 2 changes found")
    assert "Only the history of sales@brand-b.test." in told
    assert words(admin.get("/audit?object=sales@brand-b.test")).startswith("Audit log 2 changes found")
    assert words(admin.get("/audit?search=WEBSITE")).startswith("Audit log 2 changes found")
    assert words(admin.get("/audit?search=sales@")).startswith("Audit log 2 changes found")
    today = datetime.now(UTC).date()
    assert "Signed in" in words(admin.get(f"/audit?since={today - timedelta(days=1)}"))
    later = words(admin.get(f"/audit?since={today + timedelta(days=2)}&search=sales"))
    assert "Nothing was changed that fits." in later
    assert "This page is past the end of the list." in words(admin.get("/audit?page=99"))


def test_history_of_a_domain_is_linked(admin: Visitor, world: World, changed: None) -> None:
    page = admin.get(f"/domains/{world.brand_b}")
    assert f'href="/audit?object=domain%3A{world.brand_b}"' in page.text
    told = words(admin.get(f"/audit?object=domain%3A{world.brand_b}"))
    assert "Only the history of brand-b.test." in told


def test_pages(admin: Visitor, database: Database, world: World) -> None:
    for turn in range(60):
        with database.write() as tx:
            aliases.update(tx, world.sales, can_send=turn % 2 == 0)
    page = admin.get("/audit?search=sales")
    assert "Page 1 of 2" in words(page)
    assert 'href="/audit?search=sales&amp;page=2"' in page.text
    assert "Alias made : sales@brand-b.test" in words(admin.get("/audit?search=sales&page=2"))


@pytest.mark.parametrize(("query", "message"), [
    ("since=yesterday", "This is no day, such as 2026-01-31."),
    ("since=0001-01-01", "The moment must lie between 1970 and 9000."),
    (f"search={'x' * 10_000}", "This must have at most 320 characters."),
    (f"object={'x' * 10_000}", "This must have at most 320 characters."),
    ("search=%00", "The search must not hold control characters."),
])  # fmt: skip
def test_what_cannot_be_asked(admin: Visitor, query: str, message: str) -> None:
    page = admin.get(f"/audit?{query}")
    assert (page.status_code, message in words(page)) == (422, True)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_filters(admin: Visitor, text: str) -> None:
    for name in ("object", "search", "since", "page"):
        page = admin.client.get("/audit", params={name: text}, headers={"Accept": "text/html"})
        assert page.status_code in {200, 422}
        assert "<script>alert" not in page.text
        assert '"><b>' not in page.text


def test_no_secret_is_shown(admin: Visitor, database: Database, world: World) -> None:
    with database.write() as tx:
        mailboxes.update(tx, world.john, password=SECRET)
        made = tokens.create(tx, name="website", kind="account", prefixes=PREFIXES, account="acme")
    page = admin.get("/audit")
    assert "Mailbox password changed : john@brand-a.test" in words(page)
    assert "Token made : website" in words(page)
    for hidden in (SECRET, made.secret, "argon2", "byname-verify", "hash"):
        assert hidden not in page.text


def test_accounts_see_their_own(visitor: Visitor, world: World) -> None:
    admin = visitor.signed_in(ADMIN)
    for query in (
        f"object=alias:{world.eves}",
        f"object=domain:{world.rivals}",
        "search=rival",
        "object=secret@rival.test",
    ):
        assert "Nothing was changed that fits." in words(admin.get(f"/audit?{query}"))
    operator = Visitor(visitor.url).signed_in(OPERATOR)
    assert "Alias made : secret@rival.test" in words(operator.get("/audit"))


def test_viewer_and_owner(visitor: Visitor, world: World) -> None:
    assert visitor.signed_in(VIEWER).get("/audit").status_code == 200
    owner = Visitor(visitor.url).signed_in(JOHN)
    assert [owner.get(path).status_code for path in ("/audit", "/activity")] == [404, 404]
    assert visitor.get("/activity").headers["Location"] == "/audit"


def entry(action: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> AuditEntry:
    return AuditEntry(1, datetime.now(UTC), "x", None, None, 1, action, action.partition(".")[0], 1, "n", before, after)


@pytest.mark.parametrize(("action", "before", "after", "what", "differences"), [
    ("alias.update", {"can_receive": True, "updated_at": "1"}, {"can_receive": False, "updated_at": "2"},
     "Alias changed", [("receive", "on", "off")]),
    ("domain.verify", {"verified_at": None, "status": "pending_dns"},
     {"verified_at": "2026-01-31T10:00:00Z", "status": "active"}, "Domain proved",
     [("proved", "nothing", "2026-01-31 10:00:00 UTC")]),
    ("domain.update", {"catch_all": {"enabled": False, "destination": None}},
     {"catch_all": {"enabled": True, "destination": "a@b.test"}}, "Domain changed",
     [("catch-all", "off", "on"), ("catch-all goes to", "nothing", "a@b.test")]),
    ("token.create", None, {"name": "n", "scopes": ["a", "b"]}, "Token made",
     [("name", None, "n"), ("scopes", None, "a, b")]),
    ("alias.delete", {"address": "a@b.test", "note": None}, None, "Alias deleted", [("address", "a@b.test", None)]),
    ("gadget.turn-round", None, None, "Gadget turn round", []),
    ("session.end-all", None, None, "Signed out everywhere", []),
])  # fmt: skip
def test_differences(action: str, before: Any, after: Any, what: str, differences: list[tuple[str, Any, Any]]) -> None:
    told = change(entry(action, before, after))
    assert (told.what, told.differences) == (what, [Difference(*one) for one in differences])


def test_a_note_of_another_kind_shows_what_it_says(database: Database, world: World) -> None:
    with database.write() as tx:
        delete_intents.create(tx, world.john)
    with database.read() as tx:
        told = change(audit.page(tx, object=f"mailbox:{world.john}").items[0])
    assert told.what == "Mailbox about to be deleted"
    assert Difference("aliases", None, "info@brand-a.test, sales@brand-b.test") in told.differences
