"""Admins: made, listed, given another password and removed by operators alone, with a line in the audit log each."""

from collections.abc import Callable

import pytest

from store.errors import ServiceError
from store.passwords import PasswordHash
from store.services import accounts, admins, audit
from store.sql.database import Database
from store.sql.tenant import Acting, Transaction

KNOWN = PasswordHash("$argon2id$not-a-real-one")


def test_the_life_of_an_admin(world: Database) -> None:
    with world.write() as tx:
        made = admins.create(tx, "Ann@Agency.example", KNOWN, account="acme", role="viewer")
        admins.create(tx, "zoe@operator.example", KNOWN)
    with world.write() as tx:
        assert [(one.address, one.account, one.role) for one in admins.list_all(tx)] == [
            ("ann@agency.example", "acme", "viewer"),
            ("zoe@operator.example", None, "admin"),
        ]
        assert admins.reset(tx, "ann@agency.example", KNOWN) == made
        assert admins.remove(tx, "ann@agency.example") == made
        assert [one.address for one in admins.list_all(tx)] == ["zoe@operator.example"]
        noted = audit.page(tx, object="ann@agency.example").items
    assert [entry.action for entry in noted] == ["admin.delete", "admin.set-password", "admin.create"]
    assert {entry.account_id for entry in noted} == {made.account_id}
    assert "argon2" not in str(noted)


@pytest.mark.parametrize(
    ("code", "attempt"),
    [
        ("conflict", lambda tx: admins.create(tx, "ANN@agency.example", KNOWN)),
        ("invalid-request", lambda tx: admins.create(tx, "ann", KNOWN)),
        ("invalid-request", lambda tx: admins.create(tx, "bob@agency.example", KNOWN, role="owner")),
        ("invalid-request", lambda tx: admins.create(tx, "b" * 65 + "@agency.example", KNOWN)),
        ("invalid-request", lambda tx: admins.create(tx, "<b>@agency.example", KNOWN)),
        ("invalid-request", lambda tx: admins.create(tx, "\u202ebob@agency.example", KNOWN)),
        ("invalid-request", lambda tx: admins.set_role(tx, "ann@agency.example", "owner")),
        ("not-found", lambda tx: admins.create(tx, "bob@agency.example", KNOWN, account="nobody")),
        ("not-found", lambda tx: admins.reset(tx, "bob@agency.example", KNOWN)),
        ("not-found", lambda tx: admins.remove(tx, "bob@agency.example")),
    ],
)
def test_what_is_refused(world: Database, code: str, attempt: Callable[[Transaction], object]) -> None:
    with world.write() as tx:
        admins.create(tx, "ann@agency.example", KNOWN, account="acme")
    with pytest.raises(ServiceError) as refused, world.write() as tx:
        attempt(tx)
    assert refused.value.code == code


def acting(world: Database, account: str) -> Acting:
    with world.read() as tx:
        return Acting(account_id=accounts.get(tx, account).id)


def test_an_account_looks_after_its_own(world: Database) -> None:
    acme = acting(world, "acme")
    with world.write() as tx:
        boss = admins.create(tx, "boss@rival.example", KNOWN, account="rival")
    with world.write(acme) as tx:
        ann = admins.create(tx, "ann@agency.example", KNOWN, account=acme.account_id)
        bob = admins.create(tx, "john@brand-a.com", KNOWN, account=acme.account_id, role="viewer")
        assert admins.list_all(tx) == [ann, bob]
        assert admins.set_role(tx, bob.id, "admin").role == "admin"
        assert admins.reset(tx, bob.id, KNOWN).role == "admin"
        assert admins.remove(tx, bob.address).id == bob.id
    for attempt in (
        lambda tx: admins.get(tx, boss.id),
        lambda tx: admins.reset(tx, boss.address, KNOWN),
        lambda tx: admins.set_role(tx, boss.id, "viewer"),
        lambda tx: admins.remove(tx, boss.id),
        lambda tx: admins.create(tx, "eve@agency.example", KNOWN, account="rival"),
    ):
        assert refused(world, acme, attempt) == "not-found"


def test_what_an_account_may_not(world: Database) -> None:
    acme = acting(world, "acme")
    with world.write() as tx:
        ann = admins.create(tx, "ann@agency.example", KNOWN, account="acme")
        admins.create(tx, "bob@agency.example", KNOWN, account="acme", role="viewer")
        admins.create(tx, "boss@rival.example", KNOWN, account="rival")
    for code, attempt in (
        ("insufficient-scope", lambda tx: admins.create(tx, "eve@agency.example", KNOWN)),
        ("conflict", lambda tx: admins.create(tx, "boss@rival.example", KNOWN, account="acme")),
        ("conflict", lambda tx: admins.create(tx, "eve@rival.com", KNOWN, account="acme")),
        ("conflict", lambda tx: admins.create(tx, "nobody@rival.com", KNOWN, account="acme")),
        ("conflict", lambda tx: admins.set_role(tx, ann.id, "viewer")),
        ("conflict", lambda tx: admins.remove(tx, ann.id)),
    ):
        assert refused(world, acme, attempt) == code
    with world.write() as tx:  # an operator may
        assert [one.address for one in admins.list_all(tx, account=ann.account_id)] == [
            "ann@agency.example", "bob@agency.example",
        ]  # fmt: skip
        admins.remove(tx, ann.id)
        assert admins.list_all(tx, account=None) == []


def refused(world: Database, who: Acting, attempt: Callable[[Transaction], object]) -> str:
    with pytest.raises(ServiceError) as error, world.write(who) as tx:
        attempt(tx)
    return error.value.code
