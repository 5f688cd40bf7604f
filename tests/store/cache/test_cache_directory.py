"""The Redis directory and the one that falls back on SQL: the contract of directories, one round trip, the lease."""

from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry

from routing.address import Address
from routing.directory import AffirmedFacts, Directory, LookupFailed
from routing.guard import HeaderField, check_header
from routing.memory_directory import MemoryDirectory, SilentDirectory
from routing.policy import Policy
from routing.recipient import resolve
from routing.sender import authorise
from routing.verdicts import Allow, Defer, Deliver, Reject
from store.cache.directory import RedisDirectory
from store.cache.fallback import FallbackDirectory
from store.cache.metrics import DirectoryMetrics
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.tenant import Transaction
from store.wire_format import layout
from store.wire_format.lease import lease_text
from tests.store.cache.filled_cache import fill, mirror, vouch
from tests.store.directory_contract import CONTRACT, Fill
from tests.store.redis_server import RedisServer
from tests.unit.sample_site import BRAND_A, BRAND_B, DIRECTORY, DOMAINS, JOHN, NOW

SALES = Address("sales", "brand-b.test")
NOWHERE = Address("x", "elsewhere.test")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def cache(server: RedisServer) -> Iterator[RedisDirectory]:
    fill(server, DOMAINS)
    directory = RedisDirectory.open(server.url)
    yield directory
    directory.close()


def fallback(cache: RedisDirectory, sql: Directory) -> FallbackDirectory:
    return FallbackDirectory(cache, sql, DirectoryMetrics(CollectorRegistry()))


def filler(database: Database, server: RedisServer) -> Fill:
    mirror(server, database)

    def fill_both(change: Callable[[Transaction], object]) -> None:
        with database.write() as tx:
            change(tx)
        mirror(server, database)

    return fill_both


@pytest.mark.parametrize("case", CONTRACT, ids=lambda case: case.__name__)
def test_contract_of_the_cache_alone(
    case: Callable[[Directory, Fill], None], server: RedisServer, sqlite_url: str
) -> None:
    database = Database.open(sqlite_url)
    case(RedisDirectory.open(server.url), filler(database, server))
    database.close()


@pytest.mark.parametrize("has_lease", [True, False])
@pytest.mark.parametrize("case", CONTRACT, ids=lambda case: case.__name__)
def test_contract_of_both(
    case: Callable[[Directory, Fill], None], server: RedisServer, sqlite_url: str, *, has_lease: bool
) -> None:
    """With a lease the cache answers, and SQL is silent; without one SQL does, and the cache holds nonsense."""
    database = Database.open(sqlite_url)
    fill_both = filler(database, server)

    def fill_sql(change: Callable[[Transaction], object]) -> None:
        with database.write() as tx:
            change(tx)

    cache = RedisDirectory.open(server.url)
    if not has_lease:
        server.admin.flushall()
    both = fallback(cache, SilentDirectory() if has_lease else SqlDirectory(database))
    case(both, fill_both if has_lease else fill_sql)
    both.close()
    database.close()


def test_it_agrees_with_the_records(cache: RedisDirectory) -> None:
    for domain in DOMAINS:
        wanted = [Address(local, domain.name) for local in ("nobody", "@", "@c", "@l", *domain.names)]
        assert cache.lookup(wanted) == DIRECTORY.lookup(wanted)
    everything = [Address(local, domain.name) for domain in DOMAINS for local in domain.names]
    assert cache.lookup([*everything, NOWHERE]) == DIRECTORY.lookup(everything)


def test_a_lookup_is_one_round_trip(cache: RedisDirectory, server: RedisServer) -> None:
    cache.lookup([SALES])
    before = server.admin.info("commandstats")
    cache.lookup([JOHN.address, SALES, Address("nobody", "brand-b.test"), NOWHERE])
    after = server.admin.info("commandstats")
    made = {
        name.removeprefix("cmdstat_"): after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after
    }
    asked = {name: count for name, count in made.items() if count and name not in {"info", "client|setinfo", "hello"}}
    assert asked == {"eval_ro": 1, "mget": 1, "hmget": 4}  # within the script: the list of domains, three domains


