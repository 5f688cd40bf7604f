"""What came through an alias, over REST: figures, pages of senders, and what an account has remembered."""

import time

from store.services.statistics.merging import merge
from store.wire_format.counts import Batch, NameCount, SenderCount
from tests.api.running_api import code_of
from tests.api.tenants import Tenant

TODAY = int(time.time() // 86_400)
LAST = 1_700_000_000


def count(owner: Tenant, local: str, *wrote: str) -> None:
    """Three mails accepted, one refused, and from each sender one."""
    counts = (
        NameCount(local, owner.other, "", TODAY, 3, LAST),
        NameCount(local, owner.other, "alias-disabled", TODAY - 1, 1, LAST),
    )
    senders = tuple(SenderCount(local, owner.other, f"<{one}>", 1, 0, time.time()) for one in wrote)
    with owner.api.database.write() as tx:
        merge(tx, Batch(f"{time.monotonic_ns()}", counts, senders))


def test_figures(acme: Tenant) -> None:
    alias = acme.added("sales")
    path = f"/mailboxes/{acme.mailbox_id}/aliases/{alias}"
    none = acme.client.get(f"{path}/stats?days=1").json()["data"]
    assert none["days"][0].keys() == {"day", "accepted", "refused"}
    assert (none["accepted"], none["refused"], none["refused_by_rule"], none["last_mail_at"]) == (0, 0, {}, None)
    count(acme, "sales")
    found = acme.client.get(f"{path}/stats").json()["data"]
    assert (len(found["days"]), found["alias_id"], found["address"]) == (30, alias, f"sales@{acme.other}")
    assert [(day["accepted"], day["refused"]) for day in found["days"][-3:]] == [(0, 0), (0, 1), (3, 0)]
    assert (found["accepted"], found["refused"], found["refused_by_rule"]) == (3, 1, {"alias-disabled": 1})
    assert found["last_mail_at"] == "2023-11-14T22:13:20Z"
    body = {"items": [{"op": "update", "mailbox_id": acme.mailbox_id, "alias_id": alias, "note": "x"}]}
    for shown in (
        acme.client.get(path).json()["data"],
        acme.client.get(f"/mailboxes/{acme.mailbox_id}/aliases").json()["data"][0],
        acme.client.patch(path, json={"can_send": True}).json()["data"],
        acme.client.post("/aliases:bulk", json=body).json()["data"]["results"][0]["alias"],
    ):
        assert (shown["mails_30d"], shown["refused_30d"], shown["last_mail_at"]) == (3, 1, "2023-11-14T22:13:20Z")
    for wrong in ("0", "91", "x"):
        assert code_of(acme.client.get(f"{path}/stats?days={wrong}")) == (422, "invalid-request")


def test_senders(acme: Tenant) -> None:
    path = f"/mailboxes/{acme.mailbox_id}/aliases/{acme.added('sales')}/senders"
    count(acme, "sales", "ann@x.test")
    assert acme.client.get(path).json() == {
        "data": [], "meta": {"page": 1, "per_page": 25, "total": 0}, "remember_senders_days": 0
    }  # fmt: skip
    assert (
        acme.client.patch("/account", json={"remember_senders_days": 30}).json()["data"]["remember_senders_days"] == 30
    )
    count(acme, "sales", "ann@x.test", "bob@x.test")
    answer = acme.client.get(path, params={"per_page": 1}).json()
    assert (answer["meta"]["total"], answer["remember_senders_days"]) == (2, 30)
    assert answer["data"][0].keys() == {"sender", "accepted", "refused", "first_at", "last_at"}
    assert acme.client.patch("/account", json={"remember_senders_days": 0}).status_code == 200
    assert acme.client.get(path).json()["data"] == []
    for wrong in (-1, 366, "x", None):
        assert code_of(acme.client.patch("/account", json={"remember_senders_days": wrong})) == (422, "invalid-request")
