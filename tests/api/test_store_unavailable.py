"""The database locked, frozen or stopped, and Redis gone: what a client is told, how soon, and what was done."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from store.cache.propagation import PropagationWaiter
from store.migrations import migrate
from store.sql.database import Database
from tests.api.running_api import RunningApi, code_of, site_over
from tests.api.tenants import Tenant, tenant
from tests.store.conftest import spare_postgres_url
from tests.store.postgres_server import PostgresServer
from tests.store.redis_server import RedisServer

__all__ = ["spare_postgres_url"]

SECONDS = 9.0  # within which an answer must come
KEY = {"Idempotency-Key": "until-it-works"}


def serving(database: Database, **parts: object) -> Tenant:
    return tenant(RunningApi(site_over(database, **parts)))  # type: ignore[arg-type]


@pytest.fixture
def on_sqlite(sqlite_api: Database) -> Iterator[Tenant]:
    owner = serving(sqlite_api)
    yield owner
    owner.api.close()


@pytest.fixture
def on_postgresql(spare_postgres_url: str) -> Iterator[Tenant]:
    migrate.upgrade(spare_postgres_url)
    with closing(Database.open(spare_postgres_url)) as database:
        owner = serving(database)
        yield owner
        owner.api.close()


def create(owner: Tenant) -> httpx.Response:
    body = {"local_part": "sales", "domain_id": owner.other_id}
    return owner.client.post(f"/mailboxes/{owner.mailbox_id}/aliases", json=body, headers=KEY)


def refused_in_time(ask: Callable[[], httpx.Response]) -> None:
    """Ask, and see that the answer says "not now" soon enough."""
    began = time.monotonic()
    answer = ask()
    assert code_of(answer) == (503, "unavailable")
    assert answer.json()["retryable"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert time.monotonic() - began < SECONDS


def done_once(owner: Tenant) -> None:
    """See that nothing of the refused request is left, and that its repeat works."""
    path = f"/mailboxes/{owner.mailbox_id}/aliases"
    assert owner.client.get(path).json()["data"] == []
    made = create(owner)
    assert (made.status_code, "Idempotency-Replayed" in made.headers) == (201, False)
    assert create(owner).headers["Idempotency-Replayed"] == "true"
    assert len(owner.client.get(path).json()["data"]) == 1


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        yield


def test_sqlite_locked_by_another_writer(on_sqlite: Tenant, sqlite_api_file: Path) -> None:
    with locked(sqlite_api_file):
        refused_in_time(lambda: create(on_sqlite))
        assert on_sqlite.client.get("/mailboxes").status_code == 200  # who reads waits for nobody
    done_once(on_sqlite)


def test_sqlite_taken_away(on_sqlite: Tenant, sqlite_api_file: Path) -> None:
    aside = sqlite_api_file.rename(sqlite_api_file.with_name("aside.db"))
    on_sqlite.api.database.close()  # as in a process that was started without it
    refused_in_time(lambda: create(on_sqlite))
    aside.rename(sqlite_api_file)
    done_once(on_sqlite)


def test_postgresql_frozen(on_postgresql: Tenant, postgres: PostgresServer) -> None:
    postgres.freeze()
    try:
        for ask in (lambda: create(on_postgresql), lambda: on_postgresql.client.get("/mailboxes")):
            refused_in_time(ask)
    finally:
        postgres.thaw()
    done_once(on_postgresql)


def test_postgresql_stopped(on_postgresql: Tenant, postgres: PostgresServer) -> None:
    postgres.stop()
    try:
        for ask in (lambda: create(on_postgresql), lambda: on_postgresql.client.get("/mailboxes")):
            refused_in_time(ask)
    finally:
        postgres.start()
    done_once(on_postgresql)


def test_redis_gone(sqlite_api: Database) -> None:
    server = RedisServer()
    server.start()
    try:
        with closing(PropagationWaiter(sqlite_api, server.url)) as waiter:
            owner = serving(sqlite_api, wait=waiter.wait_until_live)
            server.stop()
            began = time.monotonic()
            made = create(owner)
            assert (made.status_code, made.headers["Byname-Propagation"]) == (201, "pending")
            assert time.monotonic() - began < SECONDS
            owner.api.close()
    finally:
        server.remove()
