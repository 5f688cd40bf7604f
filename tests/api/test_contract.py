"""The API does what its served description says: hundreds of made-up requests. ``make fuzz-api`` sends more."""

from pathlib import Path

import httpx
import pytest

from tests.api.contract import fuzz
from tests.api.fuzzer import running
from tests.api.running_api import RunningApi, code_of
from tests.api.tenants import Tenant

MOST_OPERATIONS = 38  # of 60; which of them succeed is chance
SEED = 6

on_sqlite = pytest.mark.parametrize("api_url", ["sqlite"], indirect=True, scope="session")  # no matter where


@pytest.mark.timeout(180)
def test_hundreds_of_requests(tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path / 'byname.db'}") as api:
        report = fuzz(api, 500, SEED)
    assert not report.violations
    assert not report.server_errors
    assert report.requests >= 500
    assert len(report.done) >= MOST_OPERATIONS


@on_sqlite
def test_links_lead_to_operations_that_take_them(api: RunningApi) -> None:
    paths = httpx.get(f"{api.url}/api/v1/openapi.json").json()["paths"]
    operations = [operation for methods in paths.values() for operation in methods.values()]
    taken = {one["operationId"]: {param["name"] for param in one["parameters"]} for one in operations}
    links = [
        link for one in operations for answer in one["responses"].values() for link in answer.get("links", {}).items()
    ]
    assert len(links) >= 20
    for name, link in links:
        assert link["operationId"] == name
        assert link["parameters"].keys() <= taken[name]


@on_sqlite
def test_a_whole_number_may_be_written_as_a_fraction(acme: Tenant) -> None:
    path = f"/mailboxes/{acme.mailbox_id}/aliases"
    json = {"Content-Type": "application/json"}
    body = f'{{"local_part": "sales", "domain_id": {acme.other_id}.%s}}'
    assert acme.client.post(path, content=body % 0, headers=json).json()["data"]["domain_id"] == acme.other_id
    assert code_of(acme.client.post(path, content=body % 5, headers=json)) == (422, "invalid-request")


@on_sqlite
@pytest.mark.parametrize(
    ("path", "pointer"),
    [("/audit-log?since=0485-01-01T00:00:00Z", "/query/since"), ("/domains?search=%C2%AD", "/query/search")],
)
def test_what_a_service_refuses_of_a_query(acme: Tenant, path: str, pointer: str) -> None:
    answer = acme.client.get(path)
    assert code_of(answer) == (422, "invalid-request")
    assert answer.json()["errors"][0]["pointer"] == pointer
