"""The Aliases tab beyond one button: checks while one types, notes, ticked rows, two admins at once, long lists."""

import html
import re
from urllib.parse import urlencode

import httpx
import pytest

from store.services import accounts, aliases, domain_settings
from store.services.views import Alias
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, BUTTONS, JOHN, Visitor, World, words

EVIL = ["<script>alert(1)</script>\"'&", "a\r\nSet-Cookie: x", "\u202etxt.exe", "x" * 10_000]


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.signed_in(ADMIN)


@pytest.fixture
def path(world: World) -> str:
    return f"/mailboxes/{world.john}/aliases"


def johns(database: Database) -> dict[str, Alias]:
    with database.read() as tx:
        return {one.address: one for one in aliases.list_all(tx, mailbox=JOHN)}


def many(visitor: Visitor, path: str, ticked: dict[int, str], **fields: str) -> httpx.Response:
    """Press a button of the bar."""
    values = [f"{identity} {address}" for identity, address in ticked.items()]
    data: dict[str, str | list[str]] = {"csrf": visitor.token(), **fields, "alias_id": values}
    return visitor.client.post(f"{path}/rows", data=data)


@pytest.fixture
def both(world: World) -> dict[int, str]:
    return {world.sales: "sales@brand-b.test", world.info: "info@brand-a.test"}


@pytest.mark.parametrize(
    ("local_part", "domain", "expected"),
    [
        ("shop", "brand_b", "shop@brand-b.test is free."),
        ("Sales Team", "brand_b", "spaces are not allowed. For example: sales-team"),
        ("sales", "brand_b", "sales@brand-b.test is taken already."),
        ("john", "brand_a", "john@brand-a.test is taken already."),
        ("postmaster", "brand_b", "postmaster is a system address"),
        ("shop", "pending", "is not verified yet"),
        ("secret", "rivals", "is not a domain of this account"),
        ("x" * 10_000, "brand_b", "it is 10000 characters long"),
        ("\u202etxt", "brand_b", "is not allowed"),
    ],
)
def test_a_name_is_checked_in_the_words_of_making_it(
    admin: Visitor, world: World, path: str, local_part: str, domain: str, expected: str
) -> None:
    chosen = str(getattr(world, domain))
    asked = urlencode({"local_part": local_part, "domain_id": chosen})
    answer = admin.get(f"{path}/check?{asked}")
    assert answer.status_code == 200
    assert expected in words(answer)
    made = admin.post(path, local_part=local_part, domain_id=chosen)
    assert made.status_code == (303 if "is free" in expected else made.status_code)
    if made.status_code != 303:
        assert expected in words(made)


def test_checking_takes_nothing_and_knows_the_limit(
    admin: Visitor, database: Database, world: World, path: str
) -> None:
    before = johns(database)
    assert "choose a domain" in words(admin.get(f"{path}/check"))
    with database.write() as tx:
        accounts.update(tx, "acme", plan="nano")
    assert "has no aliases" in words(admin.get(f"{path}/check?local_part=shop&domain_id={world.brand_b}"))
    assert johns(database) == before
    assert admin.get(f"/mailboxes/{world.eve}/aliases/check?local_part=x&domain_id=1").status_code == 404


def test_a_note_is_made_changed_and_taken_away(admin: Visitor, database: Database, world: World, path: str) -> None:
    admin.post(path, local_part="shop", domain_id=str(world.brand_b), can_receive="on", note=" for the shop ")
    made = johns(database)["shop@brand-b.test"]
    assert made.note == "for the shop"
    at = f"{path}/{made.id}/note"
    assert 'value="for the shop"' in admin.get(at).text
    answer = admin.post(at, note="for the new shop")
    assert "for the new shop" in words(admin.get(answer.headers["Location"]))
    assert johns(database)["shop@brand-b.test"].can_receive
    admin.post(at, note="")
    assert johns(database)["shop@brand-b.test"].note is None


@pytest.mark.parametrize("note", EVIL)
def test_a_bad_note_is_kept_as_typed(admin: Visitor, database: Database, world: World, path: str, note: str) -> None:
    answer = admin.post(f"{path}/{world.sales}/note", note=note)
    made = admin.post(path, local_part="shop", domain_id=str(world.brand_b), note=note)
    assert "<script>alert" not in answer.text + made.text
    if answer.status_code == 303:
        assert johns(database)["sales@brand-b.test"].note == note
        return
    assert (answer.status_code, made.status_code) == (422, 422)
    for page in (answer, made):
        assert "The note must" in words(page)
        assert html.escape(note).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page.text
        assert 'aria-invalid="true"' in page.text
    assert johns(database)["sales@brand-b.test"].note is None


@pytest.mark.parametrize(("action", "field", "value"), BUTTONS)
def test_ticked_rows_are_changed_together(
    admin: Visitor, database: Database, path: str, both: dict[int, str], action: str, field: str, value: bool
) -> None:
    for _ in range(2):  # what is so already stays so
        answer = many(admin, path, both, action=action)
        assert answer.status_code == 303
        assert [getattr(one, field) for one in johns(database).values()] == [value, value]
    assert "2 aliases are changed. live on the mail server" in words(admin.get(answer.headers["Location"]))


