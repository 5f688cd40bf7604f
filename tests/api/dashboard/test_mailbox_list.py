"""The list of mailboxes: order, search, domain, pages; and New Mailbox with its password."""

import re

import httpx
import pytest

from store.passwords import NOBODYS, PasswordHash, verify
from store.services import accounts, audit, domain_settings, domains, mailboxes
from store.services.views import Mailbox
from store.sql.database import Database
from store.sql.tables import MailboxRow
from tests.api.dashboard.visitor import (
    ADMIN,
    JOHN,
    OPERATOR,
    PASSWORD,
    VIEWER,
    Cache,
    Visitor,
    World,
    words,
)

EVIL = "<script>alert(1)</script>\"'&"
BIDI = "\u202egnp.exe"
KNOWN = PasswordHash(NOBODYS)  # hashing takes time


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.signed_in(ADMIN)


def mailbox(database: Database, address: str) -> Mailbox:
    with database.read() as tx:
        return mailboxes.get(tx, address)


def accepts(database: Database, address: str, password: str) -> bool:
    with database.read() as tx:
        row = tx.get_one(MailboxRow, mailboxes.get(tx, address).id)
        return verify(password, row.password_hash)


def order(page: str) -> list[str]:
    return re.findall(r'class="address"><a [^>]*title="([^"@]+)@', page)


def listed(page: httpx.Response) -> str:
    """Return the words of the list, whenever its mailboxes were made."""
    return re.sub(r"just now|\d+ (second|minute)s? ago", "AGO", words(page))


def send(
    visitor: Visitor,
    path: str,
    fields: dict[str, str],
    *,
    csrf: str | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """Send a form as :meth:`Visitor.post` does."""
    token = visitor.token() if csrf is None else csrf
    return visitor.client.post(path, data={"csrf": token, **fields}, headers=headers or {})


def shown_password(page: str) -> str:
    found = re.findall(r'class="secret">([^<]+)<', page)
    assert len(found) == 1, page
    return str(found[0])


def test_the_list_and_its_search(admin: Visitor, database: Database) -> None:
    with database.write() as tx:
        for number in range(60):
            mailboxes.add(tx, f"user{number:02}@brand-b.test", KNOWN, display_name=f"Number {number}")
        mailboxes.update(tx, "user07@brand-b.test", is_active=False)
    first, second = listed(admin.get("/mailboxes")), words(admin.get("/mailboxes?page=2"))
    assert "john@brand-a.test 2 of 30 aliases AGO Active Settings" in first
    assert "Page 1 of 2 Next" in first
    assert "Previous Page 2 of 2" in second
    assert "user59@brand-b.test" in second
    assert "user07@brand-b.test Number 7 0 of 30 aliases AGO Paused" in listed(admin.get("/mailboxes?search=user07"))
    assert "No address and no name holds “zzz”" in words(admin.get("/mailboxes?search=zzz"))
    assert "past the end" in words(admin.get("/mailboxes?page=99999999"))
    assert admin.get("/mailboxes?page=x").status_code == 200
    following = admin.get("/mailboxes?search=number&domain=brand-b.test&sort=-name").text
    assert "/mailboxes?search=number&amp;domain=brand-b.test&amp;sort=-name&amp;page=2" in following


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", ["john", "mary", "zoe", "adam"]),
        ("address", ["john", "mary", "zoe", "adam"]),
        ("-address", ["adam", "zoe", "mary", "john"]),
        ("name", ["zoe", "adam", "john", "mary"]),  # those without a name come last, both ways
        ("-name", ["adam", "zoe", "john", "mary"]),
        ("aliases", ["mary", "zoe", "adam", "john"]),
        ("-aliases", ["john", "mary", "zoe", "adam"]),
        ("created", ["john", "mary", "zoe", "adam"]),
        ("-created", ["adam", "zoe", "mary", "john"]),
        ("password_hash", ["john", "mary", "zoe", "adam"]),
    ],
)
def test_orders(admin: Visitor, database: Database, sort: str, expected: list[str]) -> None:
    with database.write() as tx:
        mailboxes.add(tx, "zoe@brand-a.test", KNOWN, display_name="alpha")
        mailboxes.add(tx, "adam@brand-b.test", KNOWN, display_name="Beta")
    page = admin.get(f"/mailboxes?sort={sort}").text
    assert order(page) == expected
    by = sort.removeprefix("-") if sort not in ("", "password_hash") else "address"
    direction = "descending" if sort.startswith("-") else "ascending"
    assert re.findall(r'aria-sort="(\w+)"', page) == [direction]
    turned = by if direction == "descending" else f"-{by}"
    assert (f'href="/mailboxes?sort={turned}"' if turned != "address" else 'href="/mailboxes"') in page


