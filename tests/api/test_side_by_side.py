"""Many clients at once: limits and names hold."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.api.running_api import RunningApi
from tests.api.tenants import Tenant, tenant
from tests.store.filling import fill_up


def at_once(number: int, ask: Callable[[int], httpx.Response]) -> Counter[str]:
    """Ask that many times at once; return how often each code, or 201, was answered."""
    with ThreadPoolExecutor(number) as pool:
        answers = list(pool.map(ask, range(number)))
    return Counter(str(one.json().get("code", one.status_code)) for one in answers)


def test_fifty_creates_at_one_below_the_limit(api: RunningApi) -> None:
    owner = tenant(api)
    with api.database.write() as tx:
        fill_up(tx, 29, owner.mailbox_id, owner.other_id)
    assert at_once(50, lambda number: owner.add(f"new{number}")) == {"201": 1, "alias-limit-reached": 49}
    usage = owner.client.get(f"/mailboxes/{owner.mailbox_id}/aliases").json()["usage"]
    assert usage == {"used": 30, "limit": 30}


def test_twenty_creates_of_one_name(acme: Tenant) -> None:
    body = {"domain_id": acme.other_id, "local_part": "sales", "password": "correct horse"}

    def ask(number: int) -> httpx.Response:
        return acme.add("sales") if number % 4 else acme.client.post("/mailboxes", json=body)

    assert at_once(20, ask) == {"201": 1, "address-taken": 19}
