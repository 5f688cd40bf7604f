"""The profile for Apple's programs, with a session instead of a token."""

import plistlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, JOHN, Visitor, World, dashboard
from tests.api.running_api import CLIENTS, RunningApi, site_over


@pytest.fixture
def visitor(database: Database) -> Iterator[Visitor]:
    running = RunningApi(replace(site_over(database, dashboard=dashboard()), clients=CLIENTS))
    made = Visitor(running.url)
    yield made
    made.client.close()
    running.close()


def test_an_owner_gets_their_own(visitor: Visitor, world: World) -> None:
    path = f"/mailboxes/{world.john}/mobileconfig"
    assert visitor.get(path).headers["Location"].startswith("/login")
    owner = visitor.signed_in(JOHN)
    answer = owner.get(path)
    assert plistlib.loads(answer.content)["PayloadContent"][0]["IncomingMailServerUsername"] == JOHN
    assert answer.headers["Cache-Control"] == "no-store"
    for other in (world.mary, world.eve, 999):
        assert owner.get(f"/mailboxes/{other}/mobileconfig").status_code == 404


def test_at_the_path_of_the_api_a_session_will_do(visitor: Visitor, world: World) -> None:
    path = f"/api/v1/mailboxes/{world.john}/mobileconfig"
    assert visitor.get(path).status_code == 401
    owner = visitor.signed_in(JOHN)
    assert plistlib.loads(owner.get(path).content)["PayloadContent"][0]["IncomingMailServerUsername"] == JOHN
    assert owner.get(path.replace(f"/{world.john}/", f"/{world.mary}/")).status_code == 404
    wrong = owner.client.get(path, headers={"Authorization": "Bearer bn_ops_nobody"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthenticated")
    assert owner.client.get(f"/api/v1/mailboxes/{world.john}").status_code == 401


def test_an_admin_gets_those_of_the_account(visitor: Visitor, world: World) -> None:
    admin = visitor.signed_in(ADMIN)
    assert admin.get(f"/mailboxes/{world.mary}/mobileconfig").status_code == 200
    assert admin.get(f"/mailboxes/{world.eve}/mobileconfig").status_code == 404
    assert admin.get(f"/mailboxes/{world.john}/mobileconfig?address=ceo@bank.example").status_code == 422
