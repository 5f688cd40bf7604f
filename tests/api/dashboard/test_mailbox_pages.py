"""General: name, password, state; and the deletion of a mailbox by its name."""

import re

import pytest
from sqlalchemy import update

from store.clock import utc_now
from store.errors import ServiceError
from store.services import accounts, aliases, domain_settings, mailboxes
from store.services.views import Mailbox
from store.sql.database import Database
from store.sql.tables import DeleteIntentRow
from tests.api.dashboard.test_mailbox_list import BIDI, EVIL, accepts, send, shown_password
from tests.api.dashboard.visitor import ADMIN, EVE, JOHN, OPERATOR, PASSWORD, VIEWER, Cache, Visitor, World, words

MARY = "mary@brand-a.test"
NEW = "a-quite-secret-one"


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.signed_in(ADMIN)


@pytest.fixture
def path(world: World) -> str:
    return f"/mailboxes/{world.john}/general"


def mailbox(database: Database, address: str = JOHN) -> Mailbox:
    with database.read() as tx:
        return mailboxes.get(tx, address)


def mark(visitor: Visitor, path: str) -> str:
    found = re.search(r'name="mark" value="([0-9a-f]{20})"', visitor.get(path).text)
    assert found is not None
    return found[1]


def ask(visitor: Visitor, path: str) -> str:
    """Return where the question is that the Delete button leads to."""
    answer = visitor.post(path, action="delete")
    assert answer.status_code == 303
    return answer.headers["Location"]


def test_the_name(admin: Visitor, database: Database, path: str) -> None:
    answer = admin.post(path, action="name", display_name=EVIL)
    assert answer.status_code == 303
    assert mailbox(database).display_name == EVIL
    page = admin.get(answer.headers["Location"])
    assert "The display name is saved." in words(page)
    assert "<script>alert" not in page.text


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("x" * 10_000, "must have at most 200 characters."), ("a\r\nb", "must not hold control characters")],
)
def test_a_name_that_is_refused_is_kept(admin: Visitor, path: str, typed: str, expected: str) -> None:
    answer = admin.post(path, action="name", display_name=typed)
    assert (answer.status_code, expected in words(answer)) == (422, True)
    assert 'id="display_name-error"' in answer.text
    assert typed.replace("\r\n", "\n") in answer.text.replace("\r\n", "\n")


def test_a_password_made_up(admin: Visitor, database: Database, path: str) -> None:
    answer = admin.post(path, action="password", mark=mark(admin, path))
    assert answer.status_code == 200
    secret = shown_password(answer.text)
    assert accepts(database, JOHN, secret)
    assert not accepts(database, JOHN, PASSWORD)
    assert secret not in admin.get(path).text


def test_a_form_sent_again_sets_no_other_password(admin: Visitor, database: Database, path: str) -> None:
    seen = mark(admin, path)
    secret = shown_password(admin.post(path, action="password", mark=seen).text)
    for again in (seen, "", "x"):
        answer = admin.post(path, action="password", mark=again)
        assert answer.status_code == 409
        assert "The password was changed since this page was opened; it stays as it is now." in words(answer)
    assert accepts(database, JOHN, secret)


def test_a_typed_password(admin: Visitor, database: Database, path: str) -> None:
    answer = admin.post(path, action="password", mark=mark(admin, path), password_mode="typed", password=NEW)
    assert answer.status_code == 303
    assert NEW not in answer.headers["Location"]
    assert accepts(database, JOHN, NEW)
    page = admin.get(answer.headers["Location"])
    assert "The password is changed. The old one no longer works." in words(page)
    assert NEW not in page.text


@pytest.mark.parametrize("typed", ["", "short", "x" * 10_000, "with\r\nlines", BIDI])
def test_a_password_that_is_refused(admin: Visitor, database: Database, path: str, typed: str) -> None:
    answer = admin.post(path, action="password", mark=mark(admin, path), password_mode="typed", password=typed)
    assert answer.status_code == 422
    assert 'id="password-error"' in answer.text
    assert not typed or typed not in answer.text
    assert accepts(database, JOHN, PASSWORD)


def test_pause_and_resume(admin: Visitor, database: Database, cache: Cache, path: str) -> None:
    assert "mail to it and to its aliases is refused" in words(admin.get(path))
    cache.says = "pending"
    where = admin.post(path, action="pause").headers["Location"]
    assert not mailbox(database).is_active
    assert "Paused on its way to the mail server" in words(admin.get(where))
    cache.says = "live"
    assert "Paused live on the mail server" in words(admin.get(where))
    admin.post(path, action="resume")
    assert mailbox(database).is_active


def test_no_pause_where_a_catch_all_leads(admin: Visitor, database: Database, world: World) -> None:
    answer = admin.post(f"/mailboxes/{world.mary}/general", action="pause")
    assert answer.status_code == 409
    assert "mary@brand-a.test is the catch-all of brand-b.test; while it is paused" in words(answer)
    assert "Catch-all of brand-b.test" in words(answer)
    assert mailbox(database, MARY).is_active


