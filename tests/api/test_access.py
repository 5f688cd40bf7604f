"""Tokens: who is let in, what each may do, and how fast."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from admin_api.http.rate_limit import RateLimit
from byname.sandbox.waiting import wait_until
from store import token_format
from store.clock import utc_now
from store.services import accounts, tokens
from store.services.scopes import ACCOUNT
from store.sql.database import Database
from tests.api.running_api import PREFIXES, RunningApi, code_of, site_over
from tests.api.tenants import Tenant, secret_of

ON_SQLITE = pytest.mark.parametrize("api_url", ["sqlite"], indirect=True, scope="session")  # no matter where


class Clock:
    """A clock that goes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@ON_SQLITE
@pytest.mark.parametrize(
    "header",
    [
        None, "", "Bearer", "Basic YTpi", "bn_ops_x", "Bearer bn_ops_x", "Bearer ü",
        "Bearer UNKNOWN", "Bearer OTHER",
    ],
)  # fmt: skip
def test_without_a_valid_token(api: RunningApi, header: str | None) -> None:
    if header is not None:
        for word, prefix in (("UNKNOWN", "bn_ops_"), ("OTHER", "other_")):
            header = header.replace(word, token_format.make(prefix))
    headers = {} if header is None else {b"Authorization": header.encode()}
    answer = httpx.get(f"{api.url}/api/v1/me", headers=headers)
    assert code_of(answer) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="byname"')
    assert answer.json()["hint"] == "send the header: Authorization: Bearer TOKEN"


def test_the_scheme_is_read_in_any_case(api: RunningApi, acme: Tenant) -> None:
    secret = secret_of(api.database, account=acme.id)
    for scheme in ("bearer", "BEARER"):
        assert httpx.get(f"{api.url}/api/v1/me", headers={"Authorization": f"{scheme} {secret}"}).status_code == 200


def test_a_token_outlives_the_prefixes_of_its_day(sqlite_api: Database) -> None:
    secret = secret_of(sqlite_api)
    running = RunningApi(replace(site_over(sqlite_api), token_prefixes=("a_", "m_", "o_")))
    try:
        with running.client(secret) as client:
            assert client.get("/me").status_code == 200
    finally:
        running.close()


def test_the_mailbox_of_a_message_token(api: RunningApi, acme: Tenant) -> None:
    acme.client.patch(f"/mailboxes/{acme.mailbox_id}", json={"display_name": "John Doe"})
    with api.client(secret_of(api.database, mailbox=acme.mailbox_id)) as message:
        told = message.get("/messages/_me").json()
        assert told["capabilities"] == message.get("/me").json()["capabilities"]
    assert "messages:send" in told["capabilities"]["effective_scopes"]
    assert told["data"] == {
        "id": acme.mailbox_id, "address": acme.mailbox, "domain_id": acme.domain_id, "display_name": "John Doe",
        "is_active": True,
    }  # fmt: skip
    assert code_of(acme.client.get("/messages/_me")) == (403, "insufficient-scope")


def test_a_token_that_expires(api: RunningApi, acme: Tenant) -> None:
    with api.database.write() as tx:
        soon = utc_now() + timedelta(milliseconds=300)
        made = tokens.create(tx, name="x", kind=ACCOUNT, prefixes=PREFIXES, account=acme.id, expires_at=soon)
    with api.client(made.secret) as client:
        while utc_now() < soon:
            assert client.get("/me").status_code in {200, 401}
        assert code_of(client.get("/me")) == (401, "unauthenticated")


