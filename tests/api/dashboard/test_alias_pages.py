"""The list of mailboxes, and the aliases of one: what is shown, what buttons do, and to whom."""

import dataclasses

import pytest

from admin_api.site import Owners
from store.services import accounts, aliases, domain_settings, mailboxes
from store.services.views import Alias
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, BUTTONS, JOHN, OPERATOR, VIEWER, Cache, Visitor, World, dashboard, words
from tests.api.running_api import RunningApi


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.signed_in(ADMIN)


@pytest.fixture
def path(world: World) -> str:
    return f"/mailboxes/{world.john}/aliases"


def alias(database: Database, address: str) -> Alias:
    with database.read() as tx:
        return aliases.get(tx, address)


def addresses(database: Database, mailbox: int) -> list[str]:
    with database.read() as tx:
        return [one.address for one in aliases.list_all(tx, mailbox=mailbox)]


def test_a_new_alias(admin: Visitor, database: Database, world: World, path: str) -> None:
    answer = admin.post(path, local_part="shop", domain_id=str(world.brand_b), can_receive="on")
    assert answer.status_code == 303
    made = alias(database, "shop@brand-b.test")
    assert (made.mailbox, made.can_receive, made.can_send, made.is_active) == (JOHN, True, False, True)
    page = admin.get(answer.headers["Location"])
    assert "3 of 30" in words(page)
    assert "shop@brand-b.test Active live on the mail server" in words(page)
    assert '<details class="new" id="new" open>' in page.text


def test_the_form_offers_active_domains_of_the_account(admin: Visitor, path: str, database: Database) -> None:
    assert "waits.test" not in admin.get(path).text
    assert "rival.test" not in admin.get(path).text
    with database.write() as tx:
        domain_settings.update(tx, "brand-b.test", is_active=False)
    page = admin.get(path).text
    assert ">brand-b.test</option>" not in page
    assert ">brand-a.test</option>" in page


@pytest.mark.parametrize(
    ("local_part", "domain", "status", "expected"),
    [
        ("Sales Team", "brand_b", 422, "spaces are not allowed. For example: sales-team"),
        ("Info", "brand_b", 422, "upper case is not allowed; write it in lower case. For example: info"),
        ("a@b", "brand_b", 422, "an @ is not allowed in the name. For example: a"),
        ("", "brand_b", 422, "there is nothing before the @. For example: sales-team"),
        ("x" * 10_000, "brand_b", 422, "it is 10000 characters long; at most 64 are allowed."),
        ("a\r\nb", "brand_b", 422, "is not allowed"),
        ("\u202etxt", "brand_b", 422, "is not allowed"),
        ("sales", "brand_b", 409, "sales@brand-b.test is taken already."),
        ("john", "brand_a", 409, "john@brand-a.test is taken already."),
        ("postmaster", "brand_b", 409, "postmaster is a system address"),
        ("shop", "pending", 409, "is not verified yet"),
        ("shop", "rivals", 404, "is not a domain of this account"),
    ],
)
def test_what_is_wrong_stands_at_the_field(
    admin: Visitor, world: World, path: str, local_part: str, domain: str, status: int, expected: str
) -> None:
    chosen = str(getattr(world, domain))
    answer = admin.post(path, local_part=local_part, domain_id=chosen, can_send="on")
    assert answer.status_code == status
    assert expected in words(answer)
    assert 'name="can_send" checked' in answer.text
    assert 'name="can_receive" checked' not in answer.text
    assert 'role="alert"' in answer.text
    if "\r" not in local_part:
        assert f'value="{local_part}"' in answer.text


def test_no_domain_chosen(admin: Visitor, path: str) -> None:
    answer = admin.post(path, local_part="shop", domain_id="9" * 30)
    assert (answer.status_code, "choose a domain." in words(answer)) == (422, True)


@pytest.mark.parametrize(("action", "field", "value"), BUTTONS)
def test_each_button(
    admin: Visitor, database: Database, world: World, path: str, action: str, field: str, value: bool
) -> None:
    with database.write() as tx:
        aliases.update(tx, world.sales, **{field: not value})  # type: ignore[arg-type]
    before = alias(database, "sales@brand-b.test")
    answer = admin.post(f"{path}/{world.sales}", action=action)
    assert answer.status_code == 303
    after = alias(database, "sales@brand-b.test")
    changed = {name for name in dataclasses.asdict(before) if getattr(before, name) != getattr(after, name)}
    assert changed - {"updated_at"} == {field}
    assert getattr(after, field) is value
    assert "live on the mail server" in words(admin.get(answer.headers["Location"]))


