"""Where the pages are, that they can be switched off, what a proxy says, and a database that is away."""

from collections.abc import Iterator
from typing import NoReturn

import httpx
import pytest
from starlette.requests import Request
from structlog.testing import capture_logs

from admin_api.dashboard.frame.browser import client_address
from store.errors import StoreUnavailable
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, Visitor, World, dashboard, words
from tests.api.running_api import RunningApi, site_over


@pytest.fixture
def elsewhere(database: Database, world: World) -> Iterator[RunningApi]:
    """A server with the dashboard below a path."""
    running = RunningApi(site_over(database, dashboard=dashboard(path="/names")))
    yield running
    running.close()


def test_below_a_path(elsewhere: RunningApi, world: World) -> None:
    visitor = Visitor(elsewhere.url)
    page = visitor.get(visitor.get("/names").headers["Location"])
    assert page.url.path == "/names/login"
    token = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    answer = visitor.post("/names/login", csrf=token, name=ADMIN, password="correct horse")
    assert answer.headers["Location"] == "/names/mailboxes"
    listed = visitor.get("/names/mailboxes")
    links = {part.partition('"')[0] for part in listed.text.split('href="')[1:]}
    assert {link for link in links if not link.startswith(("/names/", "#"))} == set()
    for link in sorted(links - {"#main"}):
        assert visitor.get(link).status_code in {200, 303}, link
    assert visitor.client.get("/mailboxes").status_code == 404
    assert visitor.get("/elsewhere").headers["Content-Type"] == "application/problem+json"


def test_switched_off(database: Database) -> None:
    running = RunningApi(site_over(database))
    with httpx.Client(base_url=running.url, verify=False, headers={"Accept": "text/html"}) as client:
        assert [client.get(path).status_code for path in ("/", "/login", "/mailboxes")] == [404, 404, 404]
    running.close()


def test_the_database_is_away(visitor: Visitor, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor.signed_in(ADMIN)

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(database, "read", away)
    answer = visitor.get("/mailboxes")
    assert answer.status_code == 503
    assert "The database does not answer at the moment. Nothing was changed" in words(answer)
    assert '<a class="button primary" href="">Try again</a>' in answer.text


def test_a_bug_is_a_page_without_details(database: Database, world: World) -> None:
    def fail(version: int | None) -> NoReturn:
        raise ValueError("secret words")

    running = RunningApi(site_over(database, wait=fail, dashboard=dashboard()))
    visitor = Visitor(running.url).signed_in(ADMIN)
    with capture_logs() as logged:
        answer = visitor.get(f"/mailboxes/{world.john}/aliases?done=made&id={world.sales}&version=1")
    running.close()
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert f"The server's log has more under the number {answer.headers['X-Request-Id']}." in words(answer)
    assert "secret words" not in answer.text
    failed = [one["request_id"] for one in logged if one["event"] == "request-failed"]
    assert failed == [answer.headers["X-Request-Id"]]


@pytest.mark.parametrize(
    ("peer", "passed_on", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),  # anybody can say that
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("::1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),  # the last was added by the proxy
        ("127.0.0.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
    ],
)
def test_for_whom_a_proxy_asks(peer: str, passed_on: list[str], client: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in passed_on]
    assert client_address(Request({"type": "http", "client": (peer, 1), "headers": headers})) == client
