"""The outbox: each service touches just what its change alters, versions are in the order of commits, a cache fed by it
is what SQL is."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from store.clock import utc_now
from store.errors import ServiceError
from store.relay.source import SqlSource
from store.services import accounts, aliases, domain_settings, domains, mailboxes
from store.sql.database import Database
from store.sql.outbox import read_clock, version_of
from store.sql.tables import ALIAS, AddressRow, AliasRow, ClockRow, OutboxRow
from store.sql.tenant import Transaction
from store.wire_format.people import name_key
from store.wire_format.values import GONE
from tests.store.relay.relaying import Relaying

JOHN, MARY, SALES = "john@brand-a.com", "mary@brand-a.com", "sales@brand-b.com"
Change = Callable[[Transaction], object]


def site(tx: Transaction) -> None:
    """John and mary at brand-a.com; sales at brand-b.com is john's, its catch-all mary, its system mailbox john."""
    domain_settings.update(tx, "brand-b.com", system_mailbox=JOHN)
    mailboxes.add(tx, MARY, "battery staple")
    aliases.add(tx, SALES, JOHN)
    aliases.add(tx, "shop@brand-a.com", JOHN)
    domain_settings.update(tx, "brand-b.com", catch_all=MARY)


def rows(database: Database, version: int | None) -> dict[str, str]:
    """The outbox rows of one version: where, and the body."""
    with database.read() as tx:
        found = tx.scalars(select(OutboxRow).where(OutboxRow.version == version)).all()
    return {f"{row.domain} {row.field}".strip(): row.value.partition(" ")[2] for row in found}


def made(database: Database, change: Change) -> dict[str, str]:
    with database.write() as tx:
        change(tx)
    return rows(database, version_of(tx)) if version_of(tx) is not None else {}


A, B = "brand-a.com", "brand-b.com"
PEOPLE, POE, ROE = "@1", str(name_key("Mary Poe")), str(name_key("Ann Roe"))

