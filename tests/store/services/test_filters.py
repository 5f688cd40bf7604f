"""Filter rules in the store: their order, limits, where they forward to, and the state of the script."""

from dataclasses import replace

import pytest

from routing.filters.model import Action, Condition, Rule
from routing.filters.policy import FilterPolicy
from store.services import accounts, aliases, audit, domain_settings, mailboxes
from store.services.bulk import bulk_call
from store.services.bulk.bulk_call import Item
from store.services.filters import naming, rules, scripts
from store.sql.database import Database
from store.sql.tables import FOREIGN, INSTALLED, FilterScriptRow
from store.sql.tenant import Acting
from tests.store.refusals import refused

POLICY = FilterPolicy(installs=True)
ACME = Acting(account_id=1, actor="a test")
JOHN, MARY, EVE = "john@brand-a.com", "mary@brand-a.com", "eve@rival.com"
RULE = Rule("Sales", "all", (Condition("delivered_to", "is", "sales@brand-b.com"),), (Action("move", "Sales"),))


def named(name: str, *actions: Action) -> Rule:
    return replace(RULE, name=name, actions=actions or RULE.actions)


def forward(address: str) -> Rule:
    return named(address, Action("forward", address))


@pytest.fixture
def site(world: Database) -> Database:
    """The world with Mary's mailbox and an alias of each."""
    with world.write() as tx:
        accounts.update(tx, "acme", plan="agency")
        mailboxes.add(tx, MARY, "correct horse")
        aliases.add(tx, "sales@brand-b.com", JOHN)
        aliases.add(tx, "press@brand-b.com", MARY)
    return world


def order(database: Database) -> list[tuple[int, str]]:
    with database.read(ACME) as tx:
        return [(one.position, one.name) for one in rules.list_all(tx, JOHN)]


def test_the_life_of_rules(site: Database) -> None:
    with site.write(ACME) as tx:
        first, second = (rules.add(tx, JOHN, named(name), POLICY).id for name in ("one", "two"))
        rules.add(tx, JOHN, named("three"), POLICY, position=1)
    assert order(site) == [(1, "three"), (2, "one"), (3, "two")]
    with site.write(ACME) as tx:
        changed = rules.update(tx, JOHN, second, POLICY, enabled=False, match_type="any")
        assert (changed.name, changed.enabled, changed.match_type, changed.rule.conditions) == (
            "two", False, "any", RULE.conditions,
        )  # fmt: skip
        rules.remove(tx, JOHN, first)
    assert order(site) == [(1, "three"), (2, "two")]
    with site.write(ACME) as tx:
        rules.reorder(tx, JOHN, [second, rules.list_all(tx, JOHN)[0].id])
        assert rules.get(tx, JOHN, second).position == 1
    assert order(site) == [(1, "two"), (2, "three")]
    with site.read(ACME) as tx:
        actions = [entry.action for entry in audit.page(tx).items if entry.action.startswith("rule")]
        assert actions == ["rule.reorder", "rule.delete", "rule.update", *["rule.create"] * 3]
        shown = audit.page(tx, object=f"rule:{second}").items[-1].after
        assert shown is not None
        assert shown["actions"] == [{"type": "move", "value": "Sales"}]


def test_what_is_refused(site: Database) -> None:
    with site.write(ACME) as tx:
        made = rules.add(tx, JOHN, RULE, POLICY).id
    for code, field, change in (
        (
            "invalid-request",
            "actions/0/value",
            lambda tx: rules.add(tx, JOHN, named("x", Action("move", "a.b")), POLICY),
        ),
        ("invalid-request", "name", lambda tx: rules.update(tx, JOHN, made, POLICY, name="a\nb")),
        ("conflict", "rule_ids", lambda tx: rules.reorder(tx, JOHN, [made, made])),
        ("conflict", None, lambda tx: rules.add(tx, JOHN, RULE, replace(POLICY, max_rules=1))),
        ("conflict", None, lambda tx: rules.update(tx, JOHN, made, replace(POLICY, max_script_bytes=100), name="x")),
        ("not-found", None, lambda tx: rules.get(tx, JOHN, 99)),
        ("not-found", None, lambda tx: rules.remove(tx, MARY, made)),
    ):
        with refused(site, code) as caught, site.write(ACME) as tx:
            change(tx)
        assert caught.value.field == field
    assert order(site) == [(1, "Sales")]
    with site.read(ACME) as tx:
        assert scripts.state(tx, JOHN, POLICY).wanted_version == 1


