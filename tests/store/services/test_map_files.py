"""Files of hosted domains beside mail servers: who has to wait for them, and what is known of each."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from store.clock import utc_now
from store.errors import ServiceError
from store.services import accounts, aliases, domains, mailboxes, map_files
from store.sql import map_files as held
from store.sql.database import OPERATOR, Database
from store.sql.outbox import Clock, read_clock
from store.sql.tables import ClockRow, MapFileRow
from store.unit_of_work.idempotency_lock import IdempotencyLock
from store.unit_of_work.map_files import wait_for_files
from store.unit_of_work.unit import UnitOfWork, live_at_once

NAME = "mx1:/var/spool/postfix/byname/domains"


def clock_of(database: Database) -> Clock:
    with database.read() as tx:
        clock = read_clock(tx)
    assert clock
    return clock


def add_domain(database: Database, name: str) -> str:
    unit = UnitOfWork(database, OPERATOR, live_at_once, IdempotencyLock())
    with unit.begin() as tx:
        domains.add(tx, name, account="acme", verified=True)
    assert unit.version
    return wait_for_files(database, unit.version, timeout=0)


def in_step(database: Database) -> list[tuple[str, bool]]:
    with database.read() as tx:
        return [(one.name, one.in_step) for one in map_files.list_all(tx)]


def test_a_change_of_who_is_hosted_waits_for_every_file(database: Database) -> None:
    with database.write() as tx:
        accounts.create(tx, "acme", "starter")
    assert add_domain(database, "one.test") == "live"  # there is no file
    held.note(database, NAME, None, 0)
    assert (add_domain(database, "two.test"), in_step(database)) == ("pending", [(NAME, False)])
    seen, names = held.hosted(database)
    assert (seen, sorted(names)) == (clock_of(database), ["one.test", "two.test"])
    held.note(database, NAME, seen, 2)
    held.note(database, "mx2:/domains", seen, 2)
    assert seen
    assert wait_for_files(database, seen.version, timeout=0) == "live"
    assert add_domain(database, "three.test") == "pending"
    held.note(database, NAME, clock_of(database), 3)
    assert in_step(database) == [(NAME, True), ("mx2:/domains", False)]
    assert wait_for_files(database, clock_of(database).version, timeout=0) == "pending"
    with database.write() as tx:
        assert map_files.forget(tx, "mx2:/domains").domains == 2
        with pytest.raises(ServiceError, match="there is no file"):
            map_files.forget(tx, "mx2:/domains")
    assert wait_for_files(database, clock_of(database).version, timeout=0) == "live"


def test_other_changes_wait_for_no_file(database: Database) -> None:
    with database.write() as tx:
        accounts.create(tx, "acme", "starter")
        domains.add(tx, "one.test", account="acme", verified=True)
        mailboxes.add(tx, "john@one.test", "correct horse")
    seen = clock_of(database)
    held.note(database, NAME, seen, 1)
    unit = UnitOfWork(database, OPERATOR, live_at_once, IdempotencyLock())
    with unit.begin() as tx:
        aliases.add(tx, "sales@one.test", "john@one.test")
    assert (unit.propagation(), in_step(database)) == ("live", [(NAME, True)])
    assert not held.has_changed(database, seen)


def test_what_has_to_be_looked_at_anew(database: Database) -> None:
    """A change of who is hosted, and a store that was restored, whatever its clock shows since."""
    with database.write() as tx:
        accounts.create(tx, "acme", "starter")
        domains.add(tx, "one.test", account="acme", verified=True)
    seen = clock_of(database)
    assert not held.has_changed(database, seen)
    assert held.has_changed(database, Clock(seen.version, "another", seen.epoch))
    assert held.has_changed(database, Clock(seen.version - 1, "another", seen.epoch))
    assert held.has_changed(database, Clock(seen.version + 1, seen.nonce[::-1], seen.epoch))
    held.note(database, NAME, seen, 1)
    with database.write_rows() as connection:
        connection.execute(update(ClockRow).values(epoch="restored"))
    assert held.has_changed(database, seen)
    assert not held.all_hold(database, seen.version)
    assert in_step(database) == [(NAME, False)]
    held.note(database, NAME, None, 0, "no room")
    with database.read() as tx:
        (found,) = map_files.list_all(tx)
    assert (found.problem, found.in_step, found.changed_at <= utc_now()) == ("no room", False, True)


def test_a_file_that_nobody_keeps(database: Database) -> None:
    with database.write() as tx:
        accounts.create(tx, "acme", "starter")
        domains.add(tx, "one.test", account="acme", verified=True)
    held.note(database, NAME, clock_of(database), 1)
    assert in_step(database) == [(NAME, True)]
    with database.write_rows() as connection:
        connection.execute(update(MapFileRow).values(changed_at=utc_now() - timedelta(hours=1)))
    with database.read() as tx:
        assert [(one.in_step, one.problem) for one in map_files.list_all(tx)] == [(False, "nobody keeps it")]