def test_no_such_button(admin: Visitor, world: World, path: str) -> None:
    assert admin.post(f"{path}/{world.sales}", action="rename").status_code == 422


def test_on_its_way_until_it_is_live(admin: Visitor, cache: Cache, world: World, path: str) -> None:
    cache.says = "pending"
    where = admin.post(f"{path}/{world.sales}", action="disable").headers["Location"]
    page = admin.get(where)
    assert "Disabled on its way to the mail server" in words(page)
    assert "live on the mail server" not in page.text
    assert "data-pending" in page.text
    cache.says = "live"
    page = admin.get(where)
    assert "Disabled live on the mail server" in words(page)
    assert "data-pending" not in page.text


def test_deleting_says_what_happens_first(admin: Visitor, database: Database, world: World, path: str) -> None:
    caught = words(admin.get(f"{path}/{world.sales}/delete"))
    assert "Delete sales@brand-b.test?" in caught
    assert "mail to it goes to mary@brand-a.test , the catch-all of brand-b.test" in caught
    for question in (
        "Are there any websites, forms, or business cards using this address?",
        "Have you shared this alias with clients or partners?",
        "Would disabling (instead of deleting) be safer until you're sure?",
    ):
        assert question in caught
    assert "mail to it bounces with “user unknown”" in words(admin.get(f"{path}/{world.info}/delete"))
    with database.write() as tx:
        domain_settings.update(tx, "brand-b.test", is_active=False)
    assert "is switched off" in words(admin.get(f"{path}/{world.sales}/delete"))


def test_deleting(admin: Visitor, database: Database, world: World, path: str) -> None:
    answer = admin.post(f"{path}/{world.sales}/delete")
    assert addresses(database, world.john) == ["info@brand-a.test"]
    assert "The alias is deleted. live on the mail server" in words(admin.get(answer.headers["Location"]))
    assert admin.post(f"{path}/{world.sales}/delete").status_code == 404


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"plan": "nano"}, "Aliases are not part of this plan. The plan starter allows 30 for each mailbox."),
        (
            {"plan": "pro", "is_trial": True},
            "5 aliases until the first payment. This mailbox has 6. The limit is 50 from the first payment on.",
        ),
        ({"plan": "starter"}, None),
    ],
)
def test_at_the_limit(
    admin: Visitor, database: Database, world: World, path: str, change: dict[str, str], expected: str | None
) -> None:
    with database.write() as tx:
        for number in range(4):
            aliases.add(tx, f"n{number}@brand-b.test", JOHN)
        accounts.update(tx, "acme", **change)  # type: ignore[arg-type]
    page = admin.get(path)
    if expected is None:
        assert "New Alias" in words(page)
        return
    assert expected in words(page)
    assert 'href="https://plans.example/"' in page.text
    assert "New Alias" not in words(page)
    refused = admin.post(path, local_part="more", domain_id=str(world.brand_b), note="for later")
    assert refused.status_code == 422
    assert expected in words(refused)
    assert 'value="more"' in refused.text  # the limit was reached while it was typed: nothing is lost
    assert 'value="for later"' in refused.text


def test_what_somebody_else_has_is_not_there(admin: Visitor, database: Database, world: World, path: str) -> None:
    theirs = f"/mailboxes/{world.eve}/aliases"
    for mailbox, one in ((world.eve, world.eves), (world.john, world.eves), (world.mary, world.sales), (10**18, 1)):
        at = f"/mailboxes/{mailbox}/aliases/{one}"
        rows = f"/mailboxes/{mailbox}/aliases/rows"
        ticked = f"{one} secret@rival.test"
        answers = [
            admin.get(f"{at}/delete"),
            admin.get(f"{at}/note"),
            admin.post(at, action="disable"),
            admin.post(f"{at}/delete"),
            admin.post(f"{at}/note", note="mine"),
            admin.post(rows, row=f"disable {one}"),
            admin.post(rows, action="disable", alias_id=ticked),
            admin.post(rows, action="delete", alias_id=ticked),
            admin.post(rows, action="delete", confirmed="yes", alias_id=ticked),
        ]
        assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert admin.get(theirs).status_code == 404
    assert admin.post(theirs, local_part="x", domain_id=str(world.rivals)).status_code == 404
    assert words(admin.get(theirs)) == words(admin.get("/mailboxes/4711/aliases"))
    assert alias(database, "secret@rival.test").is_active
    assert alias(database, "sales@brand-b.test").is_active