def test_one_domain(admin: Visitor, database: Database, world: World) -> None:
    with database.write() as tx:
        mailboxes.add(tx, "adam@brand-b.test", KNOWN)
    assert order(admin.get("/mailboxes?domain=brand-b.test").text) == ["adam"]
    assert order(admin.get(f"/mailboxes?domain={world.brand_b}").text) == ["adam"]
    assert order(admin.get("/mailboxes?domain=brand-a.test&search=mar").text) == ["mary"]
    assert '<option value="brand-b.test" selected>' in admin.get("/mailboxes?domain=brand-b.test").text
    with database.write() as tx:
        domains.add(tx, "empty.test", account="acme", verified=True)
    assert "There is no mailbox at this domain" in words(admin.get("/mailboxes?domain=empty.test"))


@pytest.mark.parametrize("name", ["rival.test", "nobody.test", "4711", "x" * 10_000, EVIL, BIDI])
def test_no_such_domain(admin: Visitor, world: World, name: str) -> None:
    answer = admin.client.get("/mailboxes", params={"domain": name}, headers={"Accept": "text/html"})
    theirs = admin.get(f"/mailboxes?domain={world.rivals}")
    assert answer.status_code in {404, 422}
    assert theirs.status_code == 404
    assert order(answer.text) == order(theirs.text) == []
    assert "<script>alert" not in answer.text


def test_many_domains_are_typed(visitor: Visitor, database: Database) -> None:
    with database.write() as tx:
        for number in range(300):
            domains.add(tx, f"d{number}.test", account="acme", verified=True)
    visitor.signed_in(ADMIN)
    page = visitor.get("/mailboxes").text
    assert '<input id="domain" name="domain" type="text"' in page
    assert '<input id="domain_id" name="domain_id" type="text"' in page
    assert visitor.post("/mailboxes", local_part="x", domain_id="d7.test").status_code == 201
    refused = visitor.post("/mailboxes", local_part="x", domain_id="rival.test")
    assert (refused.status_code, "rival.test is not a domain of this account." in words(refused)) == (404, True)
    unknown = visitor.post("/mailboxes", local_part="x", domain_id="nobody.test")
    assert listed(refused).replace("rival", "nobody") == listed(unknown)


def test_operators_see_whose_they_are(visitor: Visitor, world: World) -> None:
    visitor.signed_in(OPERATOR)
    page = visitor.get("/mailboxes")
    assert "eve@rival.test 1 of 30 aliases AGO rival Active" in listed(page)
    assert "brand-a.test (acme)" in words(page)
    made = visitor.post("/mailboxes", local_part="new", domain_id=str(world.rivals))
    assert made.status_code == 201


def test_account_is_not_shown_to_its_own_people(admin: Visitor) -> None:
    assert "Account" not in words(admin.get("/mailboxes"))
    assert "(acme)" not in admin.get("/mailboxes").text


def test_a_password_is_made_up_and_shown_once(admin: Visitor, database: Database, world: World) -> None:
    answer = admin.post("/mailboxes", local_part="anna", domain_id=str(world.brand_b), display_name="Anna")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert "Location" not in answer.headers
    secret = shown_password(answer.text)
    assert len(secret) == 20
    assert f'data-copy="{secret}"' in answer.text
    assert "anna@brand-b.test is made" in words(answer)
    assert "live on the mail server" in words(answer)
    made = mailbox(database, "anna@brand-b.test")
    assert made.display_name == "Anna"
    assert accepts(database, "anna@brand-b.test", secret)
    for path in ("/mailboxes", f"/mailboxes/{made.id}/general", f"/mailboxes?done=made&id={made.id}&version=1"):
        assert secret not in admin.get(path).text


