"""``POST /aliases:import`` and ``GET /aliases:export`` over HTTP."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest

from admin_api.http.uploads import LARGEST_UPLOAD
from tests.api.running_api import RunningApi, code_of
from tests.api.tenants import Tenant, secret_of

HEADER = "address,mailbox,can_receive,can_send,is_active,note\n"
WHOLE_HEADER = f"{HEADER.strip()},expires_at,expires_after,expires_when_idle,senders"


def rows(owner: Tenant, *local_parts: str) -> str:
    return HEADER + "".join(f"{local}@{owner.other},{owner.mailbox},,,,\n" for local in local_parts)


def bring(owner: Tenant, body: str | bytes | Iterable[bytes], key: str | None = None, **query: str) -> httpx.Response:
    headers = {"Content-Type": "text/csv"} | ({} if key is None else {"Idempotency-Key": key})
    return owner.client.post("/aliases:import", content=body, params=query, headers=headers)


def report(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = answer.json()["data"]
    assert Counter(line["status"] for line in found["lines"]) == Counter(
        {status: found[status] for status in ("created", "updated", "unchanged", "failed")}
    )
    return found


def test_import_and_export(acme: Tenant) -> None:
    answer = bring(acme, rows(acme, "one", "Two", "three"))
    assert answer.headers["Byname-Propagation"] == "live"
    assert report(answer) == {
        "lines": [
            {"line": 2, "status": "created", "address": f"one@{acme.other}"},
            {
                "line": 3,
                "status": "failed",
                "address": f"Two@{acme.other}",
                "code": "invalid-local-part",
                "message": "invalid name before the @: upper case is not allowed; write it in lower case",
            },
            {"line": 4, "status": "created", "address": f"three@{acme.other}"},
        ],
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "failed": 1,
        "done_before": 0,
        "dry_run": False,
        "finished": True,
    }
    exported = acme.client.get("/aliases:export")
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert exported.text.splitlines() == [
        WHOLE_HEADER,
        f"one@{acme.other},{acme.mailbox},true,false,true,,,,,everyone",
        f"three@{acme.other},{acme.mailbox},true,false,true,,,,,everyone",
    ]
    found = report(bring(acme, exported.content))
    assert (found["unchanged"], len(found["lines"])) == (2, 2)


def test_a_dry_run_keeps_nothing_not_even_its_key(acme: Tenant) -> None:
    dry = report(bring(acme, rows(acme, "one"), key="k", dry_run="true"))
    assert (dry["created"], dry["dry_run"]) == (1, True)
    assert acme.client.get("/aliases:export").text.strip() == WHOLE_HEADER
    assert report(bring(acme, rows(acme, "two"), key="k"))["created"] == 1


def test_a_key(acme: Tenant) -> None:
    body = rows(acme, *(f"n{number}" for number in range(40)))
    first = bring(acme, body, key="k")
    assert Counter(line.get("code", line["status"]) for line in report(first)["lines"]) == {
        "created": 30,
        "alias-limit-reached": 10,
    }
    again = bring(acme, body, key="k")
    assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", first.json())
    assert code_of(bring(acme, body + "\n", key="k")) == (422, "idempotency-key-reused")
    assert code_of(bring(acme, body, key="")) == (422, "invalid-request")


def test_another_accounts_things_are_not_there(acme: Tenant, rival: Tenant) -> None:
    rival.added("theirs")
    lines = [
        f"theirs@{rival.other},{rival.mailbox}",
        f"x@{rival.other},{acme.mailbox}",
        f"x@{acme.domain},{rival.mailbox}",
    ]
    found = report(bring(acme, "address,mailbox\n" + "\n".join(lines)))
    assert [line["code"] for line in found["lines"]] == ["not-found", "domain-not-yours", "not-found"]
    assert "theirs" not in acme.client.get("/aliases:export").text
    assert "theirs" in rival.client.get("/aliases:export").text


def test_an_operator_imports_for_all_or_for_one(api: RunningApi, acme: Tenant, rival: Tenant) -> None:
    body = rows(acme, "one") + rows(rival, "one").removeprefix(HEADER)
    client = api.client(secret_of(api.database))
    headers = {"Content-Type": "text/csv"}
    within = client.post("/aliases:import", content=body, headers=headers | {"X-Byname-Account": str(acme.id)})
    assert [line.get("code") for line in report(within)["lines"]] == [None, "not-found"]
    with_key = headers | {"Idempotency-Key": f"everywhere-{acme.id}"}
    everywhere = client.post("/aliases:import", content=body, headers=with_key)
    assert [line["status"] for line in report(everywhere)["lines"]] == ["unchanged", "created"]
    again = client.post("/aliases:import", content=body, headers=with_key)
    assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", everywhere.json())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"address,mailbox\n\0", "control-character"),
        (b"address,mailbox\na@x.test\n", "wrong-number-of-columns"),
        (b"address,mailbox\n" + b"x" * 25_000, "line-too-long"),
    ],
)
def test_what_is_no_csv_is_told_by_line(acme: Tenant, body: bytes, code: str) -> None:
    (line,) = report(bring(acme, body))["lines"]
    assert (line["status"], line["code"]) == ("failed", code)


@pytest.mark.parametrize("dry_run", ["false", "true"])
@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"", "invalid-header", "empty"),
        (b"\n", "invalid-header", "empty"),
        (HEADER.encode("utf-16"), "invalid-encoding", "UTF-16"),
        (HEADER.encode("utf-16-le"), "control-character", "UTF-16"),
        (b"\xe4,mailbox\n", "invalid-encoding", "not UTF-8"),
        (b"address;mailbox\n", "invalid-header", "semicolons"),
        (b"one,two\n", "invalid-header", "there is no column one"),
        (b"address,mailbox,address\n", "invalid-header", "the column address stands twice"),
        (b"address,note\n", "invalid-header", "the column mailbox is missing"),
        (b'"address,mailbox\n', "invalid-quoting", "quotation mark"),
        (b"address,mailbox\ra@x.test,m@x.test\r", "invalid-header", "bare CR"),
        (b"address,mailbox\r" + b"a@x.test,m@x.test\r" * 9000, "invalid-header", "bare CR"),
        (b"a" * 25_000, "line-too-long", "24576"),
    ],
)
def test_a_file_without_a_usable_head_is_refused_whole(
    acme: Tenant, body: bytes, code: str, says: str, dry_run: str
) -> None:
    headers = {"Content-Type": "text/csv", "Idempotency-Key": f"{acme.name}-{dry_run}"}
    refused = acme.client.post("/aliases:import", content=body, params={"dry_run": dry_run}, headers=headers)
    assert code_of(refused) == (422, "invalid-request")
    assert (refused.json()["line"], refused.json()["line_code"]) == (1, code)
    assert says in refused.json()["detail"]
    good = f"address,mailbox\nnew@{acme.other},{acme.mailbox}\n"
    assert report(acme.client.post("/aliases:import", content=good, headers=headers))["created"] == 1


def test_requests_that_are_refused(acme: Tenant, api: RunningApi) -> None:
    wrong_type = acme.client.post("/aliases:import", content=HEADER, headers={"Content-Type": "text/plain"})
    assert code_of(wrong_type) == (415, "unsupported-media-type")
    assert code_of(bring(acme, HEADER, dry_run="perhaps")) == (422, "invalid-request")
    assert code_of(bring(acme, HEADER, dryrun="true")) == (422, "invalid-request")
    reader = api.client(secret_of(api.database, account=acme.id, scopes=("aliases:read",)))
    refused = reader.post("/aliases:import", content=HEADER, headers={"Content-Type": "text/csv"})
    assert code_of(refused) == (403, "insufficient-scope")
    assert reader.get("/aliases:export").status_code == 200
    writer = api.client(secret_of(api.database, account=acme.id, scopes=("domains:read",)))
    assert code_of(writer.get("/aliases:export")) == (403, "insufficient-scope")


def test_a_body_in_pieces_and_one_that_is_too_large(acme: Tenant) -> None:
    def pieces(size: int) -> Iterator[bytes]:
        yield HEADER.encode()
        for _ in range(size):
            yield b"\n" * 1_000_000

    assert report(bring(acme, pieces(2)))["lines"] == []
    answer = bring(acme, pieces(LARGEST_UPLOAD // 1_000_000))
    assert code_of(answer) == (413, "payload-too-large")
