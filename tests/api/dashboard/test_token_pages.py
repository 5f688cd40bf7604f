"""Tokens: made with the secret shown once, listed in words, revoked; of an account by its admins, and by operators."""

import re
from datetime import timedelta

import httpx
import pytest

from admin_api.dashboard.pages.tokens import SCOPE_WORDS
from store.clock import utc_now
from store.services import accounts, audit, tokens
from store.services.scopes import SCOPES
from store.services.tokens import TokenView
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, JOHN, OPERATOR, VIEWER, Visitor, World, words
from tests.api.running_api import PREFIXES, RunningApi

PATH = "/account/tokens"


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.signed_in(ADMIN)


def account(database: Database, name: str) -> int:
    with database.read() as tx:
        return accounts.get(tx, name).id


def made(database: Database) -> list[TokenView]:
    with database.read() as tx:
        return tokens.list_all(tx)


def make(visitor: Visitor, path: str = PATH, *scopes: str, **fields: str) -> httpx.Response:
    """Send the New Token form of the page at ``path``."""
    after = re.search(r'name="after" value="(\d+)"', visitor.get(path).text)
    form = {"csrf": visitor.token(), "after": after[1] if after else "0", "name": "website", "expires": "90", **fields}
    return visitor.client.post(path, data={**form, "scope": list(scopes)})


def secret(page: httpx.Response) -> str:
    found = re.search(r'<code id="secret"[^>]*>([^<]+)</code>', page.text)
    assert found is not None, page.text
    return found[1]


def test_every_scope_has_its_words() -> None:
    assert set(SCOPE_WORDS) == {scope for kind in SCOPES.values() for scope in kind}


def test_the_secret_is_shown_once(admin: Visitor, database: Database, pages: RunningApi) -> None:
    answer = make(admin, PATH, "aliases:write", "domains:read")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    shown = secret(answer)
    with pages.client(shown) as program:
        assert program.get("/domains").status_code == 200
        assert program.get("/tokens").status_code == 403
    (token,) = made(database)
    assert (token.name, token.kind, token.scopes) == ("website", "account", ("domains:read", "aliases:write"))
    assert token.expires_at is not None
    assert timedelta(days=89) < token.expires_at - utc_now() <= timedelta(days=90)
    again = admin.get(PATH)
    assert shown not in again.text
    assert "website Whole account" in words(again)
    assert "See domains and their DNS See, add, change and delete aliases " in words(again)
    with database.read() as tx:
        entry = audit.page(tx, object=f"token:{token.id}").items[0]
    assert (entry.action, entry.actor) == ("token.create", f"admin {ADMIN}")
    assert shown not in repr(entry)


def test_a_form_that_is_sent_again_makes_no_second_token(admin: Visitor, database: Database) -> None:
    form = {"csrf": admin.token(), "after": "0", "name": "website", "expires": "never", "everything": "on"}
    first, again = (admin.client.post(PATH, data=form) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 409)
    assert "perhaps by this very form. Revoke it if its secret is lost" in words(again)
    assert secret(first) not in again.text
    assert len(made(database)) == 1
    assert make(admin, everything="on").status_code == 201  # from a page that shows the first


def test_of_one_mailbox(admin: Visitor, database: Database, world: World) -> None:
    offered = admin.get(f"{PATH}?kind=message").text
    assert 'value="messages:send"' in offered
    assert 'value="domains:read"' not in offered
    answer = make(admin, PATH, "messages:send", kind="message", mailbox=f" {JOHN} ", expires="never")
    assert answer.status_code == 201
    (token,) = made(database)
    assert (token.kind, token.mailbox_id, token.scopes, token.expires_at) == (
        "message", world.john, ("messages:send",), None,
    )  # fmt: skip
    assert f"One mailbox: {JOHN}" in words(admin.get(PATH))


@pytest.mark.parametrize(
    ("fields", "status", "expected"),
    [
        ({"name": ""}, 422, "The name must have at least 1 character."),
        ({"name": "x" * 10_000}, 422, "The name must have at most 100 characters."),
        ({"name": "a\r\nb"}, 422, "must not hold control characters or line breaks"),
        ({"name": "\u202etxt"}, 422, "must not hold control characters or line breaks"),
        ({"expires": "yesterday"}, 422, "Choose when the token expires."),
        ({"everything": "off"}, 422, "A token needs a scope."),
        ({"scope": "messages:send", "everything": ""}, 422, "can have domains:read"),
        ({"scope": "<script>", "everything": ""}, 422, "can have domains:read"),
        ({"kind": "message", "mailbox": "eve@rival.test"}, 404, "There is no mailbox eve@rival.test."),
        ({"kind": "message", "mailbox": "nobody@brand-a.test"}, 404, "There is no mailbox nobody@brand-a.test."),
        ({"kind": "message", "mailbox": "<b>\r\n" + "x" * 10_000}, 422, ""),
    ],
)
def test_what_is_wrong_stands_at_the_field(
    admin: Visitor, database: Database, fields: dict[str, str], status: int, expected: str
) -> None:
    form = {"csrf": admin.token(), "name": "website", "expires": "30", "everything": "on", **fields}
    answer = admin.client.post(PATH, data=form)
    assert answer.status_code == status
    assert expected in words(answer)
    assert 'role="alert"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "<script>" not in answer.text.partition("<main")[2]
    assert '<details class="new" id="new" open>' in answer.text
    assert made(database) == []


def test_markup_in_a_name_is_text(admin: Visitor) -> None:
    name = "<script>alert(1)</script>\"'"
    assert make(admin, everything="on", name=name).status_code == 201
    page = admin.get(PATH)
    assert "<script>alert" not in page.text
    assert name in words(page)


