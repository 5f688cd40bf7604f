"""Filters: the tab of a mailbox, one rule, and what the Aliases tab says of rules."""

import pytest

from routing.filters.model import Action, Condition
from routing.filters.policy import FilterPolicy
from store.services.filters import rules, scripts
from store.services.filters.views import FilterRule
from store.sql.database import Database
from store.sql.tables import FOREIGN, FilterScriptRow
from tests.api.dashboard.visitor import ADMIN, EVE, JOHN, VIEWER, Visitor, World, words

SALES = "sales@brand-b.test"


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.signed_in(ADMIN)


@pytest.fixture
def path(world: World) -> str:
    return f"/mailboxes/{world.john}/filters"


def rules_of(database: Database, mailbox: str = JOHN) -> list[FilterRule]:
    with database.read() as tx:
        return rules.list_all(tx, mailbox)


def send(visitor: Visitor, path: str, **fields: object) -> "tuple[int, str]":
    """Send the form for a rule; return the status, and the words of the page that comes of it."""
    data = {"csrf": visitor.token(), "name": "Sales", "match_type": "all", "field": "delivered_to", "operator": "is"}
    answer = visitor.client.post(path, data={**data, "value": SALES, "header_name": "", **fields})
    shown = visitor.get(answer.headers["Location"]) if answer.is_redirect else answer
    return answer.status_code, words(shown)


def test_a_rule_is_made_changed_and_deleted(admin: Visitor, database: Database, path: str) -> None:
    assert "No rules yet." in words(admin.get(path))
    fields = {
        "field": ["delivered_to", "header", "size"], "operator": ["is", "contains", "is"],
        "value": [SALES, "x <y>", ""], "header_name": ["", "List-Id", ""],
    }  # fmt: skip
    status, said = send(admin, path, **fields, move="Kunden/Über", copy=["A", ""], forward="", mark="on", stop="on")
    assert (status, "The rule is saved." in said) == (303, True)
    assert "Written to is sales@brand-b.test and List-Id contains x <y> move to Kunden/Über copy to A" in said
    (made,) = rules_of(database)
    assert made.conditions == (
        Condition("delivered_to", "is", SALES),
        Condition("header", "contains", "x <y>", "List-Id"),
    )
    assert made.actions == (Action("move", "Kunden/Über"), Action("copy", "A"), Action("mark", "read"))
    assert made.stop
    one = f"{path}/{made.id}"
    page = admin.get(one).text
    for kept in ('value="Kunden/Über"', 'value="x &lt;y&gt;"', 'value="List-Id"', 'name="mark" checked'):
        assert kept in page
    assert send(admin, one, name="Press", move="Press")[0] == 303
    audited = words(admin.get("/audit"))
    assert "Filter rule changed" in audited
    assert "move Kunden/Über, copy A, mark read" in audited
    (changed,) = rules_of(database)
    assert (changed.name, changed.actions, changed.stop) == ("Press", (Action("move", "Press"),), False)
    status, said = send(admin, one, action="delete")
    assert (status, "The rule is deleted." in said, rules_of(database)) == (303, True, [])
    assert admin.get(one).status_code == 404


def test_what_is_refused_is_kept(admin: Visitor, database: Database, path: str) -> None:
    status, said = send(admin, path, operator="over", move="a")
    assert (status, "The operator of condition 1 must be one of is, contains" in said) == (422, True)
    answer = admin.post(path, name="Mine", field="subject", operator="is", value="x", move="a.b")
    assert answer.status_code == 422
    assert "must not hold ., which the mail store keeps" in words(answer)
    assert all(f'value="{kept}"' in answer.text for kept in ("Mine", "x", "a.b"))
    assert rules_of(database) == []


def test_the_order_and_the_switch(admin: Visitor, database: Database, path: str) -> None:
    for name in ("one", "two", "three"):
        send(admin, path, name=name, move=name)
    first, second, third = (rule.id for rule in rules_of(database))
    for _ in range(2):  # pressed twice it does no harm
        assert admin.post(path, row=f"place-1 {third}").status_code == 303
    assert [rule.id for rule in rules_of(database)] == [third, first, second]
    admin.post(path, row=f"disable {first}")
    assert [rule.enabled for rule in rules_of(database)] == [True, False, True]
    assert admin.post(path, row="disable 999").status_code == 404


def test_the_state_of_the_script(admin: Visitor, database: Database, path: str, world: World) -> None:
    send(admin, path, move="Sales")
    page = words(admin.get(path))
    assert "Not running" in page
    assert "No mail server takes scripts here" in page
    with database.write() as tx:
        row = tx.get_one(FilterScriptRow, world.john)
        row.state, row.installed_version = FOREIGN, 1
    admin.post(path, action="take-over")
    with database.read() as tx:
        assert scripts.state(tx, JOHN, FilterPolicy(installs=True)).state == "pending"
        assert tx.get_one(FilterScriptRow, world.john).take_over


def test_an_alias_is_sorted_into_a_folder_by_one_press(admin: Visitor, database: Database, world: World) -> None:
    aliases = f"/mailboxes/{world.john}/aliases"
    assert f'value="sort {world.sales}"' in admin.get(aliases).text
    for _ in range(2):
        answer = admin.post(f"{aliases}/rows", row=f"sort {world.sales}")
        assert answer.headers["Location"].startswith(f"/mailboxes/{world.john}/filters?done=made")
    (made,) = rules_of(database)
    assert (made.conditions, made.actions) == (
        (Condition("delivered_to", "is", SALES),),
        (Action("move", "Sales"),),
    )
    page = admin.get(aliases)
    assert f'value="sort {world.sales}"' not in page.text
    assert "Filters: 1" in words(page)


def test_who_ends_an_alias_is_told_which_rules_name_it(admin: Visitor, world: World, path: str) -> None:
    aliases = f"/mailboxes/{world.john}/aliases"
    assert "Filter rules" not in words(admin.get(f"{aliases}/{world.sales}/delete"))
    send(admin, path, name="Into <Sales>", move="Sales")
    assert "Filter rules name it: Into <Sales>" in words(admin.get(f"{aliases}/{world.sales}/delete"))
    ticked = admin.post(f"{aliases}/rows", action="delete", alias_id=f"{world.sales} {SALES}")
    assert "filter rules name it: Into <Sales>" in words(ticked)
    answer = admin.post(f"{aliases}/{world.sales}", action="disable")
    assert f"Filter rules name {SALES}, through which no mail comes now: Into <Sales>" in words(
        admin.get(answer.headers["Location"])
    )
    answer = admin.post(f"{aliases}/rows", action="disable", alias_id=f"{world.sales} {SALES}")
    stopped = words(admin.get(answer.headers["Location"]))
    assert "1 alias is changed." in stopped
    assert f"Filter rules name aliases through which no mail comes now: {SALES}, Into <Sales>" in stopped


def test_who_may(visitor: Visitor, database: Database, path: str, world: World) -> None:
    viewer = visitor.signed_in(VIEWER)
    page = viewer.get(path)
    assert (page.status_code, "New Rule" in page.text, "<button" in page.text.partition("<main")[2]) == (
        200,
        False,
        False,
    )
    assert viewer.post(path, name="x").status_code == 403
    eve = Visitor(visitor.url).signed_in(EVE)
    for asked in (path, f"{path}/1"):
        assert eve.get(asked).status_code == 404
    assert eve.post(path, name="x").status_code == 404
    assert eve.post(f"/mailboxes/{world.john}/aliases/rows", row=f"sort {world.sales}").status_code == 404
    assert rules_of(database) == []