def test_where_rules_forward_to(site: Database) -> None:
    out = replace(POLICY, forward=frozenset({"ok.test", "ann@other.test"}))
    with site.write(ACME) as tx:
        for target in (MARY, "press+x@brand-b.com", "x@ok.test", "ann@other.test"):
            rules.add(tx, JOHN, forward(target), out)
    for target, says in (
        (JOHN, "must not lead back to this mailbox"),
        ("sales@brand-b.com", "must not lead back"),
        ("john+x@brand-a.com", "must not lead back"),
        ("nobody@brand-b.com", "there is no nobody@brand-b.com"),
        (EVE, "lets rules forward to no rival.com"),  # another account's is as any outside
        ("bob@other.test", "lets rules forward to no other.test"),
    ):
        with refused(site, "invalid-request") as caught, site.write(ACME) as tx:
            rules.add(tx, JOHN, forward(target), out)
        assert says in caught.value.message
        assert caught.value.field == "actions/0/value"
    with refused(site, "invalid-request") as caught, site.write(ACME) as tx:  # a circle of two
        rules.add(tx, MARY, forward("sales@brand-b.com"), out)
    assert "must not lead back" in caught.value.message
    with site.write(ACME) as tx:
        domain_settings.set_catch_all(tx, "brand-b.com", enabled=True, destination=JOHN)
    with refused(site, "invalid-request"), site.write(ACME) as tx:  # by way of the catch-all
        rules.add(tx, JOHN, forward("nobody@brand-b.com"), out)


def test_what_is_no_longer_allowed_is_left_out(site: Database) -> None:
    with site.write(ACME) as tx:
        gone = rules.add(tx, JOHN, named("both", Action("forward", "press@brand-b.com"), Action("discard")), POLICY)
        assert scripts.state(tx, JOHN, POLICY).wanted_version == 1
        aliases.remove(tx, "press@brand-b.com")
    with site.read(ACME) as tx:
        assert scripts.state(tx, JOHN, POLICY).wanted_version == 2  # written anew at once
        written = scripts.write(tx, JOHN, POLICY)
    assert "redirect" not in written.text
    assert "discard" not in written.text  # or mail would be lost
    assert [(one.rule, one.address) for one in written.left_out] == [(gone.name, "press@brand-b.com")]


def test_a_script_is_written_anew_when_its_target_leads_elsewhere(site: Database) -> None:
    def version() -> int:
        with site.read(ACME) as tx:
            return scripts.state(tx, MARY, POLICY).wanted_version

    def redirects() -> bool:
        with site.read(ACME) as tx:
            return "redirect" in scripts.write(tx, MARY, POLICY).text

    with site.write(ACME) as tx:
        rules.add(tx, MARY, forward("sales@brand-b.com"), POLICY)
        gone = aliases.get(tx, "sales@brand-b.com")
        aliases.remove(tx, "sales@brand-b.com")
    assert (version(), redirects()) == (2, False)
    with site.write(ACME) as tx:
        domain_settings.set_catch_all(tx, "brand-b.com", enabled=True, destination=JOHN)
    assert (version(), redirects()) == (3, True)
    with site.write(ACME) as tx:
        domain_settings.update(tx, "brand-b.com", no_catch_all=True)
        made = aliases.add(tx, "sales@brand-b.com", JOHN)
        aliases.add(tx, "other@brand-b.com", JOHN)
    assert (version(), redirects()) == (5, True)
    with site.write(ACME) as tx:  # a name taken from one mailbox and given to another, which is its own
        mary = mailboxes.get(tx, MARY).id
        taken = Item("delete", made.mailbox_id, {}, alias_id=made.id)
        given = Item("create", mary, {}, domain_id=gone.domain_id, local_part="sales")
        bulk_call.apply(tx, [taken, given])
    assert (version(), redirects()) == (7, False)


