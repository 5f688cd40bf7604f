"""Deleted names in the dashboard: what is kept and for how long, freeing, and what the forms about aliases say."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from store.services import account_settings, accounts, aliases, kept_names
from store.sql.database import Database
from store.sql.tables import KeptNameRow
from tests.api.dashboard.visitor import ADMIN, EVE, JOHN, OPERATOR, VIEWER, Visitor, World, words

PATH = "/account/kept-names"


@pytest.fixture
def kept(database: Database, world: World) -> int:
    """sales@brand-b.test was deleted from john, and is kept for thirty days."""
    with database.write() as tx:
        account_settings.update(tx, "acme", keep_deleted_days=30)
        aliases.remove(tx, world.sales)
        return kept_names.list_all(tx)[0].id


def test_the_number_of_days(visitor: Visitor, database: Database) -> None:
    admin = visitor.signed_in(ADMIN)
    assert "is free at once: any mailbox can take it" in words(admin.get(PATH))
    answer = admin.post(PATH, keep_deleted_days=" 30 ")
    assert answer.status_code == 303
    assert "kept for 30 days" in words(admin.get(answer.headers["Location"]))
    for typed, expected in (("", "type a number of days"), ("-1", "type a number of days"), ("4000", "0 to 3650 days")):
        refused = admin.post(PATH, keep_deleted_days=typed)
        assert (refused.status_code, expected in words(refused).lower()) == (422, True), typed
        assert f'value="{typed}"' in refused.text
    with database.read() as tx:
        assert accounts.get(tx, "acme").keep_deleted_days == 30


def test_listed_and_freed(visitor: Visitor, database: Database, world: World, kept: int) -> None:
    admin = visitor.signed_in(ADMIN)
    shown = words(admin.get(PATH))
    assert "sales@brand-b.test" in shown
    assert JOHN in shown
    asked = words(admin.get(f"{PATH}/{kept}/free"))
    assert "Free sales@brand-b.test?" in asked
    assert "any mailbox of the account can take it" in asked
    answer = admin.post(f"{PATH}/{kept}/free")
    assert "The name is free" in words(admin.get(answer.headers["Location"]))
    with database.read() as tx:
        assert kept_names.list_all(tx) == []
    assert admin.post(f"{PATH}/{kept}/free").status_code == 404
    assert "Deleted name freed : sales@brand-b.test" in words(admin.get("/audit"))


def test_who_may(visitor: Visitor, world: World, kept: int) -> None:
    viewer = visitor.signed_in(VIEWER)
    assert "sales@brand-b.test" in words(viewer.get(PATH))
    assert f"{PATH}/{kept}/free" not in viewer.get(PATH).text
    for path in (PATH, f"{PATH}/{kept}/free"):
        assert viewer.post(path, keep_deleted_days="0").status_code == 403
    assert visitor.signed_in(JOHN).get(PATH).status_code in {403, 404}
    assert visitor.signed_in(EVE).post(f"{PATH}/{kept}/free").status_code in {403, 404}
    operator = visitor.signed_in(OPERATOR)
    assert operator.get("/operator/kept-names").status_code == 404


def test_an_operator_looks_after_one_account_at_a_time(
    visitor: Visitor, database: Database, world: World, kept: int
) -> None:
    with database.read() as tx:
        acme, rival = (accounts.get(tx, name).id for name in ("acme", "rival"))
    operator = visitor.signed_in(OPERATOR)
    assert "sales@brand-b.test" in words(operator.get(f"/operator/accounts/{acme}/kept-names"))
    assert "sales@brand-b.test" not in words(operator.get(f"/operator/accounts/{rival}/kept-names"))
    assert operator.post(f"/operator/accounts/{rival}/kept-names/{kept}/free").status_code == 404
    assert operator.post(f"/operator/accounts/{acme}/kept-names/{kept}/free").status_code == 303


def test_while_one_types(visitor: Visitor, database: Database, world: World, kept: int) -> None:
    admin = visitor.signed_in(ADMIN)

    def said(mailbox: int) -> str:
        asked = f"/mailboxes/{mailbox}/aliases/check?local_part=sales&domain_id={world.brand_b}"
        return words(admin.get(asked))

    assert "sales@brand-b.test is free for you again." in said(world.john)
    assert "sales@brand-b.test was deleted and is kept from other mailboxes until" in said(world.mary)
    refused = admin.post(f"/mailboxes/{world.mary}/aliases", local_part="sales", domain_id=str(world.brand_b))
    assert (refused.status_code, "byname alias free sales@brand-b.test" in words(refused)) == (409, True)
    with database.write() as tx:
        for row in tx.scalars(select(KeptNameRow)):
            row.deleted_at -= timedelta(days=31)
    assert "sales@brand-b.test is free." in said(world.mary)


def test_the_questions_say_it(visitor: Visitor, world: World, kept: int) -> None:
    admin = visitor.signed_in(ADMIN)
    asked = words(admin.get(f"/mailboxes/{world.john}/aliases/{world.info}/delete"))
    assert "The address is kept for 30 days: until then only this mailbox can have it again" in asked
    rows = {"action": "delete", "alias_id": f"{world.info} info@brand-a.test"}
    assert "kept for 30 days" in words(admin.post(f"/mailboxes/{world.john}/aliases/rows", **rows))
    going = admin.post(f"/mailboxes/{world.john}/general", action="delete")
    assert "For 30 days nobody can have them, unless an admin frees them" in words(admin.get(going.headers["Location"]))
