"""The second step of signing in: what a code is good for, and what half a session, or a thief of one, cannot do."""

import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import select

from admin_api.site import SecondFactor
from store.clock import utc_now
from store.passwords import PasswordHash, hash_password
from store.services import admins, audit, half_sessions, mailboxes, totp
from store.sql.database import Database
from store.sql.tables import SignInAttemptRow
from tests.api.dashboard.factors import code_of, fail_often, give_app, half_way, person, second_step
from tests.api.dashboard.visitor import ADMIN, JOHN, PASSWORD, Visitor, World, dashboard, token_of, words
from tests.api.running_api import RunningApi


def with_rule(pages: RunningApi, rule: SecondFactor) -> None:
    site = pages.server.app.state.site
    pages.server.replace_site(dataclasses.replace(site, dashboard=dataclasses.replace(dashboard(), second_factor=rule)))


@pytest.mark.parametrize(("name", "start"), [(ADMIN, "/mailboxes"), (JOHN, "/mailboxes/{}/aliases")])
def test_with_a_code(visitor: Visitor, database: Database, world: World, name: str, start: str) -> None:
    secret, _ = give_app(database, name)
    page = half_way(visitor, name)
    assert "Code of your authenticator app" in words(page)
    assert "byname" not in visitor.client.cookies
    half, code = visitor.client.cookies["byname-half"], code_of(secret)
    answer = second_step(visitor, page, f" {code[:3]} {code[3:]} ")
    assert (answer.status_code, answer.headers["Location"]) == (303, start.format(world.john))
    assert "byname-half" not in visitor.client.cookies
    assert visitor.client.cookies["byname"] != half
    assert visitor.get(answer.headers["Location"]).status_code == 200


def test_back_to_where_one_was(visitor: Visitor, database: Database, world: World) -> None:
    secret, _ = give_app(database, ADMIN)
    asked = visitor.sign_in(ADMIN, next=f"/mailboxes/{world.mary}/aliases?local_part=x")
    page = visitor.get(asked.headers["Location"])
    assert f'name="next" value="/mailboxes/{world.mary}/aliases?local_part=x"' in page.text
    answer = visitor.post("/login/second", csrf=token_of(page), code=code_of(secret), next="//evil.example/")
    assert answer.headers["Location"] == "/mailboxes"


@pytest.mark.parametrize("factor", ["app", "recovery"])
def test_a_code_is_good_once(visitor: Visitor, pages: RunningApi, database: Database, factor: str) -> None:
    secret, codes = give_app(database, ADMIN)
    code = code_of(secret) if factor == "app" else codes[3].upper().replace("-", " ")
    assert second_step(visitor, half_way(visitor, ADMIN), code).status_code == 303
    thief = Visitor(pages.url)
    page = half_way(thief, ADMIN)
    answer = second_step(thief, page, code)
    assert (answer.status_code, "This code is wrong, or was used before." in words(answer)) == (401, True)
    assert "byname" not in thief.client.cookies
    with database.read() as tx:
        noted = [entry.action for entry in audit.page(tx, object=ADMIN).items]
    assert ("recovery-code.use" in noted) == (factor == "recovery")


def test_a_code_before_the_last_one_is_not_taken_either(
    visitor: Visitor, pages: RunningApi, database: Database
) -> None:
    secret, _ = give_app(database, ADMIN)
    earlier, later = code_of(secret), code_of(secret, 1)
    assert second_step(visitor, half_way(visitor, ADMIN), later).status_code == 303
    other = Visitor(pages.url)
    assert second_step(other, half_way(other, ADMIN), earlier).status_code == 401


@pytest.mark.parametrize(
    "code",
    ["", "123", "000000", "abcd-efgh-jkmn-pqrs", "\u0661\u0662\u0663\u0664\u0665\u0666", "<script>", "x" * 10_000],
)
def test_what_is_no_code(visitor: Visitor, database: Database, code: str) -> None:
    give_app(database, ADMIN)
    answer = second_step(visitor, half_way(visitor, ADMIN), code)
    assert (answer.status_code, "This code is wrong" in words(answer)) == (401, True)
    assert "<script>" not in answer.text


def test_guessing_codes_gets_slower_and_ends_no_session(
    visitor: Visitor, pages: RunningApi, database: Database
) -> None:
    secret, _ = give_app(database, ADMIN)
    owner = Visitor(pages.url)
    assert second_step(owner, half_way(owner, ADMIN), code_of(secret)).status_code == 303
    page = half_way(visitor, ADMIN)
    assert second_step(visitor, page, "000000").status_code == 401
    fail_often(database)
    answer = second_step(visitor, page, "000000")
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 600) == (429, True)
    assert owner.get("/mailboxes").status_code == 200


def test_a_right_password_does_not_wipe_out_wrong_codes(visitor: Visitor, database: Database) -> None:
    give_app(database, ADMIN)
    for _ in range(3):
        assert second_step(visitor, half_way(visitor, ADMIN), "000000").status_code == 401
    with database.read() as tx:
        assert set(tx.scalars(select(SignInAttemptRow.failures))) == {3}


