"""Uniqueness and limits with many writers at once: threads with connections of their own, and whole processes."""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import func, select

from routing.address import Address
from routing.directory import LookupFailed
from store.errors import ServiceError
from store.services import accounts, aliases, domain_settings, domains, mailboxes
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.fair_semaphore import FairSemaphore
from store.sql.tables import AddressRow, AliasRow, DomainRow
from store.sql.tenant import Transaction
from tests.store.filling import fill_up
from tests.store.refusals import Change

JOHN = "john@brand-a.com"


def at_once(database: Database, changes: Sequence[Change]) -> Counter[str]:
    """Run every change in a thread and transaction of its own, all let go together; count their outcomes."""
    outcomes: Counter[str] = Counter()
    gate = threading.Barrier(len(changes))

    def run(change: Change) -> None:
        gate.wait()
        try:
            with database.write() as tx:
                change(tx)
        except ServiceError as refusal:
            outcomes[refusal.code] += 1
        except Exception as error:  # noqa: BLE001 - told by the assertion
            outcomes[repr(error)] += 1
        else:
            outcomes["done"] += 1

    threads = [threading.Thread(target=run, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_eight_writers_one_below_the_limit(world: Database) -> None:
    with world.write() as tx:
        fill_up(tx, 29)
    changes: list[Change] = [lambda tx, n=n: aliases.add(tx, f"new{n}@brand-b.com", JOHN) for n in range(8)]  # type: ignore[misc]
    assert at_once(world, changes) == {"done": 1, "alias-limit-reached": 7}
    with world.read() as tx:
        assert aliases.usage(tx, JOHN).used == 30


def test_twenty_writers_of_one_name_for_several_mailboxes(world: Database) -> None:
    owners = [JOHN, *(f"m{n}@brand-a.com" for n in range(4))]
    with world.write() as tx:
        for owner in owners[1:]:
            mailboxes.add(tx, owner, "correct horse")
    changes: list[Change] = [lambda tx, n=n: aliases.add(tx, "info@brand-b.com", owners[n % 5]) for n in range(20)]  # type: ignore[misc]
    assert at_once(world, changes) == {"done": 1, "address-taken": 19}
    with world.read() as tx:
        assert [alias.address for alias in aliases.list_all(tx)] == ["info@brand-b.com"]


def test_a_mailbox_and_an_alias_of_one_name(world: Database) -> None:
    def as_alias(tx: Transaction) -> object:
        return aliases.add(tx, "info@brand-a.com", JOHN)

    def as_mailbox(tx: Transaction) -> object:
        return mailboxes.add(tx, "info@brand-a.com", "correct horse")

    assert at_once(world, [as_alias, as_mailbox] * 4) == {"done": 1, "address-taken": 7}


def test_two_accounts_prove_one_domain(world: Database) -> None:
    changes: list[Change] = [
        lambda tx, n=n: domains.add(tx, "wanted.example", account=("acme", "rival")[n % 2], verified=True)  # type: ignore[misc]
        for n in range(8)
    ]
    assert at_once(world, changes) == {"done": 1, "domain-taken": 7}
    with world.read() as tx:
        assert tx.scalars(select(func.count()).where(DomainRow.name == "wanted.example")).one() == 1


def test_one_account_name(world: Database) -> None:
    changes: list[Change] = [lambda tx: accounts.create(tx, "newcomer", "pro")] * 8
    assert at_once(world, changes) == {"done": 1, "conflict": 7}


def test_a_mailbox_goes_while_it_gets_names_and_a_catch_all(world: Database) -> None:
    """Whoever comes first, no alias and no catch-all is left pointing at nothing, and nobody waits in a circle."""
    for round_ in range(5):
        address = f"m{round_}@brand-a.com"
        with world.write() as tx:
            mailboxes.add(tx, address, "correct horse")
        outcomes = at_once(
            world,
            [
                lambda tx, address=address: mailboxes.remove(tx, address),  # type: ignore[misc]
                lambda tx, address=address: aliases.add(tx, "one@brand-b.com", address),  # type: ignore[misc]
                lambda tx, address=address: aliases.add(tx, "two@brand-b.com", address),  # type: ignore[misc]
                lambda tx, address=address: domain_settings.update(tx, "brand-b.com", catch_all=address),  # type: ignore[misc]
            ],
        )
        assert set(outcomes) <= {"done", "not-found", "destination-not-a-mailbox", "conflict"}, outcomes
        with world.write() as tx:
            domain_settings.update(tx, "brand-b.com", no_catch_all=True)
            for mailbox in mailboxes.list_all(tx, domain="brand-a.com"):
                if mailbox.address == address:
                    mailboxes.remove(tx, address)
    with world.read() as tx:
        assert tx.scalars(select(func.count()).select_from(AliasRow)).one() == 0
        assert tx.scalars(select(func.count()).select_from(AddressRow)).one() == 2


def test_a_domain_goes_while_it_gets_names(world: Database) -> None:
    for _ in range(5):
        outcomes = at_once(
            world,
            [
                lambda tx: domains.remove(tx, "brand-b.com", confirmed=True),
                lambda tx: aliases.add(tx, "one@brand-b.com", JOHN),
                lambda tx: mailboxes.add(tx, "two@brand-b.com", "correct horse"),
            ],
        )
        assert set(outcomes) <= {"done", "domain-not-yours"}, outcomes
        with world.write() as tx:
            assert "brand-b.com" not in {domain.name for domain in domains.list_all(tx)}
            assert [mailbox.address for mailbox in mailboxes.list_all(tx)] == [JOHN, "eve@rival.com"]
            domains.add(tx, "brand-b.com", account="acme", verified=True)


def test_reads_do_not_wait_for_a_writer(world: Database) -> None:
    directory = SqlDirectory(world)
    directory.lookup([])
    with world.write() as writing:
        aliases.add(writing, "sales@brand-a.com", JOHN)
        started = time.monotonic()
        hosted = directory.lookup([Address("sales", "brand-a.com")])["brand-a.com"]
        with world.read() as tx:
            listed = aliases.list_all(tx)
        assert time.monotonic() - started < 0.5
    assert (dict(hosted.names), listed) == ({}, [])
    assert "sales" in directory.lookup([Address("sales", "brand-a.com")])["brand-a.com"].names


def test_lookups_from_many_threads(world: Database) -> None:
    """More threads than connections: each look-up gets its answer, though it waits for a connection.

    Not so many that a slow machine would keep the last of them waiting for its whole deadline, which is a second.
    """
    directory = SqlDirectory(world)
    right, wrong = list[object](), list[object]()

    def ask() -> None:
        for _ in range(25):
            try:
                found = directory.lookup([Address("john", "brand-a.com")])
            except LookupFailed as error:
                wrong.append(error)
            else:
                (right if set(found["brand-a.com"].names) == {"john"} else wrong).append(found)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(right) == 16 * 25


def test_turns_come_in_the_order_of_asking() -> None:
    semaphore, order = FairSemaphore(1), list[int]()

    def ask(number: int) -> None:
        with semaphore.acquired(10):
            order.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
    with semaphore.acquired(0):
        for thread in threads:
            thread.start()
            time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert order == list(range(10))


def test_a_turn_that_does_not_come() -> None:
    semaphore = FairSemaphore(1)
    with semaphore.acquired(0):
        for _ in range(3):
            with pytest.raises(TimeoutError), semaphore.acquired(0.01):
                pass
    for _ in range(3):  # whoever gave up holds no place
        with semaphore.acquired(0):
            pass


_PROCESS = """
import sys
from store.errors import ServiceError
from store.services import aliases
from store.sql.database import Database

database = Database.open(sys.argv[1])
done = 0
for number in range(20):
    try:
        with database.write() as tx:
            aliases.add(tx, f"name{number}@brand-b.com", "john@brand-a.com")
    except ServiceError as refusal:
        assert refusal.code == "address-taken", refusal
    else:
        done += 1
print(done)
"""


def test_two_processes(world: Database, url: str) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", _PROCESS, url], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    done = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(done) == 20
    with world.read() as tx:
        assert aliases.usage(tx, JOHN).used == 20
