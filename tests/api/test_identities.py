"""``GET /messages/identities``: what a mailbox may send as, for its own token and for a webmail's."""

from collections.abc import Iterator

import httpx
import pytest

from store.services import accounts, domain_settings, mailboxes
from tests.api.running_api import code_of
from tests.api.tenants import Tenant, secret_of

PATH = "/messages/identities"
NO_SUCH = (404, "not-found")


@pytest.fixture
def program(acme: Tenant) -> Iterator[httpx.Client]:
    """A client with the token of acme's mailbox."""
    with acme.api.client(secret_of(acme.api.database, mailbox=acme.mailbox_id)) as client:
        yield client


@pytest.fixture
def webmail(acme: Tenant) -> Iterator[httpx.Client]:
    """A client with a token of acme that reads mailboxes and nothing else."""
    secret = secret_of(acme.api.database, account=acme.id, scopes=("mailboxes:read",))
    with acme.api.client(secret) as client:
        yield client


def addresses(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["address"] for one in answer.json()["data"]]


def asked(client: httpx.Client, mailbox: str) -> httpx.Response:
    return client.get(PATH, params={"mailbox": mailbox})


def test_the_mailbox_first_then_what_may_send(acme: Tenant, program: httpx.Client, webmail: httpx.Client) -> None:
    for local_part, send in (("sales", True), ("info", False), ("ads", True)):
        acme.added(local_part, can_send=send)
    off = acme.added("off", can_send=True)
    acme.client.patch(f"/mailboxes/{acme.mailbox_id}/aliases/{off}", json={"is_active": False})
    acme.client.patch(f"/mailboxes/{acme.mailbox_id}", json={"display_name": "John Doe"})
    answer = program.get(PATH)
    assert addresses(answer) == [acme.mailbox, f"ads@{acme.other}", f"sales@{acme.other}"]
    assert answer.json() == asked(webmail, acme.mailbox).json() == asked(program, acme.mailbox).json()
    assert answer.json()["data"][1] == {
        "address": f"ads@{acme.other}",
        "local_part": "ads",
        "domain": acme.other,
        "display_name": "John Doe",
        "is_primary": False,
    }
    assert [one["is_primary"] for one in answer.json()["data"]] == [True, False, False]


def test_a_change_shows_at_once(acme: Tenant, program: httpx.Client) -> None:
    alias = acme.added("sales", can_send=True)
    path = f"/mailboxes/{acme.mailbox_id}/aliases/{alias}"
    assert addresses(program.get(PATH)) == [acme.mailbox, f"sales@{acme.other}"]
    acme.client.patch(path, json={"can_send": False})
    assert addresses(program.get(PATH)) == [acme.mailbox]
    acme.client.patch(path, json={"can_send": True})
    acme.client.patch(f"/domains/{acme.other_id}", json={"is_active": False})
    assert addresses(program.get(PATH)) == [acme.mailbox]


@pytest.mark.parametrize("state", ["paused", "domain off", "suspended"])
def test_nothing_while_it_may_not_send(acme: Tenant, program: httpx.Client, webmail: httpx.Client, state: str) -> None:
    acme.added("sales", can_send=True)
    with acme.api.database.write() as tx:
        if state == "paused":
            mailboxes.update(tx, acme.mailbox_id, is_active=False)
        elif state == "domain off":
            domain_settings.update(tx, acme.domain_id, is_active=False)
        else:
            accounts.update(tx, acme.id, is_active=False)
    assert addresses(asked(webmail, acme.mailbox)) == addresses(program.get(PATH)) == []


def test_others_are_not_there(
    acme: Tenant, rival: Tenant, operator: httpx.Client, program: httpx.Client, webmail: httpx.Client
) -> None:
    acme.added("sales", can_send=True)
    nobody = asked(webmail, f"nobody@{acme.domain}")
    assert code_of(nobody) == NO_SUCH
    told = [nobody.json()["detail"]]
    for wrong in (
        rival.mailbox,
        f"john@{rival.other}",
        f"sales@{acme.other}",
        "john",
        "@",
        "a b@c",
        "\u202e@x",
        "x" * 999,
    ):
        for client in (webmail, program):
            answer = asked(client, wrong)
            assert code_of(answer) == NO_SUCH, wrong
            told.append(answer.json()["detail"])
    assert len(set(told)) == 1
    assert addresses(asked(operator, rival.mailbox)) == [rival.mailbox]
    within = operator.get(PATH, params={"mailbox": rival.mailbox}, headers={"X-Byname-Account": str(acme.id)})
    assert code_of(within) == NO_SUCH


def test_which_mailbox_must_be_said(acme: Tenant, webmail: httpx.Client) -> None:
    answer = webmail.get(PATH)
    assert code_of(answer) == (422, "invalid-request")
    assert [flaw["pointer"] for flaw in answer.json()["errors"]] == ["/query/mailbox"]


def test_scopes(acme: Tenant) -> None:
    database = acme.api.database
    for secret in (
        secret_of(database, account=acme.id, scopes=("aliases:read",)),
        secret_of(database, mailbox=acme.mailbox_id, scopes=("rules:read",)),
        secret_of(database, scopes=("messages:send",)),
    ):
        with acme.api.client(secret) as client:
            assert code_of(asked(client, acme.mailbox)) == (403, "insufficient-scope")