@pytest.mark.parametrize(
    ("lease", "fresh"),
    [
        ("{format} {run_id}", True),
        ("1 {run_id}", False),
        ("2 {run_id}", False),
        ("4 {run_id}", False),
        ("{run_id}", False),
        ("{format}", False),
        ("", False),
        ("{format} {run_id} ", False),
        ("{format} 0123456789012345678901234567890123456789", False),  # of another run: a promoted replica, a restart
    ],
)
def test_only_a_lease_for_this_format_and_this_run(
    cache: RedisDirectory, server: RedisServer, lease: str, *, fresh: bool
) -> None:
    server.admin.set(layout.LEASE_KEY, lease.format(format=layout.FORMAT, run_id=server.run_id))
    assert cache.read([SALES]).is_fresh is fresh
    if not fresh:
        with pytest.raises(LookupFailed, match="no lease"):
            cache.lookup([SALES])


@pytest.mark.parametrize("number", [2, 3])
def test_an_older_format_beside_this_one(server: RedisServer, cache: RedisDirectory, number: int) -> None:
    """Its lease and its values say nothing here, in whatever state either of the two is, and stay as they are.

    Those of format 3 lay under keys without a hash tag once.
    """
    prefix = f"byname:{number}:"
    older = {
        key.replace(layout.PREFIX.encode(), prefix.encode()): server.admin.dump(key)
        for key in server.admin.keys(layout.PREFIX + "*")
    }
    for key, value in older.items():
        server.admin.restore(key, 0, value)
    server.admin.set(f"{prefix}lease", f"{number} {server.run_id}")
    server.admin.hset(f"{prefix}d:brand-b.test", "sales", "9 a7 1mallory")
    before = server.admin.dump(f"{prefix}d:brand-b.test")
    assert cache.lookup([SALES]) == DIRECTORY.lookup([SALES])
    server.admin.delete(layout.LEASE_KEY)
    with pytest.raises(LookupFailed, match="no lease"):
        cache.lookup([SALES])
    server.admin.delete(*server.admin.keys(layout.PREFIX + "*"))
    with pytest.raises(LookupFailed):
        cache.affirmed([SALES])
    assert server.admin.dump(f"{prefix}d:brand-b.test") == before


FAIR, GONE = Address("fair", "brand-a.test"), Address("gone", "brand-a.test")


@pytest.mark.parametrize(("asked", "at", "lives"), [(FAIR, NOW, True), (FAIR, NOW + 1, False), (GONE, NOW, False)])
def test_an_alias_ends_by_itself(
    cache: RedisDirectory, server: RedisServer, asked: Address, at: float, *, lives: bool
) -> None:
    """No relay touches the cache: first with its lease, then in grace."""
    recipient, policy = resolve(cache, Policy(), asked, at), Policy()
    assert isinstance(recipient, Deliver if lives else Reject)
    assert isinstance(authorise(cache, policy, str(JOHN.address), [asked], at), Allow if lives else Reject)
    header = [HeaderField("From", f" {asked}".encode())]
    assert isinstance(check_header(cache, policy, str(JOHN.address), header, at), Allow if lives else Reject)
    server.admin.delete(layout.LEASE_KEY)
    graced = fallback(cache, SilentDirectory())
    assert isinstance(resolve(graced, policy, asked, at), Deliver if lives else Defer)
    assert isinstance(authorise(graced, policy, str(JOHN.address), [asked], at), Allow if lives else Defer)
    assert isinstance(check_header(graced, policy, str(JOHN.address), header, at), Allow if lives else Defer)


def test_the_lease_says_what_it_says(server: RedisServer) -> None:
    assert lease_text("abc") == "3 abc"


def test_grace(cache: RedisDirectory, server: RedisServer) -> None:
    """Without a lease the facts hold as affirmed ones, for deliveries and permissions as long as each grace lasts."""
    wanted = [SALES, Address("nobody", "brand-b.test"), NOWHERE]
    server.admin.delete(layout.LEASE_KEY)
    found = cache.affirmed(wanted)
    assert isinstance(found, AffirmedFacts)
    assert (dict(found), found.may_send) == (DIRECTORY.lookup(wanted), True)
    server.admin.delete(layout.SENDER_GRACE_KEY)
    assert cache.affirmed(wanted).may_send is False
    server.admin.delete(layout.GRACE_KEY)
    with pytest.raises(LookupFailed, match="no grace"):
        cache.affirmed(wanted)
    vouch(server)
    assert cache.affirmed(wanted).may_send is True