# a change, and what it leaves for the cache
CASES: list[tuple[str, Change, dict[str, str]]] = [
    ("account created", lambda tx: accounts.create(tx, "new", "nano"), {}),
    ("plan changed", lambda tx: accounts.update(tx, "acme", plan="pro", paid=True), {}),
    ("account suspended", lambda tx: accounts.update(tx, "acme", is_active=False),
        {f"{A} @": "d1.1 - 1john", f"{B} @": "d1.1 3john@brand-a.com -", f"{B} @c": "c 3mary@brand-a.com",
         f"{B} sales": "a3 3john@brand-a.com"}),
    ("pending domain added", lambda tx: domains.add(tx, "new.org", account="acme"), {}),
    ("domain added", lambda tx: domains.add(tx, "new.org", account="acme", verified=True), {"new.org": "h"}),
    ("domain verified", lambda tx: (domains.add(tx, "new.org", account="acme"),
                                    domains.verify(tx, "new.org", account="acme")), {"new.org": "h"}),
    ("domain off", lambda tx: domain_settings.update(tx, A, is_active=False),
        {f"{A} @": "d2.1 - 1john", f"{B} @": "d3.1 5john@brand-a.com -", f"{B} @c": "c 5mary@brand-a.com",
         f"{B} sales": "a3 5john@brand-a.com"}),
    ("domain without mailboxes off", lambda tx: domain_settings.update(tx, B, is_active=False),
        {f"{B} @": "d2.1 7john@brand-a.com -"}),
    ("catch-all on", lambda tx: domain_settings.update(tx, A, catch_all=JOHN), {f"{A} @c": "c 1john"}),
    ("catch-all off", lambda tx: domain_settings.update(tx, B, no_catch_all=True), {f"{B} @c": "c -"}),
    ("system mailbox", lambda tx: domain_settings.update(tx, A, system_mailbox=MARY), {f"{A} @": "d3.1 1mary 1john"}),
    ("no system mailbox", lambda tx: domain_settings.update(tx, B, no_system_mailbox=True), {f"{B} @": "d3.1 - -"}),
    ("domain removed", lambda tx: domains.remove(tx, B, confirmed=True), {B: GONE}),
    ("domain with mailboxes removed", lambda tx: (
        domain_settings.update(tx, B, no_catch_all=True, no_system_mailbox=True),
        domains.remove(tx, A, confirmed=True)),
        {A: GONE, f"{B} @": "d3.1 - -", f"{B} @c": "c -", f"{B} sales": GONE}),
    ("mailbox added", lambda tx: mailboxes.add(tx, "new@brand-b.com", "battery staple"),
        {f"{B} new": "m1", f"{B} @": "d3.1 7john@brand-a.com 1new"}),
    ("mailbox paused", lambda tx: mailboxes.update(tx, JOHN, is_active=False),
        {f"{A} john": "m0", f"{A} @": "d3.1 - 1mary", f"{A} shop": "a3 0john", f"{B} @": "d3.1 6john@brand-a.com -",
         f"{B} sales": "a3 6john@brand-a.com"}),
    ("mailbox gets a full name", lambda tx: mailboxes.update(tx, MARY, display_name="Mary Poe"),
        {PEOPLE: "h", f"{PEOPLE} {POE}": "a1 7mary@brand-a.com"}),
    ("name is written otherwise", lambda tx: (mailboxes.update(tx, MARY, display_name="Mary Poe"),
                                              mailboxes.update(tx, MARY, display_name="POE, Mary")),
        {PEOPLE: "h", f"{PEOPLE} {POE}": "a1 7mary@brand-a.com"}),
    ("one name of two", lambda tx: (mailboxes.update(tx, MARY, display_name="Mary Poe"),
                                    mailboxes.add(tx, "poe@brand-b.com", "battery staple", display_name="Mary Poe")),
        {PEOPLE: "h", f"{PEOPLE} {POE}": "a1 7mary@brand-a.com",
         f"{B} poe": "m1", f"{B} @": "d3.1 7john@brand-a.com 1poe"}),
    ("nobody is named any more", lambda tx: (mailboxes.update(tx, MARY, display_name="Mary Poe"),
                                             mailboxes.update(tx, MARY, display_name="Mary")), {PEOPLE: GONE}),
    ("a desk is named", lambda tx: mailboxes.update(tx, MARY, display_name="Customer Service"), {}),
    ("password changed", lambda tx: mailboxes.update(tx, JOHN, password="another word", display_name="J"), {}),
    ("mailbox removed", lambda tx: (domain_settings.update(tx, B, no_system_mailbox=True), mailboxes.remove(tx, JOHN)),
        {f"{A} john": GONE, f"{A} @": "d3.1 - 1mary", f"{A} shop": GONE, f"{B} @": "d3.1 - -", f"{B} sales": GONE}),
    ("alias added", lambda tx: aliases.add(tx, "new@brand-b.com", JOHN, can_send=True),
        {f"{B} new": "a7 7john@brand-a.com"}),
    ("alias changed", lambda tx: aliases.update(tx, SALES, is_active=False, can_send=True),
        {f"{B} sales": "a6 7john@brand-a.com"}),
    ("alias removed", lambda tx: aliases.remove(tx, SALES), {f"{B} sales": GONE}),
    ("alias given to another", lambda tx: (aliases.remove(tx, SALES), aliases.add(tx, SALES, MARY)),
        {f"{B} sales": "a3 7mary@brand-a.com"}),
]  # fmt: skip


def test_people_come_and_go(world: Database, relaying: Relaying) -> None:
    made(world, site)
    relaying.settle()
    steps: list[tuple[Change, dict[str, str]]] = [
        (lambda tx: mailboxes.update(tx, MARY, display_name="Mary Poe"),
            {PEOPLE: "h", f"{PEOPLE} {POE}": "a1 7mary@brand-a.com"}),
        (lambda tx: mailboxes.update(tx, JOHN, display_name="Poe Mary"),  # the older mailbox stands for both
            {PEOPLE: "h", f"{PEOPLE} {POE}": "a1 7john@brand-a.com"}),
        (lambda tx: mailboxes.update(tx, JOHN, display_name="Ann Roe"),
            {PEOPLE: "h", f"{PEOPLE} {POE}": "a1 7mary@brand-a.com", f"{PEOPLE} {ROE}": "a1 7john@brand-a.com"}),
        (lambda tx: mailboxes.update(tx, JOHN, display_name=""), {PEOPLE: "h", f"{PEOPLE} {ROE}": GONE}),
        (lambda tx: mailboxes.update(tx, MARY, display_name="Mary Poe"), {}),
        (lambda tx: domain_settings.update(tx, B, no_catch_all=True), {f"{B} @c": "c -"}),
        (lambda tx: mailboxes.remove(tx, MARY),
            {f"{A} mary": GONE, f"{A} @": "d3.1 - 1john", f"{B} @c": "c -", PEOPLE: GONE}),
    ]  # fmt: skip
    for change, left in steps:
        assert made(world, change) == left
        relaying.settle()
        assert relaying.differences() == []