def test_a_form_sent_again_makes_nothing_and_says_where_it_is(admin: Visitor, database: Database, world: World) -> None:
    fields = {"local_part": "anna", "domain_id": str(world.brand_b)}
    secret = shown_password(send(admin, "/mailboxes", fields).text)
    again = send(admin, "/mailboxes", fields)
    assert (again.status_code, "anna@brand-b.test is taken already." in words(again)) == (409, True)
    assert f'href="/mailboxes/{mailbox(database, "anna@brand-b.test").id}/general"' in again.text
    assert 'class="secret"' not in again.text
    assert accepts(database, "anna@brand-b.test", secret)


def test_a_typed_password_is_never_shown(admin: Visitor, database: Database, world: World) -> None:
    typed = "a-quite-secret-one"
    fields = {"local_part": "anna", "domain_id": str(world.brand_b), "password_mode": "typed", "password": typed}
    answer = send(admin, "/mailboxes", fields)
    assert answer.status_code == 303
    assert typed not in answer.headers["Location"]
    assert accepts(database, "anna@brand-b.test", typed)
    page = admin.get(answer.headers["Location"])
    assert "anna@brand-b.test is made. live on the mail server" in words(page)
    assert typed not in page.text
    assert '<details class="new" id="new" open>' in page.text
    assert f'<option value="{world.brand_b}" selected>' in page.text  # for the next one
    refused = send(admin, "/mailboxes", fields)
    assert refused.status_code == 409
    assert typed not in refused.text
    assert "passwords are not kept" in words(refused)