def test_which_source_answers(cache: RedisDirectory, server: RedisServer) -> None:
    """Cache and SQL tell different things here, so that it shows who was asked."""
    registry = CollectorRegistry()
    both = FallbackDirectory(cache, MemoryDirectory([BRAND_A]), DirectoryMetrics(registry))
    silent = FallbackDirectory(cache, SilentDirectory(), DirectoryMetrics(registry2 := CollectorRegistry()))
    assert set(both.lookup([SALES])) == {"brand-b.test"}
    server.admin.delete(layout.LEASE_KEY)
    assert both.lookup([SALES]) == {}
    assert isinstance(silent.lookup([SALES]), AffirmedFacts)
    server.admin.delete(layout.GRACE_KEY)
    with pytest.raises(LookupFailed):
        silent.lookup([SALES])

    def counted(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert counted(registry, "byname_lookups_total", source="cache") == 1
    assert counted(registry, "byname_lookups_total", source="sql") == 1
    assert counted(registry2, "byname_lookups_total", source="grace") == 1
    assert counted(registry2, "byname_lookups_total", source="none") == 1
    assert counted(registry, "byname_cache_fallbacks_total", reason="no-lease") == 1
    assert counted(registry2, "byname_sql_failures_total", reason="error") == 2
    assert counted(registry, "byname_lookup_seconds_count", source="sql") == 1
    both.close()
    silent.close()


def test_a_listed_domain_without_its_hash_is_no_evidence(cache: RedisDirectory, server: RedisServer) -> None:
    server.admin.delete(layout.domain_key("brand-b.test"))
    with pytest.raises(LookupFailed, match="damaged"):
        cache.lookup([SALES])
    assert cache.lookup([JOHN.address]).keys() == {"brand-a.test"}


def test_a_domain_that_is_not_listed_is_not_hosted_whatever_else_is_there(
    cache: RedisDirectory, server: RedisServer
) -> None:
    server.admin.hset(layout.HOSTED_KEY, "brand-b.test", layout.tombstone(9))
    assert cache.lookup([SALES]) == {}
    server.admin.hdel(layout.HOSTED_KEY, "brand-b.test")
    assert cache.lookup([SALES]) == {}


def test_a_tombstone_is_an_absent_name(cache: RedisDirectory, server: RedisServer) -> None:
    server.admin.hset(layout.domain_key("brand-b.test"), "sales", layout.tombstone(9))
    assert cache.lookup([SALES])["brand-b.test"].names == {}
    assert cache.lookup([SALES])["brand-b.test"].catch_all == BRAND_B.catch_all


GARBAGE = [
    "",
    " ",
    "1",
    "1 ",
    "x",
    "0 m1",
    "1 m2",
    "1 q",
    "1 a9 1john",
    "-1 m1",
    "1 m1 ",
    "1 d3 - 1",
    "\x00",
    "\udcff",
    "1 h x",
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_garbage_value_is_no_evidence(cache: RedisDirectory, server: RedisServer, garbage: str) -> None:
    value = garbage.encode("utf-8", "surrogateescape")
    places = [
        (layout.HOSTED_KEY, layout.WHOLE),
        (layout.HOSTED_KEY, "brand-b.test"),
        *((layout.domain_key("brand-b.test"), field) for field in (layout.DOMAIN, layout.CATCH_ALL, "sales")),
    ]
    for key, field in places:
        before = server.admin.hget(key, field)
        server.admin.hset(key, field, value)
        with pytest.raises(LookupFailed, match="damaged"):
            cache.lookup([SALES])
        server.admin.hset(key, field, before)
    assert SALES.local in cache.lookup([SALES])["brand-b.test"].names


@pytest.mark.parametrize("key", [layout.HOSTED_KEY, layout.domain_key("brand-b.test"), layout.LEASE_KEY])
def test_a_key_of_another_type_is_no_evidence(cache: RedisDirectory, server: RedisServer, key: str) -> None:
    server.admin.delete(key)
    server.admin.lpush(key, "x")
    with pytest.raises(LookupFailed):
        cache.lookup([SALES])


def test_names_that_no_domain_can_have(server: RedisServer) -> None:
    """They are not hosted, and that needs no evidence: nothing is asked, not even with Redis away."""
    cache = RedisDirectory.open("unix:///nonexistent/redis.sock")
    assert cache.lookup([]) == {}
    assert cache.lookup([Address("x", "b\u00fccher.test"), Address("x", "a\x00b"), Address("x", "@l")]) == {}