@pytest.mark.parametrize(("change", "left"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_change_leaves(world: Database, relaying: Relaying, change: Change, left: dict[str, str]) -> None:
    made(world, site)
    relaying.settle()
    assert made(world, change) == left
    relaying.settle()
    assert relaying.differences() == []


def test_versions_follow_one_another(world: Database) -> None:
    with world.read() as tx:
        before = read_clock(tx)
    assert before is not None
    versions = []
    for number in range(3):
        with world.write() as tx:
            aliases.add(tx, f"a{number}@brand-b.com", JOHN)
        versions.append(version_of(tx))
    assert versions == [before.version + 1, before.version + 2, before.version + 3]


def test_a_refused_change_leaves_nothing(world: Database) -> None:
    with world.read() as tx:
        before = (read_clock(tx), len(tx.scalars(select(OutboxRow.id)).all()))
    with pytest.raises(ServiceError), world.write() as tx:
        aliases.add(tx, SALES, JOHN)
        aliases.add(tx, SALES, JOHN)
    with world.read() as tx:
        assert (read_clock(tx), len(tx.scalars(select(OutboxRow.id)).all())) == before


def test_a_pending_domain_never_touches_the_hosted_one_of_its_name(world: Database) -> None:
    with world.write() as tx:
        domains.add(tx, B, account="rival")
    assert made(world, lambda tx: domains.remove(tx, B, account="rival")) == {}


def test_a_change_that_no_decision_sees_does_not_wait_for_others(postgres_url: str) -> None:
    with closing(Database.open(postgres_url)) as database:
        with database.write() as tx:
            accounts.create(tx, "acme", "starter")
            domains.add(tx, "brand-a.com", account="acme", verified=True)
        with database.write() as tx:
            tx.execute(select(ClockRow).with_for_update())
            with database.write() as other:
                accounts.update(other, "acme", plan="pro")
            assert version_of(other) is None


def test_many_at_once_are_in_the_order_of_their_commits(world: Database, relaying: Relaying) -> None:
    """Every writer pauses and resumes the mailbox or moves its aliases; the rows of a field must end as SQL does."""
    relaying.change(site)

    def write(number: int) -> None:
        for round_ in range(5):
            with world.write() as tx:
                if number % 2:
                    mailboxes.update(tx, JOHN, is_active=bool(round_ % 2))
                else:
                    aliases.update(tx, SALES, can_send=bool(round_ % 2))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with world.read() as tx:
        versions = tx.scalars(select(OutboxRow.version).order_by(OutboxRow.id)).all()
    assert list(versions) == sorted(versions)
    relaying.settle()
    assert relaying.differences() == []


def test_a_suspended_account_with_many_names_elsewhere(world: Database, relaying: Relaying) -> None:
    def many(tx: Transaction) -> None:
        accounts.update(tx, "acme", plan="agency")
        for index in range(600):
            tx.execute(insert(AddressRow).values(id=1000 + index, domain_id=2, local_part=f"n{index}", kind=ALIAS))
            tx.execute(insert(AliasRow).values(id=1000 + index, mailbox_id=1))

    relaying.change(many, lambda tx: accounts.update(tx, "acme", is_active=False))
    step = relaying.settle()
    relaying.audit()  # what was written past the services
    assert relaying.differences() == []
    with world.read() as tx:
        suspended = tx.scalars(select(OutboxRow.id).where(OutboxRow.value.contains(" a3 3john"))).all()
    assert len(suspended) == 600
    assert step.is_leased


def test_old_rows_are_forgotten(world: Database, relaying: Relaying) -> None:
    relaying.change(site)
    step = relaying.settle()
    source = SqlSource(world)
    source.prune(step.state.version + 1)
    with world.read() as tx:
        kept = len(tx.scalars(select(OutboxRow.id)).all())
    with world.write() as tx:
        tx.execute(update(OutboxRow).values(applied_at=utc_now() - timedelta(days=2)))
    with world.read() as tx:
        newest = read_clock(tx)
    assert newest is not None
    source.prune(newest.version)
    with world.read() as tx:
        left = tx.scalars(select(OutboxRow.version).distinct()).all()
    assert kept > 1
    assert left == [newest.version]
    assert relaying.settle().distrust is None
