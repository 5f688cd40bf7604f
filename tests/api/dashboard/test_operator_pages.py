"""Operators: how the site does, accounts opened, changed, suspended and deleted; nobody else is let in."""

from collections.abc import Iterator

import pytest

from store.errors import ServiceError
from store.passwords import PasswordHash, hash_password
from store.services import accounts, admins, domains
from store.services.views import Account
from store.sql.database import Database
from tests.api.dashboard.visitor import (
    ADMIN,
    JOHN,
    OPERATOR,
    PASSWORD,
    VIEWER,
    Cache,
    Visitor,
    World,
    dashboard,
    words,
)
from tests.api.running_api import RunningApi, site_over

LIST = "/operator/accounts"
WATCHER = "day@operator.example"
HOSTILE = ["x" * 10_000, "a\r\nb", "\u202etxt", "", "a\x00b"]


@pytest.fixture
def operator(visitor: Visitor) -> Visitor:
    return visitor.signed_in(OPERATOR)


def account(database: Database, name: str = "acme") -> Account:
    with database.read() as tx:
        return accounts.get(tx, name)


@pytest.fixture
def one(database: Database, world: World) -> str:
    return f"{LIST}/{account(database).id}"


@pytest.fixture
def ill(database: Database, world: World) -> Iterator[Visitor]:
    """A server whose relay is away."""
    running = RunningApi(
        site_over(database, dashboard=dashboard(), health=lambda: {"sql": "ok", "cache": "no-lease"}, waiting=lambda: 3)
    )
    yield Visitor(running.url)
    running.close()


def test_the_overview(operator: Visitor, database: Database) -> None:
    with database.write() as tx:
        accounts.create(tx, "small", "nano", is_trial=True, is_active=False)
    said = words(operator.get("/operator"))
    assert "Database Answers Cache None: mail servers ask the database itself" in said
    assert "3 in all, 1 on trial and not paid yet, 1 suspended." in said
    assert "Nano 1 Starter 2 Pro 0 Agency 0" in said


def test_health_says_what_readyz_says(ill: Visitor) -> None:
    said = words(ill.signed_in(OPERATOR).get("/operator"))
    assert "Cache The relay does not vouch for it, so the database is asked Relay 3 changes wait" in said
    assert ill.client.get("/readyz").json()["reasons"] == {"sql": "ok", "cache": "no-lease", "relay": "3 changes wait"}


def test_the_list_and_its_search(operator: Visitor, database: Database) -> None:
    with database.write() as tx:
        for number in range(60):
            accounts.create(tx, f"customer {number:02}", "pro", is_trial=number == 7)
    first = words(operator.get(LIST))
    assert "acme Starter 3 2 2 Active" in first
    assert "Page 1 of 2 Next" in first
    assert "customer 59 Pro 0 0 0 Active" in words(operator.get(f"{LIST}?page=2"))
    found = words(operator.get(f"{LIST}?search=CUSTOMER 07"))
    assert "customer 07 Pro trial" in found
    assert "customer 08" not in found
    assert "No account's name holds “<b>”." in words(operator.get(f"{LIST}?search=%3Cb%3E"))
    assert "past the end" in words(operator.get(f"{LIST}?page=99"))
    assert "at most 100 characters" in words(operator.get(f"{LIST}?search={'x' * 200}"))
    assert "must not hold control characters" in words(operator.get(f"{LIST}?search=a%0Ab"))


def test_an_account_is_opened(operator: Visitor, database: Database) -> None:
    answer = operator.post(LIST, name=" Brand & Sons ", plan="agency", is_trial="on")
    page = operator.get(answer.headers["Location"])
    assert "Brand & Sons Account on the plan Agency" in words(page)
    assert "The account is open." in words(page)
    made = account(database, "Brand & Sons")
    assert (made.plan, made.is_trial, made.limits.aliases_per_mailbox) == ("agency", True, 5)
    again = operator.post(LIST, name="Brand & Sons", plan="pro")
    assert again.status_code == 409
    assert "There is an account of that name already." in words(again)
    assert '<option value="pro" selected>' in again.text


@pytest.mark.parametrize("name", HOSTILE)
def test_no_such_names(operator: Visitor, one: str, name: str, database: Database) -> None:
    for path in (LIST, f"{one}/settings"):
        answer = operator.post(path, name=name, plan="pro")
        assert answer.status_code == 422
        assert 'aria-describedby="name-error" aria-invalid="true"' in answer.text
    assert account(database).plan == "starter"


def test_no_such_plan(operator: Visitor, one: str) -> None:
    for path in (LIST, f"{one}/settings"):
        answer = operator.post(path, name="acme 2", plan="<script>")
        assert answer.status_code == 422
        assert "There is no such plan" in words(answer)
        assert 'value="acme 2"' in answer.text
        assert "<script>" not in answer.text.partition("<main")[2]


def test_a_name_with_markup_is_text(operator: Visitor, one: str, database: Database) -> None:
    name = "<script>alert(1)</script>"
    assert operator.post(f"{one}/settings", name=name, plan="starter").status_code == 303
    below = [f"{one}{tail}" for tail in ("", "/people", "/tokens", "/suspend", "/delete")]
    for path in (LIST, *below):
        page = operator.get(path)
        assert name in words(page)
        assert "<script>alert" not in page.text


def test_name_plan_and_trial(operator: Visitor, one: str, database: Database) -> None:
    answer = operator.post(f"{one}/settings", name="acme & co", plan="pro", is_trial="on")
    assert "The changes are saved." in words(operator.get(answer.headers["Location"]))
    changed = account(database, "acme & co")
    assert (changed.plan, changed.is_trial) == ("pro", True)
    operator.post(f"{one}/settings", name="acme", plan="starter")
    assert not account(database).is_trial
    assert operator.post(f"{one}/settings", name="rival", plan="starter").status_code == 409


