"""Identities agree with the sender guard, name by name."""

import time

from routing.address import Address
from routing.policy import Policy
from routing.sender import authorise
from routing.verdicts import Allow
from store.services import accounts, aliases, identities, mailboxes
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from tests.mail.world import MARY, OWNER, PAUSED, fill


def test_they_are_what_the_guard_lets_pass(database: Database) -> None:
    fill(database)
    directory = SqlDirectory(database)
    with database.read() as tx:
        boxes = [box.address for box in mailboxes.page(tx, per_page=100).items]
        names = [*boxes, *(alias.address for alias in aliases.list_all(tx))]
        found = {box: [one.address for one in identities.of_mailbox(tx, box)] for box in boxes}
    for box, may_send in found.items():
        allowed = [name for name in names if _allowed(directory, box, name)]
        assert sorted(may_send) == sorted(allowed), box
    assert found[PAUSED] == found["old@off.test"] == []
    assert found[MARY] == [MARY, "team@brand-a.test"]
    assert found["john@brand-a.test"] == [
        "john@brand-a.test",
        "sales@brand-a.test",
        "outbox@brand-b.test",
        "sales@brand-b.test",
        "john@xn--bcher-kva.test",
    ]
    with database.write() as tx:
        accounts.update(tx, "other", is_active=False)
        assert identities.of_mailbox(tx, OWNER) == []


def _allowed(directory: SqlDirectory, login: str, sender: str) -> bool:
    return isinstance(authorise(directory, Policy(), login, [Address.parse(sender)], time.time()), Allow)
