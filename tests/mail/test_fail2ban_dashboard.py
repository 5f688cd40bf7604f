"""The fail2ban filter over lines that signing in to the dashboard writes."""

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conf.logs import set_up
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, PASSWORD, dashboard, fill, token_of
from tests.api.running_api import RunningApi, site_over
from tests.mail.test_fail2ban import FAKE, NEAR, STAMPS, fail2ban, from_lines
from tests.store.new_store import make_store

__all__ = ["fail2ban"]


@pytest.fixture
def pages(folder: Path) -> Iterator[RunningApi]:
    url = f"sqlite:///{folder / 'byname.db'}"
    make_store(url)
    database = Database.open(url)
    fill(database)
    running = RunningApi(site_over(database, dashboard=dashboard()))
    yield running
    running.close()
    database.close()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    set_up("api", "text", stream)
    yield stream
    set_up("test", "text")


def test_who_is_not_let_in(fail2ban: None, pages: RunningApi, log: io.StringIO, folder: Path) -> None:
    with httpx.Client(base_url=pages.url, verify=False) as client:
        token = token_of(client.get("/login"))
        for number, password in enumerate(["wrong", "wrong\nclient=198.51.100.9", PASSWORD]):
            client.post(
                "/login",
                data={"csrf": token, "name": ADMIN, "password": password},
                headers={"X-Forwarded-For": f"192.0.2.{number}"},
            )
        client.post("/login/second", data={"csrf": token, "code": "1"}, headers={"X-Forwarded-For": "192.0.2.7"})
    lines = log.getvalue().splitlines()
    for stamp in STAMPS:
        assert from_lines(folder, lines, stamp) == ["192.0.2.0", "192.0.2.1", "192.0.2.7"]


def line(client: str, code: str = "unauthenticated", request_id: str = "a1", role: str = "api") -> str:
    return f"byname/{role}[1]: sign-in-refused client={client} code={code} request_id={request_id} level=warning"


@pytest.mark.parametrize(
    ("made_up", "expected"),
    [
        (line(NEAR), [NEAR]),
        (line("2001:db8::1", "rate-limited", '"a="'), ["2001:db8::1"]),
        (line(NEAR, "unavailable"), []),
        (line("-"), []),
        (line(f'"{FAKE}"'), []),
        (line(f'"x client={NEAR}"'), []),
        (line(NEAR, request_id=f'"a" client={NEAR}'), []),
        (line(NEAR, role="submission"), []),
    ],
)
def test_made_up_lines(fail2ban: None, folder: Path, made_up: str, expected: list[str]) -> None:
    assert from_lines(folder, [made_up]) == expected
