"""Rebuild and audit: nothing that lives is out of sight, everything that is wrong is put right, whatever the size."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

from routing.address import Address
from routing.directory import LookupFailed
from routing.people import people_of
from routing.records import Alias, HostedDomain, Mailbox
from routing.sender_rules import SenderRules
from store.cache.directory import RedisDirectory
from store.relay.cache_audit import CacheMaintenance, load_missing
from store.relay.rebuild import BuiltElsewhere, audit, load, looked, rebuild
from store.relay.source import SqlSource
from store.services import accounts, aliases, domain_settings, domains, mailboxes
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.snapshot_names import fields
from store.sql.tables import ALIAS, MAILBOX, AddressRow, AliasRow, MailboxRow, OutboxRow
from store.sql.tenant import Transaction
from store.wire_format import layout
from store.wire_format.people import stored
from store.wire_format.values import name_body
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import Relaying

JOHN = Address("john", "brand-a.com")
MANY = 20_000
KEY = layout.domain_key("brand-b.com")


def many(number: int) -> Callable[[Transaction], object]:
    """Return a change that gives john that many aliases at brand-b.com, past the services and the outbox."""

    def change(tx: Transaction) -> None:
        names = [{"id": 1000 + n, "domain_id": 2, "local_part": f"n{n}", "kind": ALIAS} for n in range(number)]
        tx.execute(insert(AddressRow), names)
        tx.execute(insert(AliasRow), [{"id": name["id"], "mailbox_id": 1} for name in names])

    return change


@pytest.fixture
def large(sqlite_world: Relaying) -> Relaying:
    """brand-b.com has 20,000 names, and the cache knows them."""
    sqlite_world.change(many(MANY))
    sqlite_world.rebuild()
    sqlite_world.settle()
    return sqlite_world


def test_a_large_domain_comes_in_whole(world: Database, redis_server: RedisServer) -> None:
    with closing(Relaying(world, redis_server)) as own:
        own.change(many(6000))
        own.settle()
        count: Any = redis_server.admin.hlen(KEY)
        assert count == 6000 + 3
        assert own.differences() == []
    assert not list(redis_server.admin.scan_iter(layout.PREFIX + "load:*"))
    assert redis_server.admin.ttl(KEY) == -1


def many_people(number: int, account: int = 1) -> Callable[[Transaction], object]:
    """Return a change that puts that many people into an account, past the services and the outbox."""

    def change(tx: Transaction) -> None:
        rows = [{"id": 50_000 + n, "domain_id": 1, "local_part": f"p{n}", "kind": MAILBOX} for n in range(number)]
        tx.execute(insert(AddressRow), rows)
        people = [stored(account, f"{n // 2:032x}") for n in range(number)]  # each name twice
        tx.execute(
            insert(MailboxRow),
            [{"id": row["id"], "password_hash": "!", "person": who} for row, who in zip(rows, people, strict=True)],
        )

    return change


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("number", [2, 5000, 5001])
def test_the_people_of_an_account(world: Database, redis_server: RedisServer, number: int, is_there: bool) -> None:
    """As many as a page of SQL has, and more."""
    key = layout.domain_key(people_of(1))
    with closing(Relaying(world, redis_server)) as own:
        own.settle()
        if is_there:
            own.change(lambda tx: mailboxes.update(tx, str(JOHN), display_name="John Doe"))
            own.settle()
        own.change(many_people(number))
        own.rebuild()
        count: Any = redis_server.admin.hlen(key)
        assert count == (number + 1) // 2 + is_there + 3
        assert own.differences() == []
        first: Any = redis_server.admin.hget(key, "0" * 32)
        assert first.endswith(b" a1 7p0@brand-a.com")  # the older of the two
        redis_server.admin.hset(key, "0" * 32, "1 a1 7mallory@brand-a.com")
        redis_server.admin.hset(key, "f" * 32, "1 a1 7mallory@brand-a.com")
        assert len(own.differences()) == 2
        own.audit()
        assert own.differences() == []
        redis_server.admin.delete(key)
        assert load_missing(own.source, own.target) == 1
        assert own.differences() == []


def test_people_of_whom_nobody_is_left_go(world: Database, redis_server: RedisServer) -> None:
    with closing(Relaying(world, redis_server)) as own:
        own.change(lambda tx: mailboxes.update(tx, str(JOHN), display_name="John Doe"))
        own.settle()
        assert redis_server.admin.hexists(layout.HOSTED_KEY, people_of(1))
        own.change(lambda tx: tx.execute(update(MailboxRow).values(person=None)))
        assert own.differences() != []
        own.audit()
        assert own.differences() == []
        assert not redis_server.admin.exists(layout.domain_key(people_of(1)))


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("number", [1990, 2000, 2490, 2500, 4990])
def test_a_domain_of_a_page(sqlite_world: Relaying, number: int, is_there: bool) -> None:
    """As large as what SQL gives at once, and as what a command of Redis takes."""
    if not is_there:
        sqlite_world.server.admin.flushall()
    sqlite_world.change(many(number))
    sqlite_world.rebuild()
    count: Any = sqlite_world.server.admin.hlen(KEY)
    assert count == number + 4  # and the reserved fields, and sales
    assert sqlite_world.differences() == []


def test_a_rebuild_hides_no_living_name(large: Relaying) -> None:
    """Asked all the while, whatever is wrong in the cache, the living are never unknown: found, or no evidence."""
    with large.database.write() as tx:
        tx.execute(insert(AddressRow), [{"id": 99, "domain_id": 1, "local_part": "late", "kind": ALIAS}])
        tx.execute(insert(AliasRow), [{"id": 99, "mailbox_id": 1}])
    admin = large.server.admin
    admin.hset(KEY, mapping={"stranger": "1 a3 7john@brand-a.com", "n5": "garbage", "n6": "1 x"})
    ended, problems, asked = threading.Event(), [], 0

    def ask() -> None:
        nonlocal asked
        directory = RedisDirectory.open(large.server.url)
        wanted = [Address(f"n{n}", "brand-b.com") for n in (0, 7, 77, 7777, MANY - 1)]
        while not ended.is_set():
            try:
                found = directory.read(wanted).facts["brand-b.com"].names
            except (KeyError, LookupFailed) as error:
                problems.append(repr(error))
                continue
            asked += 1
            if len(found) != len(wanted):
                problems.append(repr(found.keys()))
        directory.close()

    admin.set(layout.GRACE_KEY, "1")  # so that what is there can be read without a lease
    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(2):
        large.rebuild()
    ended.set()
    thread.join()
    assert problems == []
    assert asked > 20
    assert large.settle().is_leased
    assert large.differences() == []


DAMAGES: list[tuple[str, Callable[[Any], object], int]] = [
    ("nothing", lambda admin: None, 0),
    ("a field deleted", lambda admin: admin.hdel(KEY, "sales"), 1),
    ("a field changed", lambda admin: admin.hset(KEY, "sales", "1 a7 7eve@rival.com"), 1),
    ("a field of garbage", lambda admin: admin.hset(KEY, "sales", b"\xff\xfe\x00"), 1),
    ("a field of another format", lambda admin: admin.hset(KEY, "sales", "1 q9"), 1),
    ("a field without a version", lambda admin: admin.hset(KEY, "sales", "a3 7john@brand-a.com"), 1),
    ("a field from the future", lambda admin: admin.hset(KEY, "sales", "zzzzz a7 7eve@rival.com"), 1),
    ("a tombstone from the future", lambda admin: admin.hset(KEY, "sales", "zzzzz x"), 1),
    ("a false tombstone", lambda admin: admin.hset(KEY, "sales", "1 x"), 1),
    ("a stranger", lambda admin: admin.hset(KEY, "stranger", "1 a3 7john@brand-a.com"), 1),
    ("a stranger from the future", lambda admin: admin.hset(KEY, "stranger", "zzzzz a3 7john@brand-a.com"), 1),
    ("a garbage field name", lambda admin: admin.hset(KEY, b"\xff\x00", "1 a3 7john@brand-a.com"), 1),
    ("the domain's own record", lambda admin: admin.hset(KEY, "@", "1 d0 - -"), 1),
    ("no catch-all record", lambda admin: admin.hdel(KEY, "@c"), 1),
    ("no whole-mark", lambda admin: admin.hdel(KEY, "@l"), 0),
    ("a garbage whole-mark", lambda admin: admin.hset(KEY, "@l", "?"), 0),
    ("no record of the domain", lambda admin: admin.hdel(KEY, "@"), 0),
    ("a hash deleted", lambda admin: admin.delete(KEY), 0),
    ("a string in its place", lambda admin: (admin.delete(KEY), admin.set(KEY, "rubbish")), 0),
    ("a domain off the list", lambda admin: admin.hdel(layout.HOSTED_KEY, "brand-b.com"), 1),
    ("garbage in the list", lambda admin: admin.hset(layout.HOSTED_KEY, "brand-b.com", "?"), 1),
    ("a false tombstone in the list", lambda admin: admin.hset(layout.HOSTED_KEY, "brand-b.com", "1 x"), 1),
    ("one from the future in the list", lambda admin: admin.hset(layout.HOSTED_KEY, "brand-b.com", "zzzzz x"), 1),
    ("a strange domain", lambda admin: (admin.hset(layout.HOSTED_KEY, "evil.org", "1 h"),
                                        admin.hset(layout.domain_key("evil.org"), "@", "1 d3 - -")), 0),
    ("a strange one from the future", lambda admin: (admin.hset(layout.HOSTED_KEY, "evil.org", "zzzzz h"),
                                                     admin.hset(layout.domain_key("evil.org"), "@", "1 d3 - -")), 1),
    ("a stray hash", lambda admin: admin.hset(layout.domain_key("evil.org"), "@", "1 d3 - -"), 0),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "repaired"), [row[1:] for row in DAMAGES], ids=[row[0] for row in DAMAGES])
def test_an_audit_puts_right(
    sqlite_world: Relaying, damage: Callable[[Any], object], repaired: int, redis_server: RedisServer
) -> None:
    own = sqlite_world
    before = everything(own)
    damage(redis_server.admin)
    last = own.audit()
    assert last.report.repaired >= repaired
    assert everything(own) == before
    assert own.differences() == []
    assert own.audit().report.repaired == 0
    assert own.settle().is_leased
    own.change(lambda tx: aliases.update(tx, "sales@brand-b.com", can_send=True))
    own.settle()
    assert own.differences() == []


@pytest.fixture
def sqlite_world(sqlite_url: str, redis_server: RedisServer) -> Iterator[Relaying]:
    """acme with brand-a.com (john) and brand-b.com (sales)."""
    with closing(Database.open(sqlite_url)) as database, closing(Relaying(database, redis_server)) as own:

        def site(tx: Transaction) -> None:
            accounts.create(tx, "acme", "starter")
            for name in ("brand-a.com", "brand-b.com"):
                domains.add(tx, name, account="acme", verified=True)
            mailboxes.add(tx, str(JOHN), "correct horse")
            aliases.add(tx, "sales@brand-b.com", str(JOHN))

        own.change(site)
        own.settle()
        yield own


def everything(own: Relaying) -> dict[str, dict[bytes, bytes]]:
    """All bodies in the cache, without versions and tombstones."""
    admin: Any = own.server.admin
    keys = [layout.HOSTED_KEY, *map(bytes.decode, admin.keys(layout.domain_key("*")))]
    return {
        key: {name: raw.partition(b" ")[2] for name, raw in admin.hgetall(key).items() if not raw.endswith(b" x")}
        for key in keys
    }


def test_a_large_domain_is_audited_in_pieces(large: Relaying) -> None:
    admin = large.server.admin
    admin.hdel(KEY, *(f"n{n}" for n in range(0, MANY, 1000)))
    admin.hset(KEY, mapping={f"stranger{n}": "1 a3 7john@brand-a.com" for n in range(10)})
    admin.hset(KEY, "n11", "zzzzz a3 7eve@rival.com")
    last = large.audit()
    assert last.report.repaired == 20 + 10 + 1
    assert large.differences() == []


def test_changes_during_an_audit_are_no_differences(sqlite_world: Relaying) -> None:
    """After each piece something changes and is applied; the audit neither undoes it nor counts it."""
    own = sqlite_world
    own.change(lambda tx: accounts.update(tx, "acme", plan="agency"))
    pieces = audit(own.source, own.target, repairs=True)
    for number, piece in enumerate(pieces):
        own.change(lambda tx, number=number: aliases.add(tx, f"new{number}@brand-b.com", str(JOHN)))  # type: ignore[misc]
        own.change(lambda tx, number=number: aliases.update(tx, "sales@brand-b.com", can_send=number % 2 == 0))  # type: ignore[misc]
        own.settle()
        assert piece.report.differences == []
    assert number > 1
    assert own.differences() == []


def test_tombstones_are_forgotten_by_the_audit(sqlite_world: Relaying, redis_server: RedisServer) -> None:
    own, admin = sqlite_world, redis_server.admin
    own.change(lambda tx: aliases.remove(tx, "sales@brand-b.com"))
    own.change(lambda tx: domains.add(tx, "new.org", account="acme", verified=True))
    own.change(lambda tx: domains.remove(tx, "new.org"))
    own.settle()
    assert admin.hget(KEY, "sales") == layout.tombstone(own.relay.step().state.version - 2).encode()
    assert str(admin.hget(layout.HOSTED_KEY, "new.org")).endswith(" x'")
    assert own.audit().report.repaired == 0
    assert admin.hget(KEY, "sales") is None
    assert admin.hget(layout.HOSTED_KEY, "new.org") is None
    assert own.differences() == []


def test_a_rebuild_that_lost_writes_is_none(sqlite_world: Relaying, redis_server: RedisServer) -> None:
    """As in a failover there and back to the same run, which took a write of this rebuild along."""
    own = sqlite_world
    work = rebuild(own.source, own.target)
    for _ in work:
        redis_server.admin.hincrby(layout.STATE_KEY, "applied", -1)
        break
    with pytest.raises(BuiltElsewhere, match="emptied or replaced"):
        list(work)
    assert not own.target.state().is_built


def test_missing_hashes_are_loaded_soon(sqlite_world: Relaying, redis_server: RedisServer) -> None:
    own = sqlite_world
    redis_server.admin.delete(KEY)
    with pytest.raises(AssertionError):
        assert own.differences() == []
    assert load_missing(own.source, own.target) == 1
    assert own.differences() == []
    assert load_missing(own.source, own.target) == 0


def test_many_missing_hashes_are_all_loaded(sqlite_world: Relaying, redis_server: RedisServer) -> None:
    """More domains than are looked for in one piece, and not a round number of them."""
    own, names = sqlite_world, [f"many{number}.example" for number in range(230)]
    with own.database.write() as tx:
        for name in names:
            domains.add(tx, name, account="acme", verified=True)
    own.settle()
    assert redis_server.admin.delete(*map(layout.domain_key, names)) == len(names)
    assert load_missing(own.source, own.target) == len(names)
    assert own.differences() == []


def test_an_audit_gives_way(large: Relaying) -> None:
    """Its pieces are small, it does one and no more when the relay is called, and it still comes to its end."""
    maintenance = CacheMaintenance(large.source, large.target, look_every=1000, audit_every=0)
    large.server.admin.hset(KEY, "n5", "garbage")
    times, done = [], None
    while done is None:
        begun = time.process_time()
        done = maintenance.work(60, large.relay.step().state.version, lambda: True)
        times.append(time.process_time() - begun)
        assert maintenance.is_busy or done is not None
    assert done.report.repaired == 1
    assert len(times) > MANY / 1000
    assert sorted(times)[-3] < 0.05


def test_upkeep_spreads_its_work(sqlite_world: Relaying, redis_server: RedisServer) -> None:
    """By a clock in our hands: old rows at once, missing hashes after 10 s, an audit 10 to 50 s from the start."""
    own, now = sqlite_world, 0.0
    own.change(lambda tx: aliases.update(tx, "sales@brand-b.com", can_send=True))
    own.settle()
    maintenance = CacheMaintenance(own.source, own.target, look_every=10, audit_every=100, clock=lambda: now)
    redis_server.admin.hdel(KEY, "sales")
    redis_server.admin.delete(layout.domain_key("brand-a.com"))
    with own.database.write() as tx:
        tx.execute(update(OutboxRow).values(applied_at=datetime(2020, 1, 1, tzinfo=UTC)))
    done, looked, pruned = None, [], []
    while done is None:
        assert now < 60
        done = maintenance.work(1, own.relay.step().state.version)
        looked.append(bool(redis_server.admin.exists(layout.domain_key("brand-a.com"))))
        with own.database.read() as tx:
            pruned.append(tx.scalars(select(func.count()).select_from(OutboxRow)).one())
        assert own.relay.step().is_leased
        now += 1
    assert looked.index(True) == 10
    assert 10 <= now - 1 <= 50
    assert set(pruned) == {1}  # the last change is kept
    assert own.differences() == []


def test_loading_a_domain_that_is_not_hosted_does_nothing(sqlite_world: Relaying, redis_server: RedisServer) -> None:
    before = everything(sqlite_world)
    load(
        sqlite_world.source,
        sqlite_world.target,
        *looked(sqlite_world.source, sqlite_world.target),
        {"elsewhere.org", "@", ""},
    )
    assert everything(sqlite_world) == before


def test_what_was_gathered_and_lost_is_not_put_in(sqlite_world: Relaying, redis_server: RedisServer) -> None:
    own = sqlite_world
    redis_server.admin.delete(KEY)
    with own.source.snapshot() as snapshot:
        own.target.gather("t", {b"@": b"1 d3 - -", b"@c": b"1 c -"})
        assert own.target.install_gathered(own.basis(), "brand-b.com", "t", 3, snapshot.clock) == "lost"
    assert not redis_server.admin.exists(KEY)


def test_an_empty_store(sqlite_url: str, redis_server: RedisServer) -> None:
    with closing(Database.open(sqlite_url)) as database, closing(Relaying(database, redis_server)) as own:
        assert own.settle().is_leased
        with closing(RedisDirectory.open(redis_server.url)) as directory:
            assert directory.lookup([JOHN]) == {}


def test_both_ways_of_writing_a_name_agree(world: Database) -> None:
    """The fast one, from rows, and the one from records."""

    def names(tx: Transaction) -> None:
        aliases.add(tx, "a@brand-b.com", str(JOHN), can_send=True, can_receive=False)
        aliases.add(tx, "b@brand-a.com", str(JOHN))
        mailboxes.add(tx, "mary@brand-b.com", "battery staple")
        mailboxes.update(tx, str(JOHN), is_active=False)
        domain_settings.update(tx, "brand-a.com", is_active=False)

    with world.write() as tx:
        names(tx)
    directory = SqlDirectory(world)
    with SqlSource(world).snapshot() as snapshot:
        for part in snapshot.parts():
            wanted = [Address(name.decode(), part.domain.name) for name in part.names]
            known = directory.lookup(wanted).get(part.domain.name, HostedDomain(part.domain.name)).names
            assert part.names == {
                local.encode(): name_body(name, part.domain.name).encode() for local, name in known.items()
            }


@settings(max_examples=200)
@given(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_both_ways_agree_on_all_flags(
    active: bool, receives: bool, sends: bool, box_active: bool, domain_active: bool, account_active: bool, here: bool
) -> None:
    home = HostedDomain("a.com", domain_active, account_active)
    owner = "a.com" if here else "b.com"
    mailbox = Mailbox(Address("john", owner), box_active, domain_active, account_active)
    flags = (active, receives, sends)
    rows = [
        (1, "sales", 7, *flags, None, None),
        (1, "fair", 7, *flags, 1_800_000_000, "l:x.test"),
        (1, "j\u00f6rg", 7, None, None, None, None, None),
        (1, "lost", 8, 1, 1, 1, 5, None),
    ]
    alias, listed = Alias(mailbox, active, receives, sends), SenderRules("listed", ("x.test",))
    assert fields(rows, home.name, {7: mailbox}) == {
        b"sales": name_body(alias, home.name).encode(),
        b"fair": name_body(replace(alias, expires_at=1_800_000_000, senders=listed), home.name).encode(),
        b"j%C3%B6rg": name_body(mailbox, home.name).encode(),
    }


def test_throughput(large: Relaying, record_property: Callable[[str, object], None]) -> None:
    """A loose bound, for a shared machine; `make bench` measures."""
    large.server.admin.flushall()
    started = time.perf_counter()
    large.rebuild()
    rate = MANY / (time.perf_counter() - started)
    record_property("names_per_second", round(rate))
    assert rate > 5_000
