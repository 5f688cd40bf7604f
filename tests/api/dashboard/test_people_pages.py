"""People: admins of an account, looked after by one another and by operators; a password shown once."""

import re

import httpx
import pytest

from store.passwords import PasswordHash
from store.services import accounts, admins, audit
from store.services.views import Admin
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, EVE, JOHN, OPERATOR, VIEWER, Visitor, words
from tests.api.running_api import RunningApi

PATH = "/account/people"
ANN = "ann@agency.example"
KNOWN = PasswordHash("$argon2id$not-a-real-one")


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.signed_in(ADMIN)


def account(database: Database, name: str) -> int:
    with database.read() as tx:
        return accounts.get(tx, name).id


def people(database: Database) -> dict[str, Admin]:
    with database.read() as tx:
        return {one.address: one for one in admins.list_all(tx)}


def password(page: httpx.Response) -> str:
    found = re.search(r'<code id="secret"[^>]*>([^<]+)</code>', page.text)
    assert found is not None, page.text
    return found[1]


def test_somebody_is_added(admin: Visitor, database: Database, pages: RunningApi) -> None:
    answer = admin.post(PATH, address=" Ann@Agency.example ", role="viewer")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    given = password(answer)
    assert "ann@agency.example can sign in now. Pass the password on now: it is shown this once." in words(answer)
    assert given not in admin.get(PATH).text
    ann = people(database)[ANN]
    assert (ann.account, ann.role) == ("acme", "viewer")
    newcomer = Visitor(pages.url)
    assert newcomer.sign_in(ANN, given).status_code == 303
    assert newcomer.get(PATH).status_code == 200
    with database.read() as tx:
        assert audit.page(tx, object=f"admin:{ann.id}").items[-1].actor == f"admin {ADMIN}"
    assert admin.post(PATH, address=ANN, role="viewer").status_code == 409  # the same form again


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"address": "", "role": "admin"}, 422),
        ({"address": "ann", "role": "admin"}, 422),
        ({"address": "<b>@x.example", "role": "admin"}, 422),
        ({"address": "a\r\nb@x.example", "role": "admin"}, 422),
        ({"address": "\u202ea@x.example", "role": "admin"}, 422),
        ({"address": "x" * 10_000 + "@x.example", "role": "admin"}, 422),
        ({"address": ANN, "role": "operator"}, 422),
        ({"address": OPERATOR, "role": "admin"}, 409),
        ({"address": EVE, "role": "admin"}, 409),  # a mailbox of another account
        ({"address": "nobody@rival.test", "role": "admin"}, 409),  # in the same words
    ],
)
def test_what_is_refused(admin: Visitor, database: Database, fields: dict[str, str], status: int) -> None:
    answer = admin.post(PATH, **fields)
    assert answer.status_code == status
    assert 'aria-invalid="true"' in answer.text
    assert set(people(database)) == {ADMIN, VIEWER, OPERATOR}
    if status == 409:
        expected = f"There is an admin {fields['address']} already, or the address is another account's."
        assert expected in words(answer)


def test_own_mailboxes_may_be_admins(admin: Visitor) -> None:
    assert admin.post(PATH, address=JOHN, role="admin").status_code == 201


def test_a_role_is_changed(admin: Visitor, database: Database) -> None:
    viewer = people(database)[VIEWER].id
    answer = admin.post(f"{PATH}/{viewer}", role="admin")
    assert "The role is changed" in words(admin.get(answer.headers["Location"]))
    assert people(database)[VIEWER].role == "admin"
    assert admin.post(f"{PATH}/{viewer}", role="owner").status_code == 422


def test_another_password(admin: Visitor, database: Database, pages: RunningApi) -> None:
    theirs = Visitor(pages.url).signed_in(VIEWER)
    at = f"{PATH}/{people(database)[VIEWER].id}/password"
    assert f"New password for {VIEWER}?" in words(admin.get(at))
    answer = admin.post(at)
    assert answer.status_code == 200
    assert theirs.get("/account").is_redirect
    assert theirs.sign_in(VIEWER, password(answer)).status_code == 303


