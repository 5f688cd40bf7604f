"""The Security page: password, second factor, sessions; and what a stolen session cannot do with it."""

import dataclasses
import html
from hashlib import sha256

import pytest
from sqlalchemy import select

from admin_api.site import Owners
from store.passwords import PasswordHash, hash_password
from store.services import accounts, admins, audit, second_factors
from store.sql.database import Database
from store.sql.tables import RecoveryCodeRow
from tests.api.dashboard.factors import (
    code_of,
    fail_often,
    give_app,
    half_way,
    person,
    second_step,
    shown_codes,
    shown_secret,
)
from tests.api.dashboard.visitor import ADMIN, EVE, JOHN, OPERATOR, PASSWORD, VIEWER, Visitor, dashboard, words
from tests.api.running_api import RunningApi

NEW = "four words in a row"
HOSTILE = ["<script>alert(1)</script>\"'&", "a\r\nSet-Cookie: x=1", "\u202etxt.exe", "x" * 10_000]


def actions(database: Database, name: str) -> list[str]:
    with database.read() as tx:
        return [entry.action for entry in audit.page(tx, object=name).items]


@pytest.mark.parametrize("name", [ADMIN, VIEWER, OPERATOR, JOHN])
def test_everybody_has_one(visitor: Visitor, name: str) -> None:
    visitor.signed_in(name)
    page = visitor.get("/security")
    assert page.status_code == 200
    assert "Authenticator app" in words(page)
    assert "this one" in words(page)
    assert 'href="/security"' in visitor.get("/nothing").text


@pytest.mark.parametrize("name", [ADMIN, VIEWER, JOHN])
def test_another_password(visitor: Visitor, pages: RunningApi, database: Database, name: str) -> None:
    visitor.signed_in(name)
    before, elsewhere = visitor.client.cookies["byname"], Visitor(pages.url).signed_in(name)
    answer = visitor.post("/security/password", password=PASSWORD, new_password=NEW, repeated=NEW)
    assert answer.status_code == 303
    assert "Your password is changed." in words(visitor.get(answer.headers["Location"]))
    assert visitor.client.cookies["byname"] != before
    assert elsewhere.get("/security").headers["Location"].startswith("/login")
    thief = Visitor(pages.url)
    thief.client.cookies.set("byname", before)
    assert thief.get("/security").headers["Location"].startswith("/login")
    assert [Visitor(pages.url).sign_in(name, word).status_code for word in (PASSWORD, NEW)] == [401, 303]
    assert f"{'mailbox' if name == JOHN else 'admin'}.set-password" in actions(database, name)


@pytest.mark.parametrize(
    ("old", "new", "repeated", "status", "message"),
    [
        ("wrong", NEW, NEW, 422, "This is not your password."),
        ("", NEW, NEW, 422, "This is not your password."),
        (PASSWORD, "short", "short", 422, "The password must have at least 8 characters."),
        (PASSWORD, NEW, "another", 422, "This is not what was typed above."),
        (PASSWORD, "line\nbreak", "line\nbreak", 422, "must not hold control characters"),
        (PASSWORD, "x" * 10_000, "x" * 10_000, 422, "must have at most 256 characters"),
        ("x" * 10_000, NEW, NEW, 422, "This is not your password."),
    ],
)
def test_what_is_no_new_password(
    visitor: Visitor, pages: RunningApi, old: str, new: str, repeated: str, status: int, message: str
) -> None:
    visitor.signed_in(ADMIN)
    answer = visitor.post("/security/password", password=old, new_password=new, repeated=repeated)
    assert (answer.status_code, message in words(answer)) == (status, True)
    assert 'aria-invalid="true"' in answer.text
    assert new not in answer.text
    assert Visitor(pages.url).sign_in(ADMIN).status_code == 303


@pytest.mark.parametrize("owners", ["view", "toggle"])
def test_an_owner_who_may_not_is_told_whom_to_ask(visitor: Visitor, pages: RunningApi, owners: Owners) -> None:
    pages.server.replace_site(dataclasses.replace(pages.server.app.state.site, dashboard=dashboard(owners)))
    visitor.signed_in(JOHN)
    assert "ask who looks after the mailboxes of brand-a.test" in words(visitor.get("/security"))
    refused = visitor.post("/security/password", password=PASSWORD, new_password=NEW, repeated=NEW)
    assert refused.status_code == 403


