"""The routes about DNS: what is to be published, asking for a check, polling it, over scripted nameservers."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from admin_api.site import Dns
from byname.sandbox.waiting import wait_until
from store.dns.nameserver import RetryPolicy
from store.dns.resolvers import Resolvers
from store.services.domain_checks.checker import CheckQueue, DomainChecker
from store.sql.database import Database
from tests.api.running_api import RunningApi, code_of, site_over
from tests.api.tenants import Tenant, secret_of, tenant
from tests.store.dns.dns_server import DnsServer
from tests.store.dns.dns_site import EXPECTED

NEW = "new.example"


@pytest.fixture
def servers() -> Iterator[list[DnsServer]]:
    with DnsServer() as one, DnsServer() as two:
        yield [one, two]


@pytest.fixture
def dns_api(sqlite_api: Database, servers: list[DnsServer]) -> Iterator[RunningApi]:
    resolvers = Resolvers([server.nameserver for server in servers], RetryPolicy(3, 1))
    queue = CheckQueue(DomainChecker(sqlite_api, resolvers, EXPECTED), idle=0.1)
    running = RunningApi(site_over(sqlite_api, dns=Dns(EXPECTED, 2, queue.put)))
    yield running
    running.close()


@pytest.fixture
def owner(dns_api: RunningApi) -> Tenant:
    return tenant(dns_api)


def add(client: httpx.Client, name: str = NEW) -> int:
    answer = client.post("/domains", json={"name": name})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["data"]["id"])


def required(client: httpx.Client, domain: int) -> dict[str, Any]:
    answer = client.get(f"/domains/{domain}/dns-requirements")
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def publish(servers: list[DnsServer], client: httpx.Client, domain: int) -> None:
    record = required(client, domain)["records"][0]
    for server in servers:
        server.add(record["name"], record["type"], record["required"])


def checked(client: httpx.Client, domain: int) -> dict[str, Any]:
    """Ask for a check and poll it until it is done."""
    asked = client.post(f"/domains/{domain}/dns-recheck")
    assert asked.status_code == 202, asked.text
    check = asked.json()["data"]["id"]
    latest: dict[str, Any] = {}

    def is_done() -> bool:
        latest.update(client.get(f"/dns-checks/{check}").json()["data"])
        return bool(latest["status"] == "done")

    wait_until(is_done, 10, "the check")
    return latest


def test_from_pending_to_active(owner: Tenant, servers: list[DnsServer]) -> None:
    domain = add(owner.client)
    told = required(owner.client, domain)
    assert (told["status"], told["checked_at"], told["warnings"]) == ("pending_dns", None, [])
    assert [(one["purpose"], one["state"]) for one in told["records"]] == [
        ("ownership", "unknown"), ("mx", "unknown"), ("mx", "unknown"), ("spf", "unknown"), ("dkim", "unknown"),
        ("dmarc", "unknown"),
    ]  # fmt: skip
    assert set(told["records"][0]) == {"purpose", "name", "type", "required", "found", "state", "note"}
    first = checked(owner.client, domain)
    assert (first["event"], first["code"], first["records"][0]["state"]) == (None, None, "missing")
    publish(servers, owner.client, domain)
    second = checked(owner.client, domain)
    assert (second["event"], second["records"][0]["state"], second["domain_id"]) == ("proved", "ok", domain)
    assert owner.client.get(f"/domains/{domain}").json()["data"]["status"] == "active"
    active = owner.client.get("/domains", params={"status": "active"}).json()["data"]
    assert domain in [one["id"] for one in active]
    told = required(owner.client, domain)
    assert (told["status"], told["records"][0]["state"], told["checked_at"]) == ("active", "ok", second["finished_at"])


def test_only_active_domains_appear_for_new_aliases(owner: Tenant) -> None:
    domain = add(owner.client)
    active = owner.client.get("/domains", params={"status": "active"}).json()["data"]
    assert sorted(one["name"] for one in active) == sorted([owner.domain, owner.other])
    assert code_of(owner.add("x", domain_id=domain)) == (409, "domain-not-active")


def test_a_domain_of_another_account_is_parked(dns_api: RunningApi, owner: Tenant, servers: list[DnsServer]) -> None:
    first = add(owner.client)
    publish(servers, owner.client, first)
    checked(owner.client, first)
    rival = tenant(dns_api)
    second = add(rival.client)
    publish(servers, rival.client, second)
    done = checked(rival.client, second)
    assert (done["event"], done["code"]) == ("parked", "domain-taken")
    assert code_of(rival.client.post(f"/domains/{second}/dns-recheck")) == (409, "domain-taken")
    assert "a person must decide" in required(rival.client, second)["warnings"][0]
    assert owner.client.get(f"/domains/{first}").json()["data"]["status"] == "active"


def test_another_accounts_are_not_there(dns_api: RunningApi, owner: Tenant) -> None:
    domain = add(owner.client)
    check = checked(owner.client, domain)["id"]
    rival = tenant(dns_api)
    for answer in (
        rival.client.get(f"/domains/{domain}/dns-requirements"),
        rival.client.post(f"/domains/{domain}/dns-recheck"),
        rival.client.get(f"/dns-checks/{check}"),
        rival.client.get("/dns-checks/4711"),
    ):
        assert code_of(answer) == (404, "not-found")


def test_scopes(dns_api: RunningApi, owner: Tenant) -> None:
    domain = add(owner.client)
    reader = dns_api.client(secret_of(dns_api.database, account=owner.id, scopes=("domains:read",)))
    assert reader.get(f"/domains/{domain}/dns-requirements").status_code == 200
    assert code_of(reader.post(f"/domains/{domain}/dns-recheck")) == (403, "insufficient-scope")
    other = dns_api.client(secret_of(dns_api.database, account=owner.id, scopes=("mailboxes:read",)))
    assert code_of(other.get(f"/domains/{domain}/dns-requirements")) == (403, "insufficient-scope")


def test_a_repeated_request_is_the_same_check(owner: Tenant) -> None:
    domain = add(owner.client)
    keyed = {"Idempotency-Key": "once"}
    first = owner.client.post(f"/domains/{domain}/dns-recheck", headers=keyed)
    again = owner.client.post(f"/domains/{domain}/dns-recheck", headers=keyed)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"


def test_names_that_cannot_be_domains_here(owner: Tenant) -> None:
    assert code_of(owner.client.post("/domains", json={"name": "co.uk"})) == (422, "invalid-domain")
    flagged = add(owner.client, "p\u0430ypal.example")
    assert "mixes letters" in required(owner.client, flagged)["warnings"][0]


def test_catch_all_and_pausing(owner: Tenant) -> None:
    on = {"enabled": True, "destination": owner.mailbox}
    assert owner.client.patch(f"/domains/{owner.other_id}/catch-all", json=on).status_code == 200
    refusal = owner.client.post(f"/mailboxes/{owner.mailbox_id}:pause")
    assert code_of(refusal) == (409, "conflict")
    assert owner.other in refusal.json()["detail"]
    assert owner.client.patch(f"/domains/{owner.other_id}/catch-all", json={"enabled": False}).status_code == 200
    assert owner.client.post(f"/mailboxes/{owner.mailbox_id}:pause").status_code == 200
    assert code_of(owner.client.patch(f"/domains/{owner.other_id}/catch-all", json=on)) == (409, "conflict")
