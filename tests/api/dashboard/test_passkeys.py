"""Passkeys: made, used as second factor and alone; replayed, foreign and malformed answers are refused alike."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request

from admin_api.dashboard.frame.devices import relying_party
from store.services import audit, mailboxes, second_factors
from store.sql.database import Database
from tests.api.dashboard.authenticator import Authenticator
from tests.api.dashboard.factors import half_way, person, second_step, shown_codes
from tests.api.dashboard.visitor import ADMIN, EVE, JOHN, PASSWORD, Visitor, World, token_of, words
from tests.api.running_api import RunningApi


@pytest.fixture
def here(pages: RunningApi) -> str:
    """The origin with a name: passkeys are not for 127.0.0.1."""
    return pages.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def visitor(here: str) -> Iterator[Visitor]:
    made = Visitor(here)
    yield made
    made.client.close()


@pytest.fixture
def device(here: str) -> Authenticator:
    return Authenticator(here)


def make(visitor: Visitor, device: Authenticator, name: str = "Blue laptop") -> list[str]:
    """Make a passkey, signed in, and return the recovery codes that are shown."""
    token = visitor.token()
    asked = visitor.post("/security/passkeys/options", csrf=token, name=name, password=PASSWORD)
    assert asked.headers["Content-Type"] == "application/json", words(asked)
    answer = visitor.post("/security/passkeys", csrf=token, name=name, credential=device.create(asked.json()))
    assert answer.status_code in {200, 303}, words(answer)
    return shown_codes(answer)


def alone(visitor: Visitor) -> tuple[str, dict[str, Any]]:
    """Ask for a challenge on the page to sign in; return the token of its forms and what is asked."""
    token = token_of(visitor.get("/login"))
    return token, visitor.post("/login/passkey/options", csrf=token).json()


def test_as_second_factor(visitor: Visitor, here: str, device: Authenticator, database: Database) -> None:
    codes = make(visitor.signed_in(ADMIN), device)
    assert len(codes) == 10
    assert "Blue laptop Passkey, made just now , not used yet" in words(visitor.get("/security"))
    device.verifies = False  # the password was asked for
    other = Visitor(here)
    page = half_way(other, ADMIN)
    assert "Use a passkey" in words(page)
    asked = other.post("/login/second/options", csrf=token_of(page)).json()
    assert len(asked["allowCredentials"]) == 1
    answer = other.post("/login/second/passkey", csrf=token_of(page), credential=device.get(asked))
    assert answer.headers["Location"] == "/mailboxes"
    assert "last used just now" in words(other.get("/security"))
    third = Visitor(here)
    assert second_step(third, half_way(third, ADMIN), codes[0]).status_code == 303


@pytest.mark.parametrize(("name", "start"), [(ADMIN, "/mailboxes"), (JOHN, "/mailboxes/{}/aliases")])
def test_alone(visitor: Visitor, here: str, device: Authenticator, world: World, name: str, start: str) -> None:
    make(visitor.signed_in(name), device)
    other = Visitor(here)
    token, asked = alone(other)
    assert (asked["userVerification"], asked["allowCredentials"]) == ("required", [])
    answer = other.post("/login/passkey", csrf=token, credential=device.get(asked))
    assert answer.headers["Location"] == start.format(world.john)
    assert other.get(answer.headers["Location"]).status_code == 200


def refused(visitor: Visitor, token: str, answer: str) -> None:
    told = visitor.post("/login/passkey", csrf=token, credential=answer)
    assert (told.status_code, "The passkey was not accepted." in words(told)) == (401, True)
    assert "byname" not in visitor.client.cookies


def test_a_replayed_answer(visitor: Visitor, here: str, device: Authenticator) -> None:
    make(visitor.signed_in(ADMIN), device)
    other = Visitor(here)
    token, asked = alone(other)
    answer = device.get(asked)
    assert other.post("/login/passkey", csrf=token, credential=answer).status_code == 303
    again = Visitor(here)
    fresh, _ = alone(again)
    refused(again, fresh, answer)  # another challenge
    stolen = Visitor(here)
    stolen.client.cookies.set("byname-form", token)
    refused(stolen, token, answer)  # the same browser's, which is used up


def test_a_challenge_is_used_up_by_a_wrong_answer(visitor: Visitor, here: str, device: Authenticator) -> None:
    make(visitor.signed_in(ADMIN), device)
    other = Visitor(here)
    token, asked = alone(other)
    refused(other, token, "{}")
    refused(other, token, device.get(asked))


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://evil.example"},
        {"party": "evil.example"},
        {"verifies": False},
        {"key": Authenticator("").key},
        {"id": b"another device"},
        {"count": -1},  # as a copy of the device would say
    ],
)
def test_what_is_not_accepted(visitor: Visitor, here: str, device: Authenticator, change: dict[str, object]) -> None:
    device.count = 7
    make(visitor.signed_in(ADMIN), device)
    for name, value in change.items():
        setattr(device, name, value)
    other = Visitor(here)
    token, asked = alone(other)
    refused(other, token, device.get(asked))


@pytest.mark.parametrize(
    "answer", ["", "null", "[]", "{", '{"id": 7}', '{"id": "\u00e9"}', "[" * 9000, "x" * 20_000, '{"id":"AAAA"}']
)
def test_what_is_no_answer(visitor: Visitor, answer: str) -> None:
    token, _ = alone(visitor)
    refused(visitor, token, answer)


def test_a_passkey_of_somebody_else_is_no_second_factor(visitor: Visitor, here: str, device: Authenticator) -> None:
    make(visitor.signed_in(ADMIN), device)
    second = Authenticator(here, id=b"johns own device")
    visitor.post("/sign-out")
    make(visitor.signed_in(JOHN), second)
    thief = Visitor(here)
    page = half_way(thief, JOHN)
    asked = thief.post("/login/second/options", csrf=token_of(page)).json()
    answer = thief.post("/login/second/passkey", csrf=token_of(page), credential=device.get(asked))
    assert (answer.status_code, "The passkey was not accepted." in words(answer)) == (401, True)


def test_a_paused_mailbox(visitor: Visitor, here: str, device: Authenticator, database: Database) -> None:
    make(visitor.signed_in(JOHN), device)
    with database.write() as tx:
        mailboxes.update(tx, JOHN, is_active=False)
    other = Visitor(here)
    token, asked = alone(other)
    refused(other, token, device.get(asked))


@pytest.mark.parametrize(
    ("name", "password", "status", "message"),
    [
        ("", PASSWORD, 422, "The name must have at least 1 character."),
        ("x" * 10_000, PASSWORD, 422, "The name must have at most 100 characters."),
        ("a\r\nb", PASSWORD, 422, "must not hold control characters"),
        ("\u202etxt", PASSWORD, 422, "must not hold control characters"),
        ("Blue laptop", "wrong", 422, "This is not your password."),
    ],
)
def test_what_is_refused_before_the_device_is_asked(
    visitor: Visitor, name: str, password: str, status: int, message: str
) -> None:
    visitor.signed_in(ADMIN)
    answer = visitor.post("/security/passkeys/options", name=name, password=password)
    assert (answer.status_code, message in words(answer)) == (status, True)


def test_no_passkey_without_the_password(visitor: Visitor, device: Authenticator, database: Database) -> None:
    """The challenge is given for the password; a stolen session has none, and cannot make one up."""
    visitor.signed_in(ADMIN)
    forged = device.create({"challenge": "AAAA"})
    answer = visitor.post("/security/passkeys", name="Mine", credential=forged)
    assert (answer.status_code, "The passkey could not be checked." in words(answer)) == (422, True)
    with database.read() as tx:
        assert not second_factors.has_any(tx, person(database, ADMIN))


def test_names_are_text_and_removal_asks(visitor: Visitor, device: Authenticator, database: Database) -> None:
    evil = "<script>alert(1)</script>\"'&"
    make(visitor.signed_in(ADMIN), device, evil)
    page = visitor.get("/security")
    assert "<script>alert" not in page.text
    path = page.text.partition('href="/security/passkeys/')[2].partition('"')[0]
    path = f"/security/passkeys/{path}"
    assert "<script>alert" not in visitor.get(path).text
    assert visitor.post(path, password="wrong").status_code == 422
    assert visitor.post(path, password=PASSWORD).status_code == 303
    assert visitor.post(path, password=PASSWORD).status_code == 404
    with database.read() as tx:
        noted = audit.page(tx, object=ADMIN).items
    assert (noted[0].action, noted[0].before) == ("second-factor.remove", {"kind": "passkey", "name": evil})


def test_somebody_elses_passkey_is_not_there(visitor: Visitor, here: str, device: Authenticator) -> None:
    make(visitor.signed_in(EVE), device)
    page = visitor.get("/security").text
    path = "/security/passkeys/" + page.partition('id="remove-')[2].partition('"')[0] + "/remove"
    other = Visitor(here).signed_in(ADMIN)
    assert [other.get(path).status_code, other.post(path, password=PASSWORD).status_code] == [404, 404]
    taken = Authenticator(here)
    token = other.token()
    asked = other.post("/security/passkeys/options", csrf=token, name="Mine", password=PASSWORD).json()
    answer = other.post("/security/passkeys", csrf=token, name="Mine", credential=taken.create(asked))
    assert (answer.status_code, "This passkey is known already." in words(answer)) == (409, True)


def test_an_address_of_digits_has_none_and_says_why(pages: RunningApi) -> None:
    visitor = Visitor(pages.url)
    assert "passkey" not in visitor.get("/login").text
    visitor.signed_in(ADMIN)
    assert "Browsers do not take passkeys for this address." in words(visitor.get("/security"))
    assert "browsers make none for an address of digits" in words(visitor.get("/security/passkeys/new"))
    assert visitor.post("/security/passkeys/options", name="x", password=PASSWORD).status_code == 404
    assert visitor.post("/login/passkey/options").status_code in {403, 404}


@pytest.mark.parametrize(
    ("host", "base_url", "party", "origin"),
    [
        ("localhost:8080", None, "localhost", "http://localhost:8080"),
        ("127.0.0.1:8080", None, None, None),
        ("[::1]:8080", None, None, None),
        ("names.example.com", None, None, None),
        ("names.example.com", "https://names.example.com", "names.example.com", "https://names.example.com"),
        (
            "names.example.com:8443",
            "https://names.example.com:8443",
            "names.example.com",
            "https://names.example.com:8443",
        ),
        ("names.example.com", "http://names.example.com", None, None),
        ("evil.example", "https://names.example.com", None, None),
        ("localhost:8080", "https://names.example.com", None, None),
        ("192.0.2.1", "https://192.0.2.1", None, None),
        ("", None, None, None),
        ("local host", None, None, None),
    ],
)
def test_whose_passkeys(host: str, base_url: str | None, party: str | None, origin: str | None) -> None:
    request = Request({"type": "http", "headers": [(b"host", host.encode())]})
    found = relying_party(request, base_url, "Byname")
    assert (found and found.id, found and found.origin) == (party, origin)


def test_options_are_json_of_ours(visitor: Visitor) -> None:
    token = token_of(visitor.get("/login"))
    answer = visitor.post("/login/passkey/options", csrf=token)
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.text)["rpId"] == "localhost"