def test_somebody_is_removed(admin: Visitor, database: Database, pages: RunningApi) -> None:
    theirs = Visitor(pages.url).signed_in(VIEWER)
    at = f"{PATH}/{people(database)[VIEWER].id}/remove"
    assert f"Remove {VIEWER}?" in words(admin.get(at))
    assert "They are removed" in words(admin.get(admin.post(at).headers["Location"]))
    assert VIEWER not in people(database)
    assert theirs.get("/account").is_redirect
    assert admin.post(at).status_code == 404


def test_nobody_shuts_themselves_out(admin: Visitor, database: Database) -> None:
    mine = f"{PATH}/{people(database)[ADMIN].id}"
    answers = [admin.post(mine, role="viewer"), admin.post(f"{mine}/password"), admin.post(f"{mine}/remove")]
    assert [answer.status_code for answer in answers] == [409, 409, 409]
    assert f'href="{mine}/remove"' not in admin.get(PATH).text
    assert people(database)[ADMIN].role == "admin"


def test_other_accounts_people_are_not_there(admin: Visitor, database: Database) -> None:
    with database.write() as tx:
        admins.create(tx, "boss@rival.example", KNOWN, account="rival")
    assert "boss@rival.example" not in admin.get(PATH).text
    for address in ("boss@rival.example", OPERATOR):
        one = f"{PATH}/{people(database)[address].id}"
        answers = [admin.post(one, role="viewer")]
        for below in ("password", "remove"):
            answers += [admin.get(f"{one}/{below}"), admin.post(f"{one}/{below}")]
        assert {answer.status_code for answer in answers} == {404}
        assert people(database)[address].role == "admin"
    path = f"/operator/accounts/{account(database, 'rival')}/people"
    assert [admin.get(path).status_code, admin.post(path, address=ANN, role="admin").status_code] == [404, 404]


@pytest.mark.parametrize("role", ["viewer", "suspended"])
def test_who_may_only_look(visitor: Visitor, database: Database, role: str) -> None:
    with database.write() as tx:
        accounts.update(tx, "acme", is_active=role != "suspended")
        admins.create(tx, ANN, KNOWN, account="acme")
    visitor.signed_in(VIEWER if role == "viewer" else ADMIN)
    assert "New Person" not in visitor.get(PATH).text
    one = f"{PATH}/{people(database)[ANN].id}"
    answers = [
        visitor.post(PATH, address="new@x.example", role="admin"), visitor.post(one, role="viewer"),
        visitor.post(f"{one}/password"), visitor.post(f"{one}/remove"), visitor.get(f"{one}/remove"),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {403}
    assert people(database)[ANN].role == "admin"


def test_forms_from_elsewhere(admin: Visitor, database: Database) -> None:
    for answer in (
        admin.post(PATH, csrf="", address=ANN, role="admin"),
        admin.post(PATH, headers={"Origin": "https://evil.example"}, address=ANN, role="admin"),
    ):
        assert answer.status_code == 403
    assert ANN not in people(database)


def test_operators(visitor: Visitor, database: Database) -> None:
    visitor.signed_in(OPERATOR)
    path = f"/operator/accounts/{account(database, 'acme')}/people"
    said = words(visitor.get(path))
    assert ADMIN in said
    assert OPERATOR not in said
    assert visitor.post(path, address="eve@rival.test", role="admin").status_code == 201  # an operator knows why
    last = people(database)[ADMIN]
    assert visitor.post(f"/operator/people/{last.id}/remove").status_code == 404
    assert visitor.post(f"/operator/accounts/{account(database, 'rival')}/people/{last.id}/remove").status_code == 404
    assert visitor.post(f"{path}/{last.id}/remove").status_code == 303
    assert visitor.post("/operator/people", address="day@operator.example", role="viewer").status_code == 201
    made = people(database)["day@operator.example"]
    assert (made.account_id, made.role) == (None, "viewer")
    assert "day@operator.example Viewer" in words(visitor.get("/operator/people"))
    me = people(database)[OPERATOR].id
    assert visitor.post(f"/operator/people/{me}/remove").status_code == 409
