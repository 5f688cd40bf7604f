"""Signing in to the dashboard, and what others may try with its cookies, forms and addresses."""

import dataclasses
from datetime import timedelta

import httpx
import pytest

from store.passwords import PasswordHash, hash_password
from store.services import admins, audit
from store.unit_of_work.sign_in_limit import KEPT, SignInLimit
from tests.api.dashboard.visitor import ADMIN, EVE, JOHN, OPERATOR, PASSWORD, VIEWER, Visitor, World, dashboard, words
from tests.api.running_api import RunningApi


def sessions_of(answer: httpx.Response) -> str:
    (cookie,) = [text for text in answer.headers.get_list("Set-Cookie") if not text.startswith("byname-form")]
    return cookie


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("name", [ADMIN, VIEWER, OPERATOR])
def test_an_admin_comes_to_the_mailboxes(visitor: Visitor, name: str) -> None:
    answer = visitor.sign_in(name)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/mailboxes")
    page = visitor.get("/mailboxes")
    assert JOHN in page.text
    assert (EVE in page.text) == (name == OPERATOR)


def test_an_owner_comes_to_their_aliases(visitor: Visitor, world: World) -> None:
    assert visitor.sign_in(JOHN).headers["Location"] == f"/mailboxes/{world.john}/aliases"
    assert visitor.get("/mailboxes").headers["Location"] == f"/mailboxes/{world.john}/aliases"


@pytest.mark.parametrize(("name", "password"), [(ADMIN, "wrong"), ("nobody@agency.example", "wrong"), ("<b>", "")])
def test_what_is_wrong_is_one_answer(visitor: Visitor, name: str, password: str) -> None:
    answer = visitor.sign_in(name, password)
    assert answer.status_code == 401
    assert "The address or the password is wrong." in words(answer)
    assert "byname" not in visitor.client.cookies
    assert "<b>" not in answer.text


def test_too_many_tries(visitor: Visitor) -> None:
    for _ in range(5):
        assert visitor.sign_in(ADMIN, "wrong").status_code == 401
    answer = visitor.sign_in(ADMIN)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert "Too many tries" in words(answer)


def test_the_cookie_on_this_machine_and_elsewhere(visitor: Visitor, pages: RunningApi) -> None:
    plain = sessions_of(visitor.sign_in(ADMIN))
    assert plain.startswith("byname=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(plain.split("; "))
    with httpx.Client(base_url=pages.url, headers={"Host": "names.example.com"}, verify=False) as public:
        page = public.get("/login")
        (form,) = page.headers.get_list("Set-Cookie")
        assert form.startswith("__Host-byname-form=")
        value = form.partition("=")[2].partition(";")[0]
        answer = public.post(
            "/login",
            data={"csrf": value, "name": ADMIN, "password": PASSWORD},
            headers={"Cookie": f"__Host-byname-form={value}"},
        )
    cookie = sessions_of(answer)
    assert cookie.startswith("__Host-byname=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; "))


def test_another_id_at_each_sign_in(visitor: Visitor, pages: RunningApi) -> None:
    """A session that somebody else put into the browser is worth nothing afterwards (session fixation)."""
    planted = "x" * 43
    visitor.client.cookies.set("byname", planted, domain="127.0.0.1")
    visitor.sign_in(ADMIN)
    first = visitor.client.cookies["byname"]
    assert first != planted
    other = Visitor(pages.url)
    other.client.cookies.set("byname", first)
    page = other.get("/login")
    assert page.is_redirect  # signed in already
    token = visitor.client.cookies["byname-form"]
    visitor.post("/login", csrf=token, name=ADMIN, password=PASSWORD)
    assert visitor.client.cookies["byname"] != first
    assert other.get("/mailboxes").headers["Location"].startswith("/login")


def test_signing_out_here_and_everywhere(visitor: Visitor, pages: RunningApi) -> None:
    visitor.sign_in(ADMIN)
    stolen = Visitor(pages.url)
    stolen.client.cookies.set("byname", visitor.client.cookies["byname"])
    elsewhere = Visitor(pages.url).signed_in(ADMIN)
    assert visitor.post("/sign-out").headers["Location"] == "/login"
    assert "byname" not in visitor.client.cookies
    assert stolen.get("/mailboxes").is_redirect
    assert elsewhere.get("/mailboxes").status_code == 200
    again = Visitor(pages.url).signed_in(ADMIN)
    again.post("/sign-out-everywhere")
    assert elsewhere.get("/mailboxes").is_redirect
    with pages.database.read() as tx:
        noted = [entry.action for entry in audit.page(tx, object=ADMIN).items]
    assert noted[:2] == ["session.end-all", "session.start"]
    assert "session.end" in noted


def test_a_stolen_cookie_after_a_password_change(visitor: Visitor, pages: RunningApi) -> None:
    visitor.sign_in(ADMIN)
    with pages.database.write() as tx:
        admins.reset(tx, ADMIN, PasswordHash(hash_password("another one")))
    assert visitor.get("/mailboxes").headers["Location"] == "/login?next=%2Fmailboxes"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "/mailboxes/../x", "javascript:alert(1)",
     "/mailboxes\r\nSet-Cookie: x=1", "/mailboxes/1/aliases//evil.example"],
)  # fmt: skip
def test_no_way_out_after_signing_in(visitor: Visitor, target: str) -> None:
    assert visitor.sign_in(ADMIN, next=target).headers["Location"] == "/mailboxes"