def test_in_a_suspended_account_only_the_mailbox_password_is_kept(
    visitor: Visitor, pages: RunningApi, database: Database
) -> None:
    with database.write() as tx:
        accounts.update(tx, "acme", is_active=False)
    visitor.signed_in(JOHN)
    assert visitor.post("/security/password", password=PASSWORD, new_password=NEW, repeated=NEW).status_code == 403
    admin = Visitor(pages.url).signed_in(ADMIN)
    assert admin.post("/security/password", password=PASSWORD, new_password=NEW, repeated=NEW).status_code == 303


def test_guessing_with_a_stolen_session_gets_slower(visitor: Visitor, database: Database) -> None:
    visitor.signed_in(ADMIN)
    assert visitor.post("/security/codes", password="guess").status_code == 422
    fail_often(database)
    answer = visitor.post("/security/codes", password=PASSWORD)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 600) == (429, True)


def test_sessions(visitor: Visitor, pages: RunningApi, database: Database) -> None:
    phone, tablet = Visitor(pages.url), Visitor(pages.url)
    phone.client.headers["User-Agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) AppleWebKit Version/19.0 Safari/605"
    tablet.client.headers["User-Agent"] = HOSTILE[0]
    visitor.signed_in(ADMIN)
    phone.signed_in(ADMIN)
    tablet.signed_in(ADMIN)
    listed = visitor.get("/security")
    assert "Safari on iPhone From 127.0.0.1 Since just now" in words(listed)
    assert "alert(1)" not in listed.text
    assert words(listed).count("this one") == 1
    number = html.unescape(listed.text).partition("the session of Safari on iPhone")[0].rpartition("/sessions/")[2]
    ended = visitor.post(f"/security/sessions/{number.partition('/')[0]}/end")
    assert "That session has ended." in words(visitor.get(ended.headers["Location"]))
    assert phone.get("/security").is_redirect
    assert tablet.get("/security").status_code == 200
    visitor.post("/security/sessions/end-others")
    assert tablet.get("/security").is_redirect
    assert visitor.get("/security").status_code == 200
    assert actions(database, ADMIN)[:2] == ["session.end-others", "session.end"]


def test_ending_this_session_is_signing_out(visitor: Visitor) -> None:
    visitor.signed_in(ADMIN)
    number = visitor.get("/security").text.partition("/security/sessions/")[2].partition("/")[0]
    assert visitor.post(f"/security/sessions/{number}/end").headers["Location"] == "/login"
    assert "byname" not in visitor.client.cookies


@pytest.mark.parametrize(("mine", "theirs"), [(ADMIN, EVE), (ADMIN, VIEWER), (JOHN, ADMIN), (OPERATOR, ADMIN)])
def test_what_is_somebody_elses_is_not_there(visitor: Visitor, pages: RunningApi, mine: str, theirs: str) -> None:
    other = Visitor(pages.url).signed_in(theirs)
    number = other.get("/security").text.partition("/security/sessions/")[2].partition("/")[0]
    visitor.signed_in(mine)
    assert visitor.post(f"/security/sessions/{number}/end").status_code == 404
    assert words(visitor.post(f"/security/sessions/{number}/end")) == words(visitor.post("/security/sessions/4711/end"))
    assert other.get("/security").status_code == 200


def test_an_app_from_first_to_last(visitor: Visitor, pages: RunningApi, database: Database) -> None:
    visitor.signed_in(ADMIN)
    form = visitor.get("/security/app")
    secret = shown_secret(form)
    assert "<svg" in form.text
    for inline in (" style=", "<style", "xmlns:xlink"):
        assert inline not in form.text
    wrong = visitor.post("/security/app", secret=secret, code="000000", password=PASSWORD)
    assert (wrong.status_code, "This code does not fit." in words(wrong)) == (422, True)
    assert shown_secret(wrong) == secret
    unsure = visitor.post("/security/app", secret=secret, code=code_of(secret), password="wrong")
    assert (unsure.status_code, "This is not your password." in words(unsure)) == (422, True)
    assert "Set up" in words(visitor.get("/security"))
    first = code_of(secret)
    done = visitor.post("/security/app", secret=secret, code=first, password=PASSWORD)
    codes = shown_codes(done)
    assert len(set(codes)) == 10
    assert "10 of 10 left" in words(visitor.get("/security"))
    again = visitor.post("/security/app", secret=secret, code=code_of(secret, 1), password=PASSWORD)
    assert again.status_code == 409

    other = Visitor(pages.url)
    page = half_way(other, ADMIN)
    assert second_step(other, page, first).status_code == 401  # it has confirmed the app
    assert second_step(other, page, codes[0]).status_code == 303
    assert "9 of 10 left" in words(other.get("/security"))

    assert visitor.post("/security/codes", password="wrong").status_code == 422
    renewed = shown_codes(visitor.post("/security/codes", password=PASSWORD))
    assert len(renewed) == 10
    third = Visitor(pages.url)
    page = half_way(third, ADMIN)
    assert second_step(third, page, codes[1]).status_code == 401
    assert second_step(third, page, renewed[0]).status_code == 303

    assert visitor.post("/security/app/remove", password="wrong").status_code == 422
    assert visitor.post("/security/app/remove", password=PASSWORD).status_code == 303
    assert "Recovery codes" not in words(visitor.get("/security"))
    assert Visitor(pages.url).sign_in(ADMIN).headers["Location"] == "/mailboxes"
    noted = [action for action in actions(database, ADMIN) if not action.startswith("session.")]
    assert noted[:5] == [
        "second-factor.remove", "recovery-code.use", "recovery-codes.renew", "recovery-code.use", "second-factor.add",
    ]  # fmt: skip


def test_no_recovery_code_is_kept(database: Database) -> None:
    _, codes = give_app(database, ADMIN)
    with database.read() as tx:
        kept = set(tx.scalars(select(RecoveryCodeRow.sha256)))
        noted = str(audit.page(tx, object=ADMIN).items)
    assert kept == {sha256(code.replace("-", "").encode()).hexdigest() for code in codes}
    assert not any(code in noted for code in codes)


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_in_each_field(visitor: Visitor, value: str) -> None:
    visitor.signed_in(ADMIN)
    forms = [
        ("/security/app", {"secret": value, "code": "1", "password": PASSWORD}),
        ("/security/app", {"secret": "A" * 32, "code": value, "password": PASSWORD}),
        ("/security/app", {"secret": "A" * 32, "code": "1", "password": value}),
        ("/security/codes", {"password": PASSWORD + value}),
    ]
    for path, fields in forms:
        answer = visitor.post(path, headers={}, **fields)
        assert answer.status_code in {409, 422}, path
        assert "<script>" not in answer.text.replace("<script src=", "")
        assert "Set-Cookie: x=1" not in str(answer.headers)


@pytest.mark.parametrize(
    "path",
    ["/security/password", "/security/app", "/security/app/remove", "/security/codes", "/security/passkeys",
     "/security/passkeys/options", "/security/sessions/end-others", "/security/sessions/1/end"],
)  # fmt: skip
def test_a_form_of_somebody_else(visitor: Visitor, pages: RunningApi, path: str) -> None:
    foreign = Visitor(pages.url).signed_in(VIEWER).token()
    visitor.signed_in(ADMIN)
    fields = {"password": PASSWORD, "new_password": NEW, "repeated": NEW}
    for csrf in ("", "x" * 43, foreign):
        assert visitor.post(path, csrf=csrf, headers={}, **fields).status_code == 403
    assert visitor.post(path, headers={"Origin": "https://evil.example"}, **fields).status_code == 403
    assert Visitor(pages.url).sign_in(ADMIN).status_code == 303


def test_after_signing_out_nothing_is_kept_by_the_browser(visitor: Visitor) -> None:
    visitor.signed_in(ADMIN)
    for path in ("/security", "/security/app", "/security/codes", "/security/passkeys/new"):
        page = visitor.get(path)
        assert (page.headers["Cache-Control"], page.headers["X-Frame-Options"]) == ("no-store", "DENY")
    visitor.post("/sign-out")
    assert visitor.get("/security").headers["Location"] == "/login?next=%2Fsecurity"


def test_a_reset_takes_the_second_factor_away(visitor: Visitor, database: Database) -> None:
    give_app(database, ADMIN)
    with database.write() as tx:
        assert admins.has_second_factor(tx, ADMIN)
        admins.reset(tx, ADMIN, PasswordHash(hash_password(NEW)))
        assert not admins.has_second_factor(tx, ADMIN)
        assert second_factors.of(tx, person(database, ADMIN)).codes_left == 0
    assert actions(database, ADMIN)[:2] == ["admin.set-password", "second-factor.remove"]
    assert visitor.sign_in(ADMIN, NEW).headers["Location"] == "/mailboxes"