def test_an_operator_sees_all_and_mixes_nothing(visitor: Visitor, database: Database, world: World, path: str) -> None:
    visitor.signed_in(OPERATOR)
    assert "secret@rival.test" in visitor.get(f"/mailboxes/{world.eve}/aliases").text
    assert ">rival.test</option>" not in visitor.get(path).text
    assert visitor.post(path, local_part="shop", domain_id=str(world.rivals)).status_code == 404
    assert visitor.post(path, local_part="shop", domain_id=str(world.brand_a)).status_code == 303


@pytest.mark.parametrize(
    ("name", "owners", "may"),
    [
        (VIEWER, "manage", ()),
        (ADMIN, "view", ("toggle", "manage")),
        (JOHN, "view", ()),
        (JOHN, "toggle", ("toggle",)),
        (JOHN, "manage", ("toggle", "manage")),
    ],
)
def test_who_may_what(
    visitor: Visitor, pages: RunningApi, world: World, path: str, name: str, owners: Owners, may: tuple[str, ...]
) -> None:
    pages.server.replace_site(dataclasses.replace(pages.server.app.state.site, dashboard=dashboard(owners)))
    visitor.signed_in(name)
    page = words(visitor.get(path))
    assert ("New Alias" in page, "Delete" in page) == ("manage" in may, "manage" in may)
    assert ("Disable" in page, "Ticked:" in page) == ("toggle" in may, "toggle" in may)
    assert ("Add a note" in page) == ("manage" in may)
    at = f"{path}/{world.sales}"
    looked = [visitor.get(f"{path}/check?local_part=x&domain_id=1"), visitor.get(f"{at}/note")]
    assert {answer.status_code for answer in looked} == {200 if "manage" in may else 403}
    ticked = f"{world.info} info@brand-a.test"
    tried = {
        "toggle": [
            visitor.post(at, action="send-on"),
            visitor.post(f"{path}/rows", row=f"send-off {world.sales}"),
            visitor.post(f"{path}/rows", action="send-on", alias_id=ticked),
        ],
        "manage": [
            visitor.post(f"{at}/note", note="x"),
            visitor.post(path, local_part="shop", domain_id=str(world.brand_b)),
            visitor.post(f"{path}/rows", action="delete", confirmed="yes", alias_id=ticked),
            visitor.post(f"{at}/delete"),
        ],
    }
    for right, answers in tried.items():
        assert [answer.status_code for answer in answers] == [303 if right in may else 403] * len(answers)


def test_an_owner_has_one_mailbox(visitor: Visitor, world: World) -> None:
    visitor.signed_in(JOHN)
    at = f"/mailboxes/{world.mary}/aliases"
    assert [visitor.get(at).status_code, visitor.post(at, local_part="x", domain_id="1").status_code] == [404, 404]
    assert visitor.post(f"{at}/{world.sales}", action="disable").status_code == 404


def test_a_suspended_account_only_looks(admin: Visitor, database: Database, world: World, path: str) -> None:
    with database.write() as tx:
        accounts.update(tx, "acme", is_active=False)
    assert "This account is suspended" in admin.get(path).text
    assert admin.post(f"{path}/{world.sales}", action="disable").status_code == 403


def test_what_people_wrote_is_text(admin: Visitor, database: Database, world: World, path: str) -> None:
    evil = "<script>alert(1)</script>\"'&"
    with database.write() as tx:
        mailboxes.update(tx, JOHN, display_name=evil)
        aliases.update(tx, world.sales, note=evil)
    answers = [
        admin.get("/mailboxes"),
        admin.get(path),
        admin.get("/mailboxes?search=%3Cscript%3E%22%27"),
        admin.get(f"{path}?local_part=%3Cscript%3E%22&domain_id=%22%3E%3Cscript%3E"),
        admin.post(path, local_part=evil, domain_id=evil),
        admin.post(path, local_part=evil, domain_id=str(world.brand_b)),
    ]
    for answer in answers:
        assert "<script>" not in answer.text.replace("<script src=", "")
        assert "script" in answer.text


def test_a_page_for_whom_is_lost_and_a_document_for_programs(visitor: Visitor) -> None:
    assert "There is nothing here" in words(visitor.get("/nothing"))
    program = visitor.client.get("/nothing")
    assert (program.status_code, program.headers["Content-Type"]) == (404, "application/problem+json")
    api = visitor.get("/api/v1/nothing")
    assert api.headers["Content-Type"] == "application/problem+json"
