"""A random walk over the whole API, two tenants and an operator: what the relay brings to the cache is what SQL says.

A change that did not tell the outbox of all that decisions need would leave the mail servers wrong until the next
audit. Nothing audits or rebuilds here while the walk lasts: the outbox alone must do.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from random import Random
from typing import Any

import httpx
import pytest

from byname.sandbox.waiting import wait_until
from store.cache.propagation import waiting
from store.services import domains
from store.sql.database import Database
from tests.api.running_api import RunningApi, site_over
from tests.api.tenants import Tenant, secret_of, tenant
from tests.api.test_propagation import working
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import Relaying

ROUNDS, STEPS = 12, 10  # steps
NAMES = ("sales", "info", "press", "a.b", "x-1", "jo")
CONFIRMED = {"X-Confirm-Delete": "true"}


class Walker:
    """Asks for random changes, many of which are refused."""

    def __init__(self, api: RunningApi, seed: int) -> None:
        self.random = Random(seed)
        self.tenants = [tenant(api, "pro"), tenant(api, "pro")]
        self.operator = api.client(secret_of(api.database))
        self.database = api.database
        self.done: Counter[str] = Counter()

    def step(self) -> None:
        """Ask for one change."""
        kind, weight = zip(*_CHANGES.items(), strict=True)
        change = self.random.choices(kind, weight)[0]
        answer = change(self, self.random.choice(self.tenants))
        if answer is not None:
            assert answer.status_code < 500, answer.text
            self.done[change.__name__] += answer.is_success

    def resume(self) -> None:
        """Resume the accounts that are suspended, so that the walk goes on."""
        for owner in self.tenants:
            assert self.operator.patch(f"/accounts/{owner.id}", json={"is_active": True}).is_success

    def some(self, owner: Tenant, path: str) -> dict[str, Any] | None:
        """Return one of the objects of a list."""
        found = owner.client.get(path, params={"per_page": 100} if path.count("/") == 1 else {}).json()["data"]
        return self.random.choice(found) if found else None

    def either(self) -> bool:
        return self.random.random() < 0.5


Answer = httpx.Response | None


def create_alias(walk: Walker, owner: Tenant) -> Answer:
    mailbox, domain = walk.some(owner, "/mailboxes"), walk.some(owner, "/domains")
    if mailbox is None or domain is None:
        return None
    body = {"local_part": walk.random.choice(NAMES), "domain_id": domain["id"], "can_send": walk.either()}
    return owner.client.post(f"/mailboxes/{mailbox['id']}/aliases", json=body)


def change_alias(walk: Walker, owner: Tenant) -> Answer:
    alias = _alias(walk, owner)
    switch = walk.random.choice(["can_receive", "can_send", "is_active"])
    return owner.client.patch(alias, json={switch: walk.either()}) if alias else None


def delete_alias(walk: Walker, owner: Tenant) -> Answer:
    alias = _alias(walk, owner)
    return owner.client.delete(alias) if alias else None


def _alias(walk: Walker, owner: Tenant) -> str | None:
    if (mailbox := walk.some(owner, "/mailboxes")) is None:
        return None
    path = f"/mailboxes/{mailbox['id']}/aliases"
    alias = walk.some(owner, path)
    return f"{path}/{alias['id']}" if alias else None


def change_many(walk: Walker, owner: Tenant) -> Answer:
    mailbox, domain = walk.some(owner, "/mailboxes"), walk.some(owner, "/domains")
    if mailbox is None or domain is None:
        return None
    there = owner.client.get(f"/mailboxes/{mailbox['id']}/aliases").json()["data"]
    items: list[dict[str, Any]] = [
        {"op": walk.random.choice(["update", "delete"]), "mailbox_id": mailbox["id"], "alias_id": one["id"]}
        for one in there
    ]
    items += [
        {"op": "create", "mailbox_id": mailbox["id"], "domain_id": domain["id"], "local_part": name}
        for name in walk.random.sample(NAMES, 3)
    ]
    for item in items:
        if item["op"] == "update":
            item["is_active"] = walk.either()
    return owner.client.post("/aliases:bulk", json={"items": items, "atomic": walk.either()})


def bring_in(walk: Walker, owner: Tenant) -> Answer:
    mailbox, domain = walk.some(owner, "/mailboxes"), walk.some(owner, "/domains")
    if mailbox is None or domain is None:
        return None
    lines = [f"{name}@{domain['name']},{mailbox['address']},{str(walk.either()).lower()}" for name in NAMES]
    text = "\n".join(["address,mailbox,can_receive", *lines])
    return owner.client.post("/aliases:import", content=text, headers={"Content-Type": "text/csv"})


def create_mailbox(walk: Walker, owner: Tenant) -> Answer:
    domain = walk.some(owner, "/domains")
    body = {"local_part": walk.random.choice(NAMES), "password": "correct horse"}
    return owner.client.post("/mailboxes", json={**body, "domain_id": domain["id"]}) if domain else None


def pause_or_resume(walk: Walker, owner: Tenant) -> Answer:
    mailbox = walk.some(owner, "/mailboxes")
    action = walk.random.choice(["pause", "resume"])
    return owner.client.post(f"/mailboxes/{mailbox['id']}:{action}") if mailbox else None


def delete_mailbox(walk: Walker, owner: Tenant) -> Answer:
    mailbox = walk.some(owner, "/mailboxes")
    if mailbox is None:
        return None
    intent = owner.client.post(f"/mailboxes/{mailbox['id']}:delete-intent")
    if not intent.is_success:
        return intent
    return owner.client.post(f"/delete-intents/{intent.json()['data']['id']}:confirm", headers=CONFIRMED)


def add_domain(walk: Walker, owner: Tenant) -> Answer:
    """Add one of two names, which both accounts want, and perhaps prove it."""
    made = owner.client.post("/domains", json={"name": walk.random.choice(["wanted-a.com", "wanted-b.com"])})
    if made.is_success and walk.either():
        with walk.database.write() as tx:
            if all(one.verified_at is None for one in domains.list_all(tx) if one.name == made.json()["data"]["name"]):
                domains.verify(tx, made.json()["data"]["id"])
    return made


def switch_domain(walk: Walker, owner: Tenant) -> Answer:
    domain = walk.some(owner, "/domains")
    return owner.client.patch(f"/domains/{domain['id']}", json={"is_active": walk.either()}) if domain else None


def choose_system_mailbox(walk: Walker, owner: Tenant) -> Answer:
    domain, mailbox = walk.some(owner, "/domains"), walk.some(owner, "/mailboxes")
    chosen = mailbox["id"] if mailbox and walk.either() else None
    return owner.client.patch(f"/domains/{domain['id']}", json={"system_mailbox_id": chosen}) if domain else None


def change_catch_all(walk: Walker, owner: Tenant) -> Answer:
    domain, mailbox = walk.some(owner, "/domains"), walk.some(owner, "/mailboxes")
    wishes = [{"enabled": walk.either()}, {"destination": None}]
    if mailbox is not None:
        wishes += [{"enabled": walk.either(), "destination": mailbox["address"]}] * 2
    return owner.client.patch(f"/domains/{domain['id']}/catch-all", json=walk.random.choice(wishes)) if domain else None


def delete_domain(walk: Walker, owner: Tenant) -> Answer:
    domain = walk.some(owner, "/domains")
    if domain is None or domain["id"] == owner.domain_id:
        return None
    return owner.client.delete(f"/domains/{domain['id']}", headers=CONFIRMED)


def suspend_or_resume(walk: Walker, owner: Tenant) -> Answer:
    is_active = owner.client.get("/account").json()["data"]["is_active"]
    return walk.operator.patch(f"/accounts/{owner.id}", json={"is_active": not is_active})


_CHANGES: dict[Callable[[Walker, Tenant], Answer], int] = {
    create_alias: 8, change_alias: 5, delete_alias: 2, change_many: 4, bring_in: 2, create_mailbox: 4,
    pause_or_resume: 3, delete_mailbox: 2, add_domain: 3, switch_domain: 3, choose_system_mailbox: 3,
    change_catch_all: 4, delete_domain: 1, suspend_or_resume: 2,
}  # fmt: skip


@pytest.fixture
def relaying(sqlite_api: Database, redis_server: RedisServer) -> Iterator[Relaying]:
    with closing(Relaying(sqlite_api, redis_server)) as opened:
        opened.settle()
        yield opened


def test_the_cache_holds_what_the_api_left(relaying: Relaying) -> None:
    api = RunningApi(site_over(relaying.database))
    walk = Walker(api, int(os.environ.get("BYNAME_WALK", "1")))
    with working(relaying):
        for _ in range(ROUNDS):
            walk.resume()
            for _ in range(STEPS):
                walk.step()
            wait_until(lambda: not waiting(relaying.database), 5, "the relay")
            assert relaying.differences() == []
    api.close()
    assert {change.__name__ for change in _CHANGES} <= {name for name, count in walk.done.items() if count}
