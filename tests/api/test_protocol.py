"""HTTP itself: request ids, methods, types and sizes of bodies, unknown paths and parameters, pages, trouble."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from structlog.testing import capture_logs

from admin_api.http.bodies import LARGEST_BODY
from store.sql.database import Database
from tests.api.running_api import RunningApi, code_of, site_over
from tests.api.tenants import Tenant, secret_of

pytestmark = pytest.mark.parametrize("api_url", ["sqlite"], indirect=True, scope="session")  # no database matters here


@pytest.mark.parametrize("sane", ["order-4711", "0f8fad5b-d9cb-469f-a165-70867728950e", "a" * 128])
def test_a_sane_request_id_is_echoed(acme: Tenant, sane: str) -> None:
    assert acme.client.get("/me", headers={"X-Request-Id": sane}).headers["X-Request-Id"] == sane


@pytest.mark.parametrize("odd", ["", "two words", "a" * 129, 'quote"', "ä".encode().decode("latin-1")])
def test_an_odd_request_id_is_replaced(acme: Tenant, odd: str) -> None:
    sent = {b"X-Request-Id": odd.encode("latin-1")}
    made = acme.client.get("/me", headers=sent).headers["X-Request-Id"]
    assert len(made) == 32
    assert made.isalnum()


def test_paths_that_are_not_there(acme: Tenant) -> None:
    for path in (
        "/nothing",
        "/domains/",
        "/domains/abc",
        "/domains/0",
        "/domains/01",
        "/domains/-1",
        f"/domains/{acme.domain_id}%0A",
        f"/domains/{acme.domain_id}/",
    ):
        assert code_of(acme.client.get(path))[0] == 404, path
    for path in (f"/domains/{2**31}", f"/domains/{2**63 - 1}", f"/mailboxes/{2**63 - 1}/aliases"):
        assert code_of(acme.client.get(path)) == (404, "not-found")
    assert code_of(acme.client.get(f"/domains/{2**63}")) == (422, "invalid-request")
    assert code_of(acme.client.get(f"/domains/{'9' * 5000}")) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/domains/1", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/mailboxes/1:pause", "POST"),
        ("DELETE", "/mailboxes/1", "GET, HEAD, PATCH"),
        ("POST", "/me", "GET, HEAD"),
        ("PATCH", "/tokens", "GET, HEAD, POST"),
        ("POST", "/openapi.json", "GET, HEAD"),
        ("POST", "/docs", "GET, HEAD"),
    ],
)
def test_methods_that_a_path_does_not_know(acme: Tenant, method: str, path: str, allowed: str) -> None:
    answer = acme.client.request(method, path)
    assert code_of(answer) == (405, "method-not-allowed")
    assert answer.headers["Allow"] == allowed


HEADS = (
    "/api/v1/me", "/api/v1/domains", "/api/v1/account", "/api/v1/aliases:export", "/api/v1/audit-log",
    "/api/v1/openapi.json", "/api/v1/docs", "/api/v1/docs/swagger-ui.css", "/healthz", "/readyz", "/metrics",
    "/api/v1/nothing", "/api/v1/domains/99999999",
)  # fmt: skip
OF_EACH_ANSWER = {"date", "x-request-id", "transfer-encoding"}  # the last is of the connection, not of the answer


@pytest.mark.parametrize("path", HEADS)
def test_head_is_get_without_the_body(acme: Tenant, path: str) -> None:
    got, head = (acme.client.request(method, f"{acme.api.url}{path}") for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (got.status_code, b"")
    left_out = OF_EACH_ANSWER | ({"content-length"} if path == "/metrics" else set())
    told = [{name: value for name, value in one.headers.items() if name not in left_out} for one in (got, head)]
    assert told[0] == told[1]


def test_head_of_what_cannot_be_read(acme: Tenant) -> None:
    answer = acme.client.head("/mailboxes/1:pause")
    assert (answer.status_code, answer.headers["Allow"], answer.content) == (405, "POST", b"")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
def test_bodies_of_another_type(acme: Tenant, kind: str) -> None:
    answer = acme.client.post("/domains", content=b'{"name": "x.com"}', headers={"Content-Type": kind})
    assert code_of(answer) == (415, "unsupported-media-type")


def test_json_with_a_charset_is_json(acme: Tenant) -> None:
    body = f'{{"name": "charset-{acme.domain}"}}'.encode()
    kind = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert acme.client.post("/domains", content=body, headers=kind).status_code == 201


@pytest.mark.parametrize("charset", ["iso-8859-1", '"UTF-16"', "us-ascii", "nonsense"])
@pytest.mark.parametrize(("path", "kind"), [("/domains", "application/json"), ("/aliases:import", "text/csv")])
def test_other_charsets(acme: Tenant, path: str, kind: str, charset: str) -> None:
    answer = acme.client.post(path, content=b"{}", headers={"Content-Type": f"{kind}; charset={charset}"})
    assert code_of(answer) == (415, "unsupported-media-type")
    assert "UTF-8" in answer.json()["detail"]


@pytest.mark.parametrize(("path", "kind"), [("/domains", "application/json"), ("/aliases:import", "text/csv")])
def test_compressed_bodies(acme: Tenant, path: str, kind: str) -> None:
    headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
    answer = acme.client.post(path, content=gzip.compress(b"{}"), headers=headers)
    assert code_of(answer) == (415, "unsupported-media-type")
    assert answer.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"name": "a.com", "name": "b.com"}', "the member name stands more than once"),
        ('{"name": {"x": 1, "x": 1}}', "the member x stands more than once"),
        ('{"name": NaN}', "NaN is no number"),
        ('{"name": -Infinity}', "-Infinity is no number"),
    ],
)
def test_json_that_can_be_read_in_two_ways(acme: Tenant, body: str, says: str) -> None:
    answer = acme.client.post("/domains", content=body, headers={"Content-Type": "application/json"})
    assert code_of(answer) == (422, "invalid-request")
    assert says in answer.json()["errors"][0]["detail"]


def test_json_in_another_encoding(acme: Tenant) -> None:
    for encoding in ("utf-16", "utf-32", "utf-16-le"):
        body = '{"name": "x.com"}'.encode(encoding)
        answer = acme.client.post("/domains", content=body, headers={"Content-Type": "application/json"})
        assert code_of(answer) == (422, "invalid-request")


PYTHON = re.compile(r"function|dictionary|validator|instance of|\[|_[a-z]+\(|Body\b|\bNew[A-Z]|class", re.ASCII)


@pytest.mark.parametrize("path", ["/domains", "/mailboxes", "/tokens", "/aliases:bulk", "/accounts"])
@pytest.mark.parametrize("value", [None, [], {}, 1.5, True, "x", {"x": []}], ids=str)
def test_a_refusal_names_nothing_of_ours(operator: httpx.Client, acme: Tenant, path: str, value: object) -> None:
    """Whatever stands in place of each field, a message gives the rule and no name of the code behind it."""
    fields = ("name", "plan", "is_trial", "first_payment_at", "domain_id", "local_part", "password", "password_mode",
              "display_name", "scopes", "expires_at", "mailbox_id", "items", "atomic")  # fmt: skip
    items = [{"op": op, "mailbox_id": value, "alias_id": value, "note": value} for op in ("create", "update", "x")]
    bodies = (value, dict.fromkeys(fields, value), {"items": items}, {"items": [value]})
    for body in bodies:
        headers = {"X-Byname-Account": str(acme.id), "Content-Type": "application/json"}
        answer = operator.post(path, content=json.dumps(body), headers=headers)
        assert code_of(answer)[0] == 422
        for flaw in answer.json()["errors"]:
            assert not PYTHON.search(flaw["pointer"] + flaw["detail"]), flaw


@pytest.mark.parametrize(
    "query",
    ["/mailboxes?domain_id=x", "/mailboxes?domain_id=0", "/audit-log?since=x", "/domains?page=x", "/domains?status=x"],
)
def test_a_refused_parameter_names_nothing_of_ours(acme: Tenant, query: str) -> None:
    answer = acme.client.get(query)
    assert code_of(answer) == (422, "invalid-request")
    parameter = query.partition("?")[2].partition("=")[0]
    assert {flaw["pointer"] for flaw in answer.json()["errors"]} == {f"/query/{parameter}"}
    assert not PYTHON.search(answer.json()["detail"])


@pytest.mark.parametrize("body", [b"", b"{", b"null", b'"x"', b"\xff\xfe", b'{"name": "\\ud800.com"}', b"[" * 100_000])
def test_bodies_that_are_no_object(acme: Tenant, body: bytes) -> None:
    answer = acme.client.post("/domains", content=body, headers={"Content-Type": "application/json"})
    assert code_of(answer) in {(422, "invalid-request"), (422, "invalid-domain")}


def test_a_body_that_is_too_large(acme: Tenant) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(LARGEST_BODY // 1000 + 2):
            yield b" " * 1000

    for content in (b" " * (LARGEST_BODY + 1), pieces()):
        answer = acme.client.post("/domains", content=content, headers={"Content-Type": "application/json"})
        assert code_of(answer) == (413, "payload-too-large")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/me", "x=1"),
        ("/domains", "Page=1"),
        ("/domains", "page=0"),
        ("/domains", "page=x"),
        ("/domains", "page=1000001"),
        ("/domains", "per_page=101"),
        ("/domains", "per_page=0"),
        ("/domains", "status=gone"),
        ("/domains", "search=%00"),
        ("/mailboxes", "domain_id=0"),
        ("/audit-log", "since=yesterday"),
        ("/audit-log", "since=2026-01-01"),
        ("/explain/recipient", ""),
    ],
)
def test_parameters_that_do_not_fit(acme: Tenant, path: str, query: str) -> None:
    answer = acme.client.get(f"{path}?{query}")
    assert code_of(answer) == (422, "invalid-request")
    assert answer.json()["errors"][0]["pointer"].startswith("/query")


def test_headers_that_do_not_fit(acme: Tenant) -> None:
    path = f"/domains/{acme.domain_id}"
    for headers in (
        {"X-Confirm-Delete": "yes"}, {"Idempotency-Key": ""}, {"Idempotency-Key": "k" * 256},
        {"X-Byname-Account": "acme"},
    ):  # fmt: skip
        answer = acme.client.delete(path, headers=headers)
        assert code_of(answer) == (422, "invalid-request")
        assert answer.json()["errors"][0]["pointer"] == f"/header/{next(iter(headers))}"


def test_pages(acme: Tenant) -> None:
    for number in range(3):
        acme.client.post("/domains", json={"name": f"x{number}-{acme.domain}"})
    names = [one["name"] for one in acme.client.get("/domains").json()["data"]]
    assert names == sorted(names)
    for page, expected in ((1, names[:2]), (2, names[2:4]), (3, names[4:]), (4, []), (1_000_000, [])):
        found = acme.client.get("/domains", params={"page": page, "per_page": 2}).json()
        assert [one["name"] for one in found["data"]] == expected
        assert found["meta"] == {"page": page, "per_page": 2, "total": 5}


@pytest.mark.parametrize(
    ("search", "found"), [("X0-", 1), ("_", 0), ("%", 0), ("\\", 0), (".COM", 3), ("'; --", 0), ("", 3)]
)
def test_search_is_plain_text(acme: Tenant, search: str, found: int) -> None:
    acme.client.post("/domains", json={"name": f"x0-{acme.domain}"})
    assert acme.client.get("/domains", params={"search": search}).json()["meta"]["total"] == found


def test_answers_are_not_kept_by_anyone(acme: Tenant) -> None:
    headers = acme.client.get("/me").headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert "server" not in headers


def test_the_docs_page_loads_nothing_from_outside(api: RunningApi) -> None:
    page = httpx.get(f"{api.url}/api/v1/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for file, kind in (("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css")):
        assert f"docs/{file}" in page.text
        found = httpx.get(f"{api.url}/api/v1/docs/{file}")
        assert found.status_code == 200
        assert found.headers["Content-Type"].startswith(kind)
    assert code_of(httpx.get(f"{api.url}/api/v1/docs/redoc.standalone.js")) == (404, "not-found")


def test_health_and_metrics(api: RunningApi, acme: Tenant) -> None:
    assert httpx.get(f"{api.url}/healthz").json() == {"status": "ok", "reasons": {}}
    assert httpx.get(f"{api.url}/readyz").json() == {"status": "ok", "reasons": {"sql": "ok"}}
    acme.client.get(f"/domains/{acme.domain_id}")
    told = httpx.get(f"{api.url}/metrics").text
    assert 'byname_api_requests_total{method="GET",route="/domains/{domain_id}",status="200"}' in told
    assert acme.domain not in told


def test_a_database_that_is_gone(api_url: str, sqlite_api_file: Path, sqlite_api: Database) -> None:
    secret = secret_of(sqlite_api)
    running = RunningApi(site_over(sqlite_api, health=lambda: {"sql": "there is no database", "cache": "ok"}))
    try:
        sqlite_api.close()
        for file in sqlite_api_file.parent.iterdir():
            file.unlink()
        with running.client(secret) as client:
            answer = client.get("/domains")
            assert code_of(answer) == (503, "unavailable")
            assert (answer.json()["retryable"], answer.headers["Retry-After"]) == (True, "5")
            assert str(sqlite_api_file.parent) not in answer.text
        ready = httpx.get(f"{running.url}/readyz")
        assert (ready.status_code, ready.json()["reasons"]["sql"]) == (503, "there is no database")
        assert httpx.get(f"{running.url}/healthz").status_code == 200
    finally:
        running.close()


def test_a_bug_is_told_without_details(api_url: str, sqlite_api: Database) -> None:
    def fail(version: int | None) -> NoReturn:
        raise ValueError("secret words")

    running = RunningApi(site_over(sqlite_api, wait=fail))
    try:
        with running.client(secret_of(sqlite_api)) as client, capture_logs() as logged:
            answer = client.post("/accounts", json={"name": "acme", "plan": "pro"})
        assert code_of(answer) == (500, "internal-error")
        assert {"event": "request-failed", "log_level": "error"}.items() <= logged[0].items()
        assert logged[0]["request_id"] == answer.headers["X-Request-Id"]
        assert "secret" not in answer.text
        assert answer.json()["retryable"] is False
    finally:
        running.close()


def test_the_description_names_the_site(api_url: str, sqlite_api: Database) -> None:
    running = RunningApi(site_over(sqlite_api, base_url="https://names.example.com/"))
    try:
        described = httpx.get(f"{running.url}/api/v1/openapi.json").json()
        assert described["openapi"] == "3.1.0"
        assert described["servers"] == [{"url": "https://names.example.com"}]
        with running.client(secret_of(sqlite_api)) as client:
            assert client.get("/domains").json()["meta"]["total"] == 0
    finally:
        running.close()