def test_half_a_session_does_nothing_else(visitor: Visitor, database: Database, world: World) -> None:
    give_app(database, ADMIN)
    token = token_of(half_way(visitor, ADMIN))
    visitor.client.cookies.set("byname", visitor.client.cookies["byname-half"], domain="127.0.0.1")
    path = f"/mailboxes/{world.john}/aliases"
    for page in ("/mailboxes", path, "/security", "/security/app"):
        assert visitor.get(page).headers["Location"].startswith("/login?next=")
    for form in (f"{path}/{world.sales}/delete", "/security/password", "/security/codes", "/sign-out-everywhere"):
        assert visitor.post(form, csrf=token).headers["Location"].startswith("/login")


def test_a_stolen_half_session(visitor: Visitor, pages: RunningApi, database: Database) -> None:
    secret, codes = give_app(database, ADMIN)
    page = half_way(visitor, ADMIN)
    thief = Visitor(pages.url)
    thief.client.cookies.set("byname-half", visitor.client.cookies["byname-half"])
    theirs = thief.get("/login/second")
    assert second_step(visitor, page, code_of(secret)).status_code == 303
    answer = second_step(thief, theirs, codes[0])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert thief.get("/login/second").headers["Location"] == "/login"


def test_half_a_session_lasts_minutes(database: Database) -> None:
    with database.write() as tx:
        owner = person(database, ADMIN)
        now = utc_now()
        secret = half_sessions.start(tx, owner, now)
        assert half_sessions.find(tx, secret, now + timedelta(minutes=4, seconds=59)) is not None
        assert half_sessions.find(tx, secret, now + timedelta(minutes=5)) is None


@pytest.mark.parametrize("name", [ADMIN, JOHN])
def test_another_password_ends_half_a_session(visitor: Visitor, database: Database, name: str) -> None:
    secret, _ = give_app(database, name)
    page = half_way(visitor, name)
    known = PasswordHash(hash_password("another one"))
    with database.write() as tx:
        if name == ADMIN:
            admins.set_own_password(tx, person(database, name).admin_id or 0, known)
        else:
            mailboxes.update(tx, name, password=known)
    assert second_step(visitor, page, code_of(secret)).headers["Location"] == "/login"


@pytest.mark.parametrize("csrf", ["", "x" * 43])
def test_a_form_of_somebody_else(visitor: Visitor, database: Database, csrf: str) -> None:
    secret, _ = give_app(database, ADMIN)
    half_way(visitor, ADMIN)
    for path in ("/login/second", "/login/second/options", "/login/second/passkey", "/login/passkey"):
        assert visitor.post(path, csrf=csrf, code=code_of(secret)).status_code == 403
    foreign = visitor.post("/login/second", csrf=visitor.client.cookies["byname-form"], code=code_of(secret),
                           headers={"Origin": "https://evil.example"})  # fmt: skip
    assert foreign.status_code == 403


def test_without_the_password_nobody_learns_of_a_second_factor(visitor: Visitor, database: Database) -> None:
    before = visitor.sign_in(ADMIN, "wrong")
    give_app(database, ADMIN)
    after, nobody = visitor.sign_in(ADMIN, "wrong"), visitor.sign_in("nobody@agency.example", "wrong")
    assert before.status_code == after.status_code == nobody.status_code == 401
    assert words(before) == words(after) == words(nobody)
    assert {key for key in before.headers if key != "date"} == {key for key in after.headers if key != "date"}


def test_headers_of_the_step(visitor: Visitor, database: Database) -> None:
    give_app(database, ADMIN)
    page = half_way(visitor, ADMIN)
    assert page.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    for inline in ("<style", "<script>", " style="):
        assert inline not in page.text


def test_off(visitor: Visitor, pages: RunningApi, database: Database) -> None:
    give_app(database, ADMIN)
    with_rule(pages, "off")
    assert visitor.sign_in(ADMIN).headers["Location"] == "/mailboxes"
    assert "Second factor" not in words(visitor.get("/security"))
    assert [visitor.get(path).status_code for path in ("/security/app", "/security/passkeys/new")] == [404, 404]


def test_required(visitor: Visitor, pages: RunningApi, world: World, database: Database) -> None:
    with_rule(pages, "required")
    visitor.signed_in(ADMIN)
    path = f"/mailboxes/{world.john}/aliases"
    for closed in ("/mailboxes", path, "/security/codes"):
        assert visitor.get(closed).headers["Location"] == "/security"
    page = visitor.get("/security")
    assert "A second factor is needed here." in words(page)
    assert "Mailboxes" not in page.text
    refused = visitor.post(f"{path}/{world.sales}/delete", csrf=token_of(page))
    assert refused.headers["Location"] == "/security"
    form = visitor.get("/security/app")
    secret = form.text.partition('name="secret" value="')[2].partition('"')[0]
    done = visitor.post("/security/app", csrf=token_of(form), secret=secret, code=code_of(secret), password=PASSWORD)
    assert "Your recovery codes" in words(done)
    assert visitor.get("/mailboxes").status_code == 200
    with database.read() as tx:
        assert totp.created_at(tx, person(database, ADMIN)) is not None
