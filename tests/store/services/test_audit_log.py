"""The audit log: every change of every service, by whom, with what was there before and after, and no secret in it."""

import ast
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

import store.services
from store.clock import utc_now
from store.errors import ServiceError
from store.services import accounts, aliases, audit, delete_intents, domain_settings, domains, mailboxes, tokens
from store.sql.database import Database, Transaction
from store.sql.tables import AuditRow, MailboxRow, TokenRow
from store.sql.tenant import Acting
from tests.store.services.owned import PREFIXES

JOHN = "john@brand-a.com"
SALES = "sales@brand-b.com"
SOMEONE = Acting(account_id=None, actor="token x", token_id=7, request_id="req-1")
Change = Callable[[Transaction], object]


def with_sales(tx: Transaction) -> None:
    aliases.add(tx, SALES, JOHN, note="old")


def with_catch_all(tx: Transaction) -> None:
    domain_settings.update(tx, "brand-a.com", catch_all=JOHN)


def nothing_before(tx: Transaction) -> None:
    pass


def confirm(tx: Transaction) -> None:
    delete_intents.confirm(tx, delete_intents.create(tx, JOHN).id, utc_now())


# before it, the change, and of the last entry: action, name, member, its value before and after
EVERYBODY = {"mode": "everyone", "entries": [], "require_authenticated": False}
BUT_ONE = {"mode": "except", "entries": ["x@shop.example"], "require_authenticated": False}
CHANGES: list[tuple[Change, Change, str, str, str, object, object]] = [
    (nothing_before, lambda tx: accounts.create(tx, "new", "pro"), "account.create", "new", "plan", None, "pro"),
    (nothing_before, lambda tx: accounts.update(tx, "acme", plan="pro"),
     "account.update", "acme", "plan", "starter", "pro"),
    (lambda tx: accounts.create(tx, "new", "pro"), lambda tx: accounts.remove(tx, "new"),
     "account.delete", "new", "plan", "pro", None),
    (nothing_before, lambda tx: domains.add(tx, "c.com", account="acme"),
     "domain.create", "c.com", "status", None, "pending_dns"),
    (lambda tx: domains.add(tx, "c.com", account="acme"), lambda tx: domains.verify(tx, "c.com", account="acme"),
     "domain.verify", "c.com", "status", "pending_dns", "active"),
    (nothing_before, lambda tx: domain_settings.update(tx, "brand-a.com", is_active=False),
     "domain.update", "brand-a.com", "status", "active", "suspended"),
    (with_catch_all, lambda tx: domain_settings.set_catch_all(tx, "brand-a.com", enabled=False),
     "domain.set-catch-all", "brand-a.com", "catch_all",
     {"enabled": True, "destination": JOHN}, {"enabled": False, "destination": JOHN}),
    (nothing_before, lambda tx: domains.remove(tx, "brand-b.com"),
     "domain.delete", "brand-b.com", "status", "active", None),
    (nothing_before, lambda tx: mailboxes.add(tx, "m@brand-a.com", "correct horse"),
     "mailbox.create", "m@brand-a.com", "is_active", None, True),
    (nothing_before, lambda tx: mailboxes.create(tx, "m", "brand-a.com", "correct horse"),
     "mailbox.create", "m@brand-a.com", "is_active", None, True),
    (nothing_before, lambda tx: mailboxes.update(tx, JOHN, is_active=False),
     "mailbox.update", JOHN, "is_active", True, False),
    (nothing_before, lambda tx: mailboxes.update(tx, JOHN, password="battery staple"),
     "mailbox.set-password", JOHN, "is_active", True, True),
    (nothing_before, lambda tx: mailboxes.remove(tx, JOHN), "mailbox.delete", JOHN, "is_active", True, None),
    (nothing_before, with_sales, "alias.create", SALES, "note", None, "old"),
    (nothing_before, lambda tx: aliases.create(tx, "sales", "brand-b.com", JOHN, note="x"),
     "alias.create", SALES, "note", None, "x"),
    (with_sales, lambda tx: aliases.update(tx, SALES, note="new"), "alias.update", SALES, "note", "old", "new"),
    (with_sales, lambda tx: aliases.block(tx, SALES, "x@shop.example"),
     "alias.update", SALES, "senders", EVERYBODY, BUT_ONE),
    (with_sales, lambda tx: aliases.remove(tx, SALES), "alias.delete", SALES, "note", "old", None),
    (nothing_before, lambda tx: tokens.create(tx, name="t", kind="operator", prefixes=PREFIXES),
     "token.create", "t", "kind", None, "operator"),
    (lambda tx: tokens.create(tx, name="t", kind="operator", prefixes=PREFIXES), lambda tx: tokens.remove(tx, 1),
     "token.delete", "t", "kind", "operator", None),
    (nothing_before, lambda tx: delete_intents.create(tx, JOHN), "mailbox.delete-intent", JOHN, "id", 1, 1),
    (nothing_before, confirm, "mailbox.delete", JOHN, "is_active", True, None),
]  # fmt: skip


@pytest.mark.parametrize(("given", "change", "action", "name", "member", "before", "after"), CHANGES)
def test_each_change_is_noted(
    world: Database, given: Change, change: Change, action: str, name: str, member: str, before: object, after: object
) -> None:
    with world.write() as tx:
        given(tx)
    with world.write(SOMEONE) as tx:
        change(tx)
    with world.read() as tx:
        entry = audit.page(tx, per_page=1).items[0]
    assert (entry.action, entry.name, entry.object_type) == (action, name, action.split(".")[0])
    assert (entry.actor, entry.token_id, entry.request_id) == ("token x", 7, "req-1")
    assert (entry.before and entry.before[member]) == before
    assert (entry.after and entry.after[member]) == after
    assert utc_now() - entry.at < timedelta(minutes=1)