def test_the_state_of_the_script(site: Database) -> None:
    def state() -> tuple[str, int, bool]:
        with site.read(ACME) as tx:
            found = scripts.state(tx, JOHN, POLICY)
            return found.state, found.wanted_version, found.next_try_at is not None

    def put(**values: object) -> None:
        with site.write() as tx:
            row = tx.get_one(FilterScriptRow, 1)
            for name, value in values.items():
                setattr(row, name, value)

    assert state() == ("off", 0, False)
    with site.write(ACME) as tx:
        rules.add(tx, JOHN, RULE, POLICY)
    assert state() == ("pending", 1, True)
    put(state=INSTALLED, installed_version=1, due_at=None, own_script="mine")
    with site.read(ACME) as tx:
        assert 'include :personal :optional "mine";' in scripts.write(tx, JOHN, POLICY).text
        assert "mine" not in scripts.write(tx, JOHN, POLICY, with_own=False).text
    put(state=FOREIGN)
    with site.write(ACME) as tx:
        rules.add(tx, JOHN, RULE, POLICY)
    assert state() == ("foreign", 2, False)  # nothing is overwritten
    with site.write(ACME) as tx:
        scripts.take_over(tx, JOHN, POLICY)
        assert tx.get_one(FilterScriptRow, 1).take_over
    assert state() == ("pending", 3, True)
    with site.write(ACME) as tx:
        scripts.give_back(tx, JOHN, POLICY)
        rules.add(tx, JOHN, RULE, POLICY)
    assert state() == ("pending", 5, True)  # the worker takes it away
    put(state="off", installed_version=0, due_at=None)
    with site.write(ACME) as tx:
        rules.add(tx, JOHN, RULE, POLICY)
    assert state() == ("off", 6, False)
    with site.read(ACME) as tx:
        found = scripts.state(tx, JOHN, replace(POLICY, installs=False))
        assert (found.state, "[filters] managesieve" in (found.reason or "")) == ("off", True)
        kept = [one.action for one in audit.page(tx).items if one.action.startswith("rules.")]
        assert kept == ["rules.give-back", "rules.take-over"]


def test_which_rules_name_an_alias(site: Database) -> None:
    with site.write(ACME) as tx:
        rules.add(tx, JOHN, RULE, POLICY)
        rules.add(tx, JOHN, named("other", Action("flag")), POLICY)
        rules.update(tx, JOHN, 2, POLICY, conditions=(Condition("subject", "is", "sales@brand-b.com"),))
        rules.add(tx, MARY, RULE, POLICY)  # a name of John's in a rule of Mary's never comes true
        rules.add(tx, MARY, forward("sales@brand-b.com"), POLICY)
        found = naming.naming_alias(tx, "sales@brand-b.com")
        assert [(one.name, one.mailbox, one.forwards) for one in found] == [
            ("Sales", JOHN, False),
            ("sales@brand-b.com", MARY, True),
        ]
        assert naming.naming_alias(tx, "press@brand-b.com") == []
        assert list(naming.names_of(tx, JOHN).values()) == [["Sales"]]


def test_they_go_with_their_mailbox(site: Database) -> None:
    with site.write(ACME) as tx:
        rules.add(tx, MARY, RULE, POLICY)
        mailboxes.remove(tx, MARY)
    with site.read() as tx:
        assert tx.query(FilterScriptRow).count() == 0