def test_no_password_is_written_down(
    admin: Visitor, database: Database, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = shown_password(admin.post("/mailboxes", local_part="anna", domain_id=str(world.brand_b)).text)
    typed = "a-quite-secret-one"
    admin.post("/mailboxes", local_part="b", domain_id=str(world.brand_b), password_mode="typed", password=typed)
    with database.read() as tx:
        noted = repr(audit.page(tx, per_page=100).items)
    said = "".join(capfd.readouterr())
    assert [text in where for text in (secret, typed) for where in (noted, said)] == [False] * 4


def test_pending_turns_by_itself(admin: Visitor, cache: Cache, world: World) -> None:
    cache.says = "pending"
    page = admin.post("/mailboxes", local_part="anna", domain_id=str(world.brand_b))
    assert "on its way to the mail server" in words(page)
    asked = re.findall(r'data-pending="([^"]+)"', page.text)
    assert len(asked) == 1
    where = asked[0].replace("&amp;", "&")
    assert "data-pending" in admin.get(where).text
    cache.says = "live"
    assert "anna@brand-b.test is made. live on the mail server" in words(admin.get(where))


@pytest.mark.parametrize(
    ("fields", "status", "field", "expected"),
    [
        ({"local_part": "Sales Team"}, 422, "local_part", "spaces are not allowed."),
        ({"local_part": ""}, 422, "local_part", "there is nothing before the @."),
        ({"local_part": "x" * 10_000}, 422, "local_part", "it is 10000 characters long; at most 64 are allowed."),
        ({"local_part": "a\r\nb"}, 422, "local_part", "is not allowed"),
        ({"local_part": BIDI}, 422, "local_part", "is not allowed"),
        ({"local_part": "postmaster"}, 409, "local_part", "Postmaster is a system address"),
        ({"local_part": "sales"}, 409, "local_part", "sales@brand-b.test is taken already."),
        ({"domain_id": ""}, 422, "domain_id", "Choose a domain."),
        ({"domain_id": "9" * 30}, 422, "domain_id", "has no dot; a whole domain is needed."),
        ({"domain_id": EVIL}, 422, "domain_id", "is not a domain name"),
        ({"domain_id": "pending"}, 409, "domain_id", "is not verified yet"),
        ({"display_name": "x" * 10_000}, 422, "display_name", "must have at most 200 characters."),
        ({"display_name": "a\r\nBcc: x"}, 422, "display_name", "must not hold control characters or line breaks."),
        ({"password_mode": "typed", "password": "short"}, 422, "password", "must have at least 8 characters."),
        ({"password_mode": "typed", "password": "x" * 10_000}, 422, "password", "must have at most 256 characters."),
        ({"password_mode": "typed", "password": "with\r\nlines"}, 422, "password", "must not hold control characters"),
        ({"password_mode": "typed"}, 422, "password", "must have at least 8 characters."),
    ],
)
def test_what_is_wrong_stands_at_the_field(
    admin: Visitor, world: World, fields: dict[str, str], status: int, field: str, expected: str
) -> None:
    chosen = {"local_part": "anna", "domain_id": str(world.brand_b), "display_name": "Anna & Söhne"} | fields
    if chosen["domain_id"] == "pending":
        chosen["domain_id"] = str(world.pending)
    answer = send(admin, "/mailboxes?search=jo&sort=-name", chosen)
    assert answer.status_code == status
    assert expected in words(answer)
    assert f'id="{field}-error"' in answer.text
    assert f'{field}-error" aria-invalid="true"' in answer.text or f'aria-describedby="{field}-error"' in answer.text
    if "display_name" not in fields:
        assert 'value="Anna &amp; Söhne"' in answer.text
    if fields.get("password"):
        assert fields["password"] not in answer.text
    assert "<script>alert" not in answer.text
    assert order(answer.text) == ["john"]  # the list stays as it was narrowed


def test_only_active_domains_are_offered(admin: Visitor, database: Database, world: World) -> None:
    with database.write() as tx:
        domain_settings.update(tx, "brand-b.test", is_active=False)
    page = admin.get("/mailboxes").text
    new = page.partition('id="domain_id"')[2].partition("</select>")[0]
    assert ("brand-a.test" in new, "brand-b.test" in new, "waits.test" in new) == (True, False, False)
    with database.write() as tx:
        domain_settings.update(tx, "brand-a.test", is_active=False)
    assert "A mailbox needs an active domain, and there is none yet." in words(admin.get("/mailboxes"))
    refused = admin.post("/mailboxes", local_part="anna", domain_id=str(world.brand_a))
    assert refused.status_code == 409


def test_nothing_typed_is_lost_when_the_session_ends(visitor: Visitor, world: World) -> None:
    visitor.signed_in(ADMIN)
    token = visitor.token()
    visitor.client.cookies.clear()
    kept = {"local_part": "anna", "domain_id": str(world.brand_b), "display_name": EVIL, "password_mode": "typed"}
    where = send(visitor, "/mailboxes", kept | {"password": "a-quite-secret-one"}, csrf=token).headers["Location"]
    assert "secret" not in where
    wanted = re.search(r'name="next" value="([^"]+)"', visitor.get(where).text)
    assert wanted is not None
    back = visitor.sign_in(ADMIN, next=wanted[1].replace("&amp;", "&")).headers["Location"]
    page = visitor.get(back).text
    assert 'value="anna"' in page
    assert 'value="&lt;script&gt;' in page
    assert 'value="typed" checked' in page
    assert '<details class="new" id="new" open>' in page


@pytest.mark.parametrize(("name", "status"), [(VIEWER, 403), (JOHN, 404)])
def test_who_may_not(visitor: Visitor, database: Database, world: World, name: str, status: int) -> None:
    visitor.signed_in(name)
    assert "New Mailbox" not in visitor.get("/mailboxes").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', visitor.get(f"/mailboxes/{world.john}/aliases").text)
    assert csrf is not None
    made = visitor.post("/mailboxes", csrf=csrf[1], local_part="anna", domain_id=str(world.brand_b))
    assert made.status_code == status


def test_forms_of_others_and_of_the_suspended(admin: Visitor, database: Database, world: World) -> None:
    fields = {"local_part": "anna", "domain_id": str(world.brand_b), "password_mode": "typed", "password": PASSWORD}
    token = admin.token()
    assert send(admin, "/mailboxes", fields, csrf="").status_code == 403
    assert send(admin, "/mailboxes", fields, csrf="x" * 43).status_code == 403
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert send(admin, "/mailboxes", fields, csrf=token, headers=foreign).status_code == 403
    with database.write() as tx:
        accounts.update(tx, "acme", is_active=False)
    assert send(admin, "/mailboxes", fields).status_code == 403
    assert "New Mailbox" not in admin.get("/mailboxes").text
    with database.read() as tx:
        assert mailboxes.page(tx, search="anna").total == 0
