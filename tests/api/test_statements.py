"""What a request costs the database, in statements: each is a round trip. More of them must be meant."""

import uuid

import pytest

from tests.api.tenants import Tenant
from tests.watching import watched

# The token; the key, and once in a while the look for old keys; mailbox and domain, name, alias, audit log; the answer;
# clock, facts and row of the outbox, which is PostgreSQL's word to the relay as well.
CREATE = 11
PAGE = 4  # the token, the count, the ids, the rows
ONE = 5  # the token, the mailbox, the alias, its view, what came through it
NOT_COUNTED = ("BEGIN", "UPDATE tokens")  # the last use of a token is noted after the answer, once a minute


def ask(tenant: Tenant, method: str, path: str, body: object = None) -> list[str]:
    with watched() as seen:
        answer = tenant.client.request(method, path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    assert answer.is_success, answer.text
    return [one for one in seen if not one.startswith(NOT_COUNTED)]


def test_a_new_alias(acme: Tenant) -> None:
    body = {"local_part": "support", "domain_id": acme.other_id}
    seen = ask(acme, "POST", f"/mailboxes/{acme.mailbox_id}/aliases", body)
    assert len(seen) <= CREATE, "\n".join(seen)


@pytest.mark.parametrize("query", ["", "?search=john", "?per_page=1&page=1"])
def test_a_page_of_mailboxes(acme: Tenant, query: str) -> None:
    seen = ask(acme, "GET", f"/mailboxes{query}")
    assert len(seen) <= PAGE, "\n".join(seen)


def test_one_alias(acme: Tenant) -> None:
    alias = acme.added("support")
    seen = ask(acme, "GET", f"/mailboxes/{acme.mailbox_id}/aliases/{alias}")
    assert len(seen) <= ONE, "\n".join(seen)