def test_ticked_rows_are_deleted_after_one_question(
    admin: Visitor, database: Database, path: str, both: dict[int, str]
) -> None:
    asked = many(admin, path, both, action="delete")
    assert asked.status_code == 200
    said = words(asked)
    assert "Delete 2 aliases?" in said
    assert "sales@brand-b.test goes to mary@brand-a.test, the catch-all of brand-b.test" in said
    assert "info@brand-a.test bounces with “user unknown”" in said
    assert re.search(r"<button[^>]*value=\"disable\" autofocus", asked.text)
    assert len(johns(database)) == 2
    answer = many(admin, path, both, action="delete", confirmed="yes")
    assert "2 aliases are deleted. live on the mail server" in words(admin.get(answer.headers["Location"]))
    assert johns(database) == {}
    again = many(admin, path, both, action="delete", confirmed="yes")
    assert again.status_code == 404
    assert "is not there any more" in words(again)


def test_all_or_none(admin: Visitor, database: Database, world: World, path: str, both: dict[int, str]) -> None:
    with database.write() as tx:
        aliases.remove(tx, world.sales)
    answer = many(admin, path, both, action="disable")
    assert answer.status_code == 404
    assert "sales@brand-b.test is not there any more" in words(answer)
    assert "Nothing was changed" in words(answer)
    assert f'value="{world.info} info@brand-a.test" aria-labelledby="a{world.info}" checked' in answer.text
    assert johns(database)["info@brand-a.test"].is_active
    assert "1 of those that were ticked is not there any more" in words(many(admin, path, both, action="delete"))


def test_nothing_ticked_no_such_button_and_too_many(admin: Visitor, path: str, both: dict[int, str]) -> None:
    for ticked in ({}, {0: "x@y"}):
        answer = many(admin, path, ticked, action="disable")
        assert (answer.status_code, "Nothing is ticked" in words(answer)) == (422, True)
    assert many(admin, path, both, action="rename").status_code == 422
    assert admin.post(f"{path}/rows", row="rename 1").status_code == 422
    assert admin.post(f"{path}/rows", row="x" * 10_000).status_code == 422
    answer = many(admin, path, dict.fromkeys(range(1, 1002), "x@brand-b.test"), action="disable")
    assert (answer.status_code, "at most 1000" in words(answer)) == (422, True)


def test_another_admin_was_quicker(admin: Visitor, database: Database, world: World, path: str) -> None:
    with database.write() as tx:
        aliases.remove(tx, world.sales)
        aliases.update(tx, world.info, is_active=False)
    at = f"{path}/{world.sales}"
    tried = [
        admin.post(at, action="disable"),
        admin.post(f"{path}/rows", row=f"disable {world.sales}"),
        admin.get(f"{at}/delete"),
        admin.post(f"{at}/delete"),
        admin.get(f"{at}/note"),
        admin.post(f"{at}/note", note="x"),
    ]
    for answer in tried:
        assert answer.status_code == 404
        assert "is not there any more: it was deleted meanwhile. Nothing was changed." in words(answer)
        assert "info@brand-a.test" in words(answer)  # the list as it is now
    assert admin.post(f"{path}/rows", row=f"disable {world.info}").status_code == 303  # is so already
    for shown in (at, f"{path}/rows"):  # loaded again
        assert admin.get(shown).headers["Location"] == path


def test_a_long_list_is_light_and_can_be_searched(admin: Visitor, database: Database, world: World, path: str) -> None:
    assert 'id="search"' not in admin.get(path).text
    with database.write() as tx:
        accounts.update(tx, "acme", plan="agency")
        for number in range(98):
            aliases.add(tx, f"name{number:02}@brand-b.test", JOHN, note="for the shop" if number == 7 else None)
    page = admin.get(path)
    assert "100 of 100" in words(page)
    assert len(page.content) < 180_000
    found = admin.get(f"{path}?search=THE+SHOP")
    assert (found.text.count('name="alias_id"'), "name07@brand-b.test" in found.text) == (1, True)
    assert "holds “<x>”" in words(admin.get(f"{path}?search=%3Cx%3E"))
    answer = admin.post(f"{path}/rows", row=f"disable {world.sales}", search="sales")
    assert "search=sales" in answer.headers["Location"]
    assert admin.get(answer.headers["Location"]).text.count('name="alias_id"') == 1


def test_a_trial_account_is_told_before_the_limit(admin: Visitor, database: Database, path: str) -> None:
    with database.write() as tx:
        accounts.update(tx, "acme", is_trial=True)
    assert "2 of 5 aliases used 5 aliases until the first payment" in words(admin.get(path))


def test_a_domain_that_was_switched_off_meanwhile(admin: Visitor, database: Database, world: World, path: str) -> None:
    with database.write() as tx:
        domain_settings.update(tx, "brand-b.test", is_active=False)
    answer = admin.post(path, local_part="shop", domain_id=str(world.brand_b))
    assert (answer.status_code, "is switched off" in words(answer)) == (409, True)
    assert 'value="shop"' in answer.text


@pytest.mark.parametrize("csrf", ["", "foreign"])
def test_a_form_without_its_token(admin: Visitor, database: Database, world: World, path: str, csrf: str) -> None:
    before = johns(database)
    ticked = f"{world.sales} sales@brand-b.test"
    answers = [
        admin.post(f"{path}/rows", csrf=csrf, action="delete", confirmed="yes", alias_id=ticked),
        admin.post(f"{path}/{world.sales}/note", csrf=csrf, note="x"),
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert johns(database) == before