def test_back_to_where_one_was_with_what_was_typed(visitor: Visitor, world: World) -> None:
    path = f"/mailboxes/{world.john}/aliases"
    asked = visitor.client.post(path, data={"csrf": "old", "local_part": "Été", "domain_id": str(world.brand_b)})
    login = visitor.get(asked.headers["Location"])
    assert "What you typed is kept." in words(login)
    wanted = httpx.URL(asked.headers["Location"]).params["next"]
    answer = visitor.sign_in(ADMIN, next=wanted)
    page = visitor.get(answer.headers["Location"])
    assert 'value="Été"' in page.text
    assert f'<option value="{world.brand_b}" selected>' in page.text


@pytest.mark.parametrize(
    ("csrf", "headers"),
    [
        ("", {}),
        ("x" * 43, {}),
        (None, {"Origin": "https://evil.example"}),
        (None, {"Origin": "null"}),
        (None, {"Sec-Fetch-Site": "cross-site"}),
        (None, {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_a_form_of_somebody_else_changes_nothing(
    visitor: Visitor, world: World, csrf: str | None, headers: dict[str, str]
) -> None:
    visitor.sign_in(ADMIN)
    path = f"/mailboxes/{world.john}/aliases/{world.sales}"
    assert visitor.post(path, csrf=csrf, headers=headers, action="disable").status_code == 403
    assert visitor.post(f"{path}/delete", csrf=csrf, headers=headers).status_code == 403
    assert visitor.post("/login", csrf=csrf, headers=headers, name=ADMIN, password=PASSWORD).status_code == 403
    assert "Disabled" not in visitor.get(f"/mailboxes/{world.john}/aliases").text


def test_a_token_of_another_session_is_none(visitor: Visitor, pages: RunningApi, world: World) -> None:
    foreign = Visitor(pages.url).signed_in(VIEWER).token()
    visitor.sign_in(ADMIN)
    path = f"/mailboxes/{world.john}/aliases/{world.sales}"
    assert visitor.post(path, csrf=foreign, action="disable").status_code == 403


def test_headers_of_every_page(visitor: Visitor, world: World) -> None:
    answers = [visitor.get("/login"), visitor.sign_in(ADMIN), visitor.get("/mailboxes"), visitor.get("/nothing")]
    answers += [visitor.get(f"/mailboxes/{world.john}/aliases"), visitor.get("/mailboxes/999/aliases")]
    assert [answer.status_code for answer in answers] == [200, 303, 200, 404, 200, 404]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for inline in ("<style", "<script>", " style=", " onclick="):
            assert inline not in answer.text


def test_files_may_be_kept_and_nothing_else_is_there(visitor: Visitor) -> None:
    page = visitor.get("/login").text
    (style,) = [part.partition('"')[0] for part in page.split('href="') if ".css" in part.partition('"')[0]]
    answer = visitor.get(style)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer.headers["Cache-Control"]
    assert visitor.get("/static/..%2fpages.py").status_code == 404


def test_owners_are_off(visitor: Visitor, pages: RunningApi) -> None:
    visitor.signed_in(JOHN)
    pages.server.replace_site(dataclasses.replace(pages.server.app.state.site, dashboard=dashboard("off")))
    assert visitor.get("/mailboxes").headers["Location"].startswith("/login")
    assert visitor.sign_in(JOHN).status_code == 401


def test_a_session_that_is_over(visitor: Visitor, pages: RunningApi) -> None:
    visitor.sign_in(ADMIN)
    short = dataclasses.replace(dashboard(), lifetimes=dataclasses.replace(dashboard().lifetimes, idle=timedelta(0)))
    pages.server.replace_site(dataclasses.replace(pages.server.app.state.site, dashboard=short))
    assert visitor.get("/mailboxes").headers["Location"] == "/login?next=%2Fmailboxes"


def test_too_much_for_a_form(visitor: Visitor) -> None:
    assert visitor.post("/login", csrf="", name="x" * 70_000, password="").status_code == 413


def test_too_many_at_once_from_elsewhere(visitor: Visitor, pages: RunningApi) -> None:
    limit = SignInLimit(places=KEPT)  # of which none is for strangers
    pages.server.replace_site(dataclasses.replace(pages.server.app.state.site, sign_in_limit=limit))
    answer = visitor.sign_in(ADMIN)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "Too many people are signing in at this moment." in words(answer)
    assert f'value="{ADMIN}"' in answer.text
    limit.remember("127.0.0.1")
    assert visitor.sign_in(ADMIN).status_code == 303


def test_too_many_at_once_on_the_security_page(visitor: Visitor, pages: RunningApi) -> None:
    visitor.sign_in(ADMIN)
    crowded = dataclasses.replace(pages.server.app.state.site, sign_in_limit=SignInLimit(places=KEPT))
    pages.server.replace_site(crowded)
    answer = visitor.post("/security/codes", password=PASSWORD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert visitor.get("/security").status_code == 200