@ON_SQLITE
@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (("aliases:read",), "GET", "/mailboxes/{mailbox}/aliases", 200),
        (("aliases:read",), "POST", "/mailboxes/{mailbox}/aliases", 403),
        (("mailboxes:read",), "GET", "/mailboxes/{mailbox}/aliases", 200),
        (("mailboxes:read",), "POST", "/mailboxes/{mailbox}:pause", 403),
        (("mailboxes:write",), "POST", "/mailboxes/{mailbox}:resume", 200),
        (("mailboxes:write",), "GET", "/mailboxes", 200),
        (("domains:write",), "GET", "/domains", 200),
        (("domains:write",), "GET", "/mailboxes", 403),
        (("domains:read",), "GET", "/audit-log", 403),
        (("domains:read", "mailboxes:read"), "GET", "/audit-log", 200),
        (("domains:read",), "GET", "/account", 200),
        (("domains:read",), "GET", "/tokens", 403),
    ],
)
def test_scopes(api: RunningApi, acme: Tenant, scopes: tuple[str, ...], method: str, path: str, status: int) -> None:
    with api.client(secret_of(api.database, account=acme.id, scopes=scopes)) as client:
        answer = client.request(method, path.format(mailbox=acme.mailbox_id))
    assert answer.status_code == status
    if status == 403:
        assert code_of(answer) == (403, "insufficient-scope")
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_accounts_are_for_operators(acme: Tenant) -> None:
    for method, path in (("GET", "/accounts"), ("POST", "/accounts"), ("DELETE", f"/accounts/{acme.id}")):
        assert code_of(acme.client.request(method, path)) == (403, "insufficient-scope")


def test_an_operator_without_an_account(operator: httpx.Client) -> None:
    for answer in (
        operator.get("/account"),
        operator.post("/domains", json={"name": "x.com"}),
        operator.post("/tokens", json={"name": "x"}),
    ):
        assert code_of(answer) == (422, "invalid-request")
        assert "X-Byname-Account" in answer.json()["hint"]
    assert code_of(operator.get("/account", headers={"X-Byname-Account": "999999"})) == (404, "not-found")


def test_an_account_may_name_itself_and_no_other(acme: Tenant, rival: Tenant) -> None:
    assert acme.client.get("/account", headers={"X-Byname-Account": str(acme.id)}).status_code == 200
    for other in (rival.id, 999_999):
        assert code_of(acme.client.get("/account", headers={"X-Byname-Account": str(other)})) == (404, "not-found")


def test_the_last_use_is_noted(api: RunningApi, acme: Tenant) -> None:
    made = acme.client.post("/tokens", json={"name": "x"}).json()["data"]
    assert made["last_used_at"] is None
    with api.client(made["secret"]) as client:
        client.get("/me")

        def is_noted() -> bool:  # after the answer, for which nobody waits
            found = client.get("/tokens", params={"per_page": 100}).json()["data"]
            return next(one for one in found if one["id"] == made["id"])["last_used_at"] is not None

        wait_until(is_noted, 10, "the use of the token")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limited(sqlite_api: Database, clock: Clock) -> Iterator[RunningApi]:
    """A server that lets 2 requests a second through, and 3 at once."""
    running = RunningApi(site_over(sqlite_api, buckets=RateLimit(2, 3, clock)))
    yield running
    running.close()


def test_the_rate_is_limited_for_each_token(limited: RunningApi, clock: Clock) -> None:
    with limited.database.write() as tx:
        account = accounts.create(tx, "acme", "pro").id
    first, second = (limited.client(secret_of(limited.database, account=account)) for _ in range(2))
    assert [first.get("/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = first.get("/nothing-that-counts")
    assert refused.status_code == 404
    refused = first.get("/me")
    assert code_of(refused) == (429, "rate-limited")
    assert (refused.headers["Retry-After"], refused.json()["retry_after"], refused.json()["retryable"]) == (
        "1",
        1,
        True,
    )
    assert "2 requests a second, 3 at once" in refused.json()["detail"]
    assert second.get("/me").status_code == 200
    clock.now += 0.5
    assert [first.get("/me").status_code for _ in range(2)] == [200, 429]
    clock.now += 3600
    assert [first.get("/accounts").status_code for _ in range(4)] == [403, 403, 403, 429]


def test_buckets_that_are_full_again_are_forgotten(clock: Clock) -> None:
    buckets = RateLimit(1, 1, clock)
    for key in range(10_000):
        assert buckets.take(key) == 0
    clock.now = 0.5
    assert buckets.take(1) == pytest.approx(0.5)
    clock.now = 2.0
    assert buckets.take(10_000) == 0
    assert len(buckets._buckets) == 1
