"""Who may write to an alias, on the dashboard: the form, the button beside a sender, and what is wrong with a list."""

import pytest

from store.services import aliases
from store.services.views import EVERYONE, Senders
from store.sql.database import Database
from tests.api.dashboard.test_alias_mail import count, wrote
from tests.api.dashboard.visitor import ADMIN, VIEWER, Visitor, World, words


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.signed_in(ADMIN)


@pytest.fixture
def shop(database: Database, world: World) -> int:
    with database.write() as tx:
        return aliases.create(tx, "shop", world.brand_b, world.john).id


def kept(database: Database, alias: int) -> Senders:
    with database.read() as tx:
        return aliases.get(tx, alias).senders


def test_the_form(admin: Visitor, database: Database, world: World, shop: int) -> None:
    form = f"/mailboxes/{world.john}/aliases/{shop}/senders"
    assert "Who may write to shop@brand-b.test" in words(admin.get(form))
    typed = "Ann@Shop.test\r\n .b\u00fccher.test, ann@shop.test"
    assert admin.post(form, mode="except", entries=typed).status_code == 303
    assert kept(database, shop) == Senders("except", ("ann@shop.test", ".xn--bcher-kva.test"))
    again = admin.get(form)
    assert "ann@shop.test\n.xn--bcher-kva.test</textarea>" in again.text
    assert "2 blocked" in words(admin.get(f"/mailboxes/{world.john}/aliases"))
    assert admin.post(form, mode="everyone", entries=typed).status_code == 303
    assert kept(database, shop) == EVERYONE


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"mode": "listed", "entries": "ann@shop.test\n@@"}, "is no sender"),
        ({"mode": "some", "entries": ""}, "The mode is one of everyone, listed, except"),
        ({"mode": "except", "entries": "\n".join(f"x{n}.test" for n in range(501))}, "At most 500 entries"),
        ({"mode": "everyone", "authenticated": "on"}, "This site does not say which verifier it trusts"),
    ],
)
def test_what_is_wrong(
    admin: Visitor, database: Database, world: World, shop: int, fields: dict[str, str], told: str
) -> None:
    page = admin.post(f"/mailboxes/{world.john}/aliases/{shop}/senders", **fields)
    assert page.status_code == 422
    assert told in words(page)
    assert fields.get("entries", "")[:10] in page.text
    assert kept(database, shop) == EVERYONE


def test_one_click(admin: Visitor, database: Database, world: World, shop: int) -> None:
    mail = f"/mailboxes/{world.john}/aliases/{shop}/mail"
    admin.post(mail, days="30")
    count(database, senders=(wrote("<news@shop.test>", 3, 0),))
    page = admin.get(mail)
    assert "news@shop.test" in words(page)
    assert 'aria-label="Block news@shop.test"' in page.text
    blocked = admin.post(f"/mailboxes/{world.john}/aliases/{shop}/senders/block", sender="news@shop.test")
    assert blocked.status_code == 303
    assert kept(database, shop) == Senders("except", ("news@shop.test",))
    page = admin.get(blocked.headers["Location"])
    assert "That sender is blocked." in words(page)
    assert 'aria-label="Block news@shop.test"' not in page.text


def test_a_viewer_sees_no_form(visitor: Visitor, world: World, shop: int) -> None:
    viewer = visitor.signed_in(VIEWER)
    form = f"/mailboxes/{world.john}/aliases/{shop}/senders"
    assert viewer.get(form).status_code == 403
    assert viewer.post(f"{form}/block", sender="x@y.test").status_code == 403


def test_testing_an_address_with_its_sender(admin: Visitor, world: World, shop: int) -> None:
    admin.post(f"/mailboxes/{world.john}/aliases/{shop}/senders", mode="except", entries="spam.test")
    said = words(admin.get("/test?address=shop@brand-b.test&from=x@spam.test"))
    assert "This sender is blocked at the alias." in said
    assert "550 5.7.1 <shop@brand-b.test>: this address does not accept mail from you" in said
    assert "is delivered to" in words(admin.get("/test?address=shop@brand-b.test&from=x@good.test"))