def test_an_account_makes_no_operator_token(admin: Visitor, database: Database) -> None:
    assert make(admin, kind="operator", everything="on").status_code == 201
    assert [token.kind for token in made(database)] == ["account"]
    assert make(admin, "/operator/tokens", everything="on").status_code == 404
    assert len(made(database)) == 1


def test_revoking_asks_by_name(admin: Visitor, database: Database, pages: RunningApi) -> None:
    shown = secret(make(admin, everything="on"))
    (token,) = made(database)
    question = admin.get(f"{PATH}/{token.id}/revoke")
    assert "Revoke “website”?" in words(question)
    assert "It was never used." in words(question)
    answer = admin.post(f"{PATH}/{token.id}/revoke")
    assert "The token is revoked" in words(admin.get(answer.headers["Location"]))
    assert made(database) == []
    with pages.client(shown) as program:
        assert program.get("/domains").status_code == 401
    assert admin.post(f"{PATH}/{token.id}/revoke").status_code == 404


def test_expired_ones_are_marked(admin: Visitor, database: Database) -> None:
    with database.write() as tx:
        gone = tokens.create(
            tx, name="old", kind="account", prefixes=PREFIXES, account="acme", expires_at=utc_now() + timedelta(days=1)
        )
        tokens._row(tx, gone.token.id, lock=True).expires_at = utc_now() - timedelta(days=2)
    assert "Expired 2 days ago" in words(admin.get(PATH))


def test_other_peoples_tokens_are_not_there(admin: Visitor, database: Database) -> None:
    with database.write() as tx:
        theirs = [
            tokens.create(tx, name="secret-name", kind="account", prefixes=PREFIXES, account="rival").token.id,
            tokens.create(tx, name="secret-name", kind="operator", prefixes=PREFIXES).token.id,
        ]
    assert "secret-name" not in admin.get(PATH).text
    for token in (*theirs, 4711, 10**18):
        answers = [admin.get(f"{PATH}/{token}/revoke"), admin.post(f"{PATH}/{token}/revoke")]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert "secret-name" not in answers[0].text
    for account_name in ("acme", "rival"):
        path = f"/operator/accounts/{account(database, account_name)}/tokens"
        assert [admin.get(path).status_code, make(admin, path, everything="on").status_code] == [404, 404]
    assert len(made(database)) == 2


@pytest.mark.parametrize("role", ["viewer", "suspended"])
def test_who_may_only_look(visitor: Visitor, database: Database, role: str) -> None:
    with database.write() as tx:
        token = tokens.create(tx, name="website", kind="account", prefixes=PREFIXES, account="acme").token.id
        accounts.update(tx, "acme", is_active=role != "suspended")
    visitor.signed_in(VIEWER if role == "viewer" else ADMIN)
    page = visitor.get(PATH)
    assert "website Whole account" in words(page)
    assert "New Token" not in page.text
    assert "Revoke" not in page.text
    assert make(visitor, everything="on").status_code == 403
    assert visitor.post(f"{PATH}/{token}/revoke").status_code == 403
    assert len(made(database)) == 1


def test_forms_from_elsewhere(admin: Visitor, database: Database) -> None:
    fields = {"name": "website", "expires": "30", "everything": "on"}
    for answer in (
        admin.client.post(PATH, data=fields),
        admin.post(PATH, csrf="x" * 43, **fields),  # type: ignore[arg-type]
        admin.post(PATH, headers={"Origin": "https://evil.example"}, **fields),
        admin.post(PATH, headers={"Sec-Fetch-Site": "cross-site"}, **fields),
    ):
        assert answer.status_code == 403
    assert made(database) == []


def test_what_was_typed_is_kept_when_the_session_is_over(visitor: Visitor) -> None:
    where = visitor.post(PATH, csrf="x", name="website", kind="message", mailbox=JOHN, expires="365").headers[
        "Location"
    ]
    answer = visitor.sign_in(ADMIN, next=str(httpx.URL(where).params["next"]))
    page = visitor.get(answer.headers["Location"])
    assert f'value="{JOHN}"' in page.text
    assert 'value="website"' in page.text
    assert '<option value="365" selected>' in page.text


def test_operators(visitor: Visitor, database: Database) -> None:
    visitor.signed_in(OPERATOR)
    assert "acts on all accounts" in words(visitor.get("/operator/tokens"))
    assert make(visitor, "/operator/tokens", everything="on", name="provisioning").status_code == 201
    path = f"/operator/accounts/{account(database, 'rival')}/tokens"
    assert "rival Account on the plan Starter" in words(visitor.get(path))
    assert make(visitor, path, everything="on", name="theirs").status_code == 201
    assert make(visitor, path, kind="message", everything="on", mailbox=JOHN).status_code == 404
    by_name = {token.name: token for token in made(database)}
    assert {name: token.kind for name, token in by_name.items()} == {"provisioning": "operator", "theirs": "account"}
    assert by_name["theirs"].account_id == account(database, "rival")
    assert "theirs" not in words(visitor.get("/operator/tokens"))
    assert "provisioning" not in words(visitor.get(path))
    elsewhere = f"/operator/accounts/{account(database, 'acme')}/tokens/{by_name['theirs'].id}/revoke"
    assert [visitor.get(elsewhere).status_code, visitor.post(elsewhere).status_code] == [404, 404]
    assert visitor.post(f"/operator/tokens/{by_name['theirs'].id}/revoke").status_code == 404
    assert visitor.post(f"{path}/{by_name['theirs'].id}/revoke").status_code == 303
    assert visitor.get("/operator/accounts/4711/tokens").status_code == 404