def test_the_first_payment(operator: Visitor, one: str, database: Database) -> None:
    operator.post(f"{one}/settings", name="acme", plan="starter", is_trial="on")
    assert "5 aliases until the first payment" in words(operator.get(one))
    answer = operator.post(one, action="paid")
    assert "The first payment is noted." in words(operator.get(answer.headers["Location"]))
    assert account(database).limits.aliases_per_mailbox == 30
    operator.post(one, action="unpaid")
    assert account(database).limits.aliases_per_mailbox == 5
    assert operator.post(one, action="delete").status_code == 422


def test_suspended_and_resumed(operator: Visitor, one: str, database: Database, cache: Cache) -> None:
    question = words(operator.get(f"{one}/suspend"))
    assert "Suspend acme?" in question
    assert "Mail to its addresses is deferred" in question
    cache.says = "pending"
    where = operator.post(one, action="suspend").headers["Location"]
    assert "The account is suspended. on its way to the mail server" in words(operator.get(where))
    cache.says = "live"
    assert "The account is suspended. live on the mail server" in words(operator.get(where))
    assert not account(database).is_active
    assert "acme Starter 3 2 2 Suspended" in words(operator.get(LIST))
    operator.post(one, action="resume")
    assert account(database).is_active


def test_an_account_with_domains_stays(operator: Visitor, one: str, database: Database) -> None:
    question = operator.get(f"{one}/delete")
    assert "acme cannot be deleted yet It has 3 domains, with 2 mailboxes and 2 aliases." in words(question)
    refused = operator.post(f"{one}/delete")
    assert refused.status_code == 409
    assert account(database).name == "acme"


def test_an_account_is_deleted(operator: Visitor, database: Database) -> None:
    where = operator.post(LIST, name="short-lived", plan="pro").headers["Location"].partition("?")[0]
    assert "Delete short-lived?" in words(operator.get(f"{where}/delete"))
    answer = operator.post(f"{where}/delete")
    assert "The account is deleted" in words(operator.get(answer.headers["Location"]))
    with pytest.raises(ServiceError):
        account(database, "short-lived")
    assert operator.get(where).status_code == 404


def test_what_an_account_has(operator: Visitor, one: str, world: World, database: Database) -> None:
    with database.write() as tx:
        domains.add(tx, "xn--mnchen-3ya.test", account="acme", verified=True)
    page = operator.get(one)
    assert f'href="/domains/{world.brand_a}"' in page.text
    assert 'href="/mailboxes?search=%40brand-a.test"' in page.text
    assert "waits.test Waiting for DNS" in words(page)
    assert "münchen.test Active" in words(page)
    assert f"{JOHN} 2 of 30" in words(page)
    assert "rival" not in page.text


@pytest.mark.parametrize("name", [ADMIN, VIEWER, JOHN])
def test_who_is_not_let_in(visitor: Visitor, database: Database, one: str, name: str) -> None:
    gets = ["/operator", LIST, one, "/operator/people", "/operator/tokens"]
    gets += [f"{one}/{tail}" for tail in ("people", "tokens", "suspend", "delete")]
    posts = [LIST, one, f"{one}/settings", f"{one}/delete", "/operator/people", "/operator/tokens"]
    visitor.signed_in(name)
    fields = {"name": "mine", "plan": "agency", "action": "suspend"}
    assert {visitor.get(path).status_code for path in gets} == {404}
    assert {visitor.post(path, **fields).status_code for path in posts} == {404}  # type: ignore[arg-type]
    assert 'href="/operator"' not in visitor.get(visitor.get("/").headers["Location"]).text
    assert account(database).plan == "starter"


def test_an_operator_who_only_looks(visitor: Visitor, database: Database, one: str) -> None:
    with database.write() as tx:
        admins.create(tx, WATCHER, PasswordHash(hash_password(PASSWORD)), role="viewer")
    visitor.signed_in(WATCHER)
    for path in ("/operator", LIST, one):
        page = visitor.get(path)
        assert page.status_code == 200
        assert page.text.partition("<main")[2].count('method="post"') == 0
    answers = [
        visitor.post(LIST, name="new", plan="pro"), visitor.post(one, action="suspend"), visitor.get(f"{one}/suspend"),
        visitor.post(f"{one}/settings", name="new", plan="pro"), visitor.post(f"{one}/delete"),
        visitor.post("/operator/people", address="x@y.example", role="admin"),
        visitor.post("/operator/tokens", name="x", everything="on", expires="30"),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {403}
    assert account(database).is_active


def test_forms_from_elsewhere(operator: Visitor, one: str, database: Database) -> None:
    for path, fields in ((one, {"action": "suspend"}), (f"{one}/settings", {"name": "x", "plan": "nano"})):
        assert operator.client.post(path, data=fields).status_code == 403
        assert operator.post(path, headers={"Origin": "https://evil.example"}, **fields).status_code == 403
    assert account(database).is_active


def test_an_account_that_is_not_there(operator: Visitor) -> None:
    for path in (f"{LIST}/4711", f"{LIST}/{10**18}"):
        answers = [operator.get(path), operator.post(path, action="suspend"), operator.post(f"{path}/delete")]
        answers += [operator.get(f"{path}/{tail}") for tail in ("people", "tokens", "suspend", "delete")]
        answers += [operator.post(f"{path}/settings", name="x", plan="pro")]
        assert {answer.status_code for answer in answers} == {404}
