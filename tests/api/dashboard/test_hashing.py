"""Passwords are hashed before the transaction that keeps them: no other change waits some 30 ms for that."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from admin_api.http.threads import in_thread
from store.passwords import hash_password
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, Visitor, World
from tests.api.hashing import Hashing
from tests.api.running_api import RunningApi
from tests.api.tenants import secret_of

NEW: dict[str, Any] = {"local_part": "ann", "display_name": ""}


def test_through_the_pages(visitor: Visitor, hashing: Hashing) -> None:
    hashing.done.clear()
    admin = visitor.signed_in(ADMIN)
    assert admin.post("/account/people", address="ann@agency.example", role="viewer").status_code == 201
    assert hashing.done == ["hash"]
    assert Visitor(str(visitor.client.base_url)).sign_in(ADMIN, "wrong").status_code == 401
    assert hashing.done == ["hash", "verify"]


def test_through_the_api(pages: RunningApi, database: Database, world: World, hashing: Hashing) -> None:
    client = pages.client(secret_of(database))
    hashing.done.clear()
    made = client.post("/mailboxes", json={**NEW, "domain_id": world.brand_a, "password": "correct horse"})
    assert made.status_code == 201, made.text
    path = f"/mailboxes/{made.json()['data']['id']}/password"
    assert client.post(path, json={"password": "battery staple"}).is_success
    assert hashing.done == ["hash", "hash"]


def test_one_in_a_transaction_would_be_seen(database: Database) -> None:
    def hash_within() -> None:
        with database.write() as tx:
            tx.connection()
            hash_password("correct horse")

    # In a thread of its own: in this one the loop of a browser that other tests use may be running.
    with ThreadPoolExecutor(1) as pool, pytest.raises(AssertionError, match="in a transaction"):
        pool.submit(asyncio.run, in_thread(hash_within)).result()