def test_deleting_says_what_goes_and_asks_for_the_name(admin: Visitor, database: Database, path: str) -> None:
    where = ask(admin, path)
    page = words(admin.get(where))
    assert "Delete john@brand-a.test?" in page
    assert "2 aliases: info@brand-a.test sales@brand-b.test" in page
    assert "Pause it instead" in page
    assert "This question ends in 14 minutes" in page
    for typed in ("", "john", "mary@brand-a.test", "sales@brand-b.test", EVIL, BIDI, "a\r\nb", "x" * 10_000):
        answer = admin.post(where, address=typed)
        assert (answer.status_code, "type its address: john@brand-a.test." in words(answer)) == (422, True)
        assert 'id="address-error"' in answer.text
        assert "<script>alert" not in answer.text
    assert mailbox(database).alias_count == 2
    done = admin.post(where, address=" John@Brand-A.test ")
    assert done.status_code == 303
    listed = admin.get(done.headers["Location"])
    assert "The mailbox is deleted, with its aliases. live on the mail server" in words(listed)
    with pytest.raises(ServiceError):
        mailbox(database)
    assert admin.post(where, address=JOHN).status_code == 404


def test_many_aliases_are_all_named(admin: Visitor, database: Database, path: str) -> None:
    with database.write() as tx:
        for number in range(20):
            aliases.add(tx, f"n{number:02}@brand-b.test", JOHN)
    page = admin.get(ask(admin, path))
    assert "22 aliases:" in words(page)
    assert "The other 12" in words(page)
    assert all(f"n{number:02}@brand-b.test" in words(page) for number in range(20))


def test_not_while_a_domain_needs_it(admin: Visitor, database: Database, world: World) -> None:
    with database.write() as tx:
        domain_settings.update(tx, "brand-a.test", system_mailbox=MARY)
    where = ask(admin, f"/mailboxes/{world.mary}/general")
    page = words(admin.get(where))
    assert "It is the catch-all of brand-b.test ." in page
    assert "It is the system mailbox of brand-a.test ." in page
    assert "Delete for good" not in page
    assert admin.post(where, address=MARY).status_code == 409
    assert mailbox(database, MARY).is_active


def test_a_question_ends(admin: Visitor, database: Database, path: str) -> None:
    where = ask(admin, path)
    with database.write() as tx:
        tx.execute(update(DeleteIntentRow).values(expires_at=utc_now()))
    for answer in (admin.get(where), admin.post(where, address=JOHN)):
        assert (answer.status_code, "Nothing was deleted." in words(answer)) == (404, True)
    assert mailbox(database).alias_count == 2


def test_a_question_speaks_of_no_later_alias(admin: Visitor, database: Database, path: str) -> None:
    where = ask(admin, path)
    with database.write() as tx:
        aliases.add(tx, "later@brand-b.test", JOHN)
    answer = admin.post(where, address=JOHN)
    assert answer.status_code == 409
    assert "The mailbox has new aliases since. Nothing was deleted" in words(answer)
    assert "later@brand-b.test" in words(answer)
    assert mailbox(database).alias_count == 3
    assert admin.post(ask(admin, path), address=JOHN).status_code == 303


def test_what_somebody_else_has_is_not_there(admin: Visitor, database: Database, world: World, path: str) -> None:
    mine = ask(admin, path)
    intent = mine.rpartition("/")[2]
    for identity in (world.eve, 4711, 10**18):
        here = f"/mailboxes/{identity}/general"
        deletion = f"/mailboxes/{identity}/delete/{intent}"
        answers = [admin.get(here), admin.get(deletion), admin.post(deletion, address=EVE)]
        answers += [admin.post(here, action=action, mark="") for action in ("name", "password", "pause", "delete")]
        assert [answer.status_code for answer in answers] == [404] * len(answers), identity
    assert words(admin.get(f"/mailboxes/{world.eve}/general")) == words(admin.get("/mailboxes/4711/general"))
    elsewhere = f"/mailboxes/{world.mary}/delete/{intent}"  # a question about another mailbox
    assert [admin.get(elsewhere).status_code, admin.post(elsewhere, address=MARY).status_code] == [404, 404]
    assert mailbox(database, EVE).is_active
    assert mailbox(database, MARY).is_active


@pytest.mark.parametrize(("name", "status"), [(VIEWER, 403), (JOHN, 404)])
def test_who_only_looks(visitor: Visitor, database: Database, world: World, path: str, name: str, status: int) -> None:
    visitor.signed_in(name)
    page = visitor.get(path)
    assert page.status_code == 200
    assert "john@brand-a.test" in words(page)
    assert [one in page.text for one in ('name="action"', 'name="mark"', "Delete this mailbox")] == [False] * 3
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token is not None
    for action in ("name", "password", "pause", "delete"):
        assert visitor.post(path, csrf=token[1], action=action, mark="").status_code == status
    assert visitor.get(f"/mailboxes/{world.john}/delete/1").status_code == status
    others = visitor.get(f"/mailboxes/{world.mary}/general").status_code
    assert others == (404 if name == JOHN else 200)
    assert mailbox(database).is_active


def test_forms_of_others_and_of_the_suspended(admin: Visitor, database: Database, path: str) -> None:
    where = ask(admin, path)
    for at, fields in ((path, {"action": "pause"}), (where, {"address": JOHN})):
        assert send(admin, at, fields, csrf="").status_code == 403
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert send(admin, at, fields, headers=foreign).status_code == 403
    assert admin.post(path, action="rename").status_code == 422
    with database.write() as tx:
        accounts.update(tx, "acme", is_active=False)
    assert admin.post(path, action="pause").status_code == 403
    assert admin.post(where, address=JOHN).status_code == 403
    assert 'name="action"' not in admin.get(path).text
    assert mailbox(database).is_active


def test_operators_see_the_account(visitor: Visitor, world: World) -> None:
    visitor.signed_in(OPERATOR)
    assert "Account rival" in words(visitor.get(f"/mailboxes/{world.eve}/general"))