def public_functions(module: str) -> set[str]:
    """Return the public functions of a module of the services that work in a transaction."""
    tree = ast.parse((Path(store.services.__file__).parent / f"{module}.py").read_text())
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return {f"{module}.{node.name}" for node in found if node.args.args and node.args.args[0].arg == "tx"}


READING = {
    "get", "is_active", "list_all", "page", "usage", "contents", "find", "password_mark", "latest", "addresses", "head",
    "in_order", "check", "of_mailbox",
}  # fmt: skip
# Not services of their own: other services call them.
WITHIN = {"note_removed_with", "view", "views"}
MODULES = ("accounts", "domains", "domain_settings", "mailboxes", "aliases", "tokens", "delete_intents")


def test_no_changing_function_is_missing_above() -> None:
    """A new one must come into the table, and into the audit log with it."""
    found = {name for module in MODULES for name in public_functions(module)}
    changing = {name for name in found if name.split(".")[1] not in READING | WITHIN}
    source = Path(__file__).read_text()
    assert {name for name in changing if f"{name}(tx" not in source} == set()


def test_what_goes_along_is_noted_too(world: Database) -> None:
    with world.write() as tx:
        with_sales(tx)
        mailboxes.add(tx, "mary@brand-b.com", "correct horse")
        aliases.add(tx, "hers@brand-a.com", "mary@brand-b.com")
    with world.write(SOMEONE) as tx:
        domains.remove(tx, "brand-b.com", confirmed=True)
        mailboxes.remove(tx, "eve@rival.com")
    with world.read() as tx:
        entries = audit.page(tx, per_page=100).items
    noted = {(entry.action, entry.name) for entry in entries if entry.actor == "token x"}
    assert noted == {
        ("domain.delete", "brand-b.com"),
        ("mailbox.delete", "mary@brand-b.com"),
        ("alias.delete", SALES),
        ("alias.delete", "hers@brand-a.com"),
        ("mailbox.delete", "eve@rival.com"),
    }


def test_a_refused_change_is_not_noted(world: Database) -> None:
    with world.read() as tx:
        before = audit.page(tx).total
    with pytest.raises(ServiceError), world.write(SOMEONE) as tx:
        aliases.add(tx, SALES, JOHN)
        aliases.add(tx, SALES, JOHN)
    with world.read() as tx:
        assert audit.page(tx).total == before


def test_no_secret_is_in_it(world: Database) -> None:
    with world.write() as tx:
        made = tokens.create(tx, name="t", kind="account", account="acme", prefixes=PREFIXES)
        mailboxes.add(tx, "m@brand-a.com", "a password of hers")
        mailboxes.update(tx, "m@brand-a.com", password="another one")
        mailboxes.remove(tx, JOHN)
    with world.read() as tx:
        hashes = [*tx.scalars(select(MailboxRow.password_hash)), *tx.scalars(select(TokenRow.sha256))]
        logged = json.dumps([[row.before, row.after, row.name] for row in tx.scalars(select(AuditRow))])
    assert len(hashes) == 3
    assert not [secret for secret in [*hashes, made.secret, "a password", "another one", "$argon2"] if secret in logged]


def test_finding_the_changes_of_something(world: Database) -> None:
    with world.write(SOMEONE) as tx:
        with_sales(tx)
        alias = aliases.update(tx, SALES, note="new")
    middle = utc_now()
    with world.write(SOMEONE) as tx:
        aliases.remove(tx, SALES)
    with world.read() as tx:
        for wanted in (f"alias:{alias.id}", SALES):
            actions = [entry.action for entry in audit.page(tx, object=wanted).items]
            assert actions == ["alias.delete", "alias.update", "alias.create"]
        assert [entry.action for entry in audit.page(tx, object=SALES, since=middle).items] == ["alias.delete"]
        assert [entry.action for entry in audit.page(tx, object=SALES, page=2, per_page=2).items] == ["alias.create"]
        assert audit.page(tx, object=SALES, page=2, per_page=2).total == 3
        for nothing in (f"mailbox:{alias.id}", "alias:999999999999999999999", "alias:x", "", "\x00", "\ud800"):
            assert audit.page(tx, object=nothing).total == 0


def test_long_names_of_those_who_act(world: Database) -> None:
    with world.write(Acting(actor="x" * 500, request_id="y" * 500)) as tx:
        with_sales(tx)
    with world.read() as tx:
        entry = audit.page(tx).items[0]
        assert (entry.actor, entry.request_id) == ("x" * 200, "y" * 200)


def test_a_search_looks_at_names_and_at_who_did_it(world: Database) -> None:
    with world.write(SOMEONE) as tx:
        with_sales(tx)
    with world.read() as tx:
        for search in ("SALES@", "brand-b.com", "ken x"):
            assert "alias.create" in [entry.action for entry in audit.page(tx, search=search, per_page=100).items]
        assert audit.page(tx, search="sales_").total == 0  # no pattern
        assert audit.page(tx, search="ken x", object="alias:999").total == 0
        with pytest.raises(ServiceError, match="control characters"):
            audit.page(tx, search="\x00")
