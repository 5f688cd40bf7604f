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


def test_an_account_makes_no_admins(world: Database) -> None:
    with world.read() as tx:
        acme = Acting(account_id=accounts.get(tx, "acme").id)
    attempts: list[Callable[[Transaction], object]] = [
        lambda tx: admins.create(tx, "ann@agency.example", KNOWN),
        lambda tx: admins.reset(tx, "ann@agency.example", KNOWN),
        lambda tx: admins.remove(tx, "ann@agency.example"),
    ]
    for attempt in attempts:
        with pytest.raises(ServiceError) as refused, world.write(acme) as tx:
            attempt(tx)
        assert refused.value.code == "insufficient-scope"
