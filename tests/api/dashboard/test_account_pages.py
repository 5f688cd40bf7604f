"""The account's own pages: what the plan allows, how full mailboxes are, and who sees that."""

import pytest

from store.services import accounts, aliases
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, JOHN, OPERATOR, VIEWER, Visitor, World, dashboard, words
from tests.api.running_api import RunningApi, site_over


def test_plan_and_usage(visitor: Visitor, world: World) -> None:
    page = visitor.signed_in(ADMIN).get("/account")
    said = words(page)
    assert "acme Your account, on the plan Starter" in said
    assert "Starter: 30 aliases for each mailbox" in said
    assert "domains 3 mailboxes 2 aliases 2" in said
    assert "The plan Pro allows 50 for each mailbox. See the plans" in said
    assert 'href="https://plans.example/"' in page.text
    assert f'href="/mailboxes/{world.john}/aliases"' in page.text
    assert f"{JOHN} 2 of 30" in said
    assert "rival" not in page.text
    assert 'href="/account" aria-current="page"' in page.text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"is_trial": True},
            "5 aliases until the first payment, for each mailbox State Active From the first payment on it is 30",
        ),
        ({"is_trial": True, "paid": True}, "Trial Paid "),
        ({"plan": "nano"}, "Nano: aliases are not part of this plan"),
        ({"plan": "nano"}, "The plan Starter has 30 for each mailbox."),
        ({"plan": "agency"}, "No plan allows more."),
        ({"is_active": False}, "Mail to its addresses is deferred: servers that send it try again"),
        ({"is_active": False}, "State Suspended"),
    ],
)
def test_each_state_of_an_account(visitor: Visitor, database: Database, change: dict[str, bool], expected: str) -> None:
    with database.write() as tx:
        accounts.update(tx, "acme", **change)  # type: ignore[arg-type]
    assert expected in words(visitor.signed_in(ADMIN).get("/account"))


def test_the_fullest_mailboxes_come_first(visitor: Visitor, database: Database) -> None:
    with database.write() as tx:
        for number in range(3):
            aliases.add(tx, f"m{number}@brand-a.test", "mary@brand-a.test")
        for number in range(9):
            aliases.add(tx, f"e{number}@rival.test", "eve@rival.test")
    said = words(visitor.signed_in(ADMIN).get("/account"))
    assert said.index("mary@brand-a.test 3 of 30") < said.index(f"{JOHN} 2 of 30")
    assert "eve@" not in said


def test_without_an_address_to_ask(database: Database, world: World) -> None:
    running = RunningApi(site_over(database, dashboard=dashboard(upgrade_url=None)))
    said = words(Visitor(running.url).signed_in(ADMIN).get("/account"))
    running.close()
    assert "Whoever runs this site changes the plan." in said


PATHS = ("/account", "/account/people", "/account/tokens")


@pytest.mark.parametrize(("name", "status"), [(VIEWER, 200), (OPERATOR, 404), (JOHN, 404)])
def test_who_sees_it(visitor: Visitor, world: World, name: str, status: int) -> None:
    assert {visitor.get(path).headers["Location"].partition("?")[0] for path in PATHS} == {"/login"}
    visitor.signed_in(name)
    assert [visitor.get(path).status_code for path in PATHS] == [status] * 3
