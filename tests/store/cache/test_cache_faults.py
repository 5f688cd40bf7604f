"""A Redis that hangs, dies, empties, refuses, lies or drags: the right facts or no evidence, and in time.

``lawful`` holds the cache against the truth; ``both`` is the same with SQL behind it, which must then know everything.
"""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from prometheus_client import CollectorRegistry

from byname.sandbox.waiting import wait_until
from routing.address import Address
from routing.directory import AffirmedFacts, Directory, LookupFailed
from routing.memory_directory import SilentDirectory
from store.cache.directory import RedisDirectory
from store.cache.fallback import FallbackDirectory
from store.cache.metrics import DirectoryMetrics
from store.wire_format import layout
from tests.store.cache.filled_cache import fill, vouch
from tests.store.cache.tcp_proxy import TcpProxy
from tests.store.redis_server import RedisServer
from tests.store.timing import within
from tests.unit.sample_site import DIRECTORY, DOMAINS

NAMES = [Address(local, domain.name) for domain in DOMAINS for local in (*domain.names, "nobody")]
ASKED = [*NAMES, Address("x", "elsewhere.test"), Address("y", "nowhere.test")]
IN_TIME = 1.0  # seconds, as long as a decision may take: for a look-up that the cache alone gives up after 0.25


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    fill(server, DOMAINS)
    yield server
    server.remove()


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[TcpProxy]:
    proxy = TcpProxy(server.socket)
    yield proxy
    proxy.close()


def both(cache: RedisDirectory, sql: Directory = DIRECTORY) -> FallbackDirectory:
    return FallbackDirectory(cache, sql, DirectoryMetrics(CollectorRegistry()))


def lawful(cache: Directory, asked: Sequence[Address] = ASKED) -> int:
    """Ask for each name; return how many were answered, each with the truth."""
    answered = 0
    for address in asked:
        try:
            found = cache.lookup([address])
        except LookupFailed:
            continue
        assert found == DIRECTORY.lookup([address]), address
        answered += 1
    return answered


def knows_everything(directory: Directory, *, within_seconds: float) -> None:
    """Expect the truth about every name, as evidence, the slowest within that time."""
    for address in ASKED:
        with within(within_seconds):
            found = directory.lookup([address])
        assert not isinstance(found, AffirmedFacts)
        assert found == DIRECTORY.lookup([address])


def test_healthy(server: RedisServer) -> None:
    assert lawful(RedisDirectory.open(server.url)) == len(ASKED)
    knows_everything(both(RedisDirectory.open(server.url), SilentDirectory()), within_seconds=0.25)


def freeze(server: RedisServer) -> Callable[[], None]:
    server.freeze()
    return server.thaw


def pause(server: RedisServer) -> Callable[[], None]:
    server.admin.execute_command("CLIENT", "PAUSE", "3000", "ALL")
    return lambda: time.sleep(3)


@pytest.mark.parametrize("hang", [freeze, pause])
@pytest.mark.parametrize("is_connected", [True, False])
def test_a_redis_that_hangs(
    server: RedisServer, hang: Callable[[RedisServer], Callable[[], None]], *, is_connected: bool
) -> None:
    cache = RedisDirectory.open(server.url)
    directory = both(cache)
    if is_connected:
        knows_everything(directory, within_seconds=0.5)
    end = hang(server)
    with within(IN_TIME), pytest.raises(LookupFailed, match="timeout"):
        cache.lookup(ASKED)
    with within(2.5):  # the first costs 0.25 s, and a probe a second after that
        knows_everything(directory, within_seconds=IN_TIME)
    end()
    time.sleep(1.1)
    assert lawful(cache) == len(ASKED)
    assert directory.health() == {"cache": "ok", "sql": "ok"}


def test_64_lookups_while_redis_hangs(server: RedisServer) -> None:
    cache = RedisDirectory.open(server.url)
    directory = both(cache)
    directory.lookup(ASKED)
    server.freeze()
    took: list[float] = []

    def ask() -> None:
        for _ in range(20):
            started = time.monotonic()
            assert directory.lookup([NAMES[0]]) == DIRECTORY.lookup([NAMES[0]])
            took.append(time.monotonic() - started)

    threads = [threading.Thread(target=ask) for _ in range(64)]
    with within(4):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(took) == 64 * 20
    assert max(took) < 1.25
    server.thaw()


@pytest.mark.parametrize("piece", [65_536, 1])
def test_slow_network(proxy: TcpProxy, piece: int) -> None:
    """Late as a whole or byte by byte, where each byte alone is in time."""
    cache = RedisDirectory.open(proxy.url)
    directory = both(cache)
    knows_everything(directory, within_seconds=0.5)
    proxy.piece, proxy.delay = piece, 0.3 if piece > 1 else 0.02
    with within(4):
        knows_everything(directory, within_seconds=IN_TIME)
    proxy.delay = 0.0
    wait_until(lambda: directory.health()["cache"] == "ok", 10, "the cache")
    assert lawful(directory) == len(ASKED)


def test_slow_but_in_time(proxy: TcpProxy) -> None:
    proxy.delay = 0.05
    knows_everything(both(RedisDirectory.open(proxy.url), SilentDirectory()), within_seconds=IN_TIME)


def test_half_open_connections(proxy: TcpProxy) -> None:
    """All pooled connections are dead without a sign; the first question after finds that out for the others too."""
    cache = RedisDirectory.open(proxy.url)
    directory = both(cache)
    threads = [threading.Thread(target=directory.lookup, args=(ASKED,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    proxy.swallows = True
    with within(IN_TIME), pytest.raises(LookupFailed, match="timeout"):
        cache.lookup(ASKED)
    proxy.swallows = False  # for new ones; what was swallowed is gone
    with within(IN_TIME):
        assert lawful(cache, ASKED[:3]) == 3
    knows_everything(directory, within_seconds=IN_TIME)


@pytest.mark.parametrize("url", ["unix:///nonexistent/redis.sock", "redis://127.0.0.1:9", "rediss://127.0.0.1:9"])
def test_away(url: str) -> None:
    cache = RedisDirectory.open(url)
    with within(IN_TIME), pytest.raises(LookupFailed, match="unreachable"):
        cache.lookup(ASKED)
    knows_everything(both(cache), within_seconds=IN_TIME)


def test_killed_and_empty_again(server: RedisServer) -> None:
    cache = RedisDirectory.open(server.url)
    directory = both(cache)
    knows_everything(directory, within_seconds=0.5)
    server.kill()
    knows_everything(directory, within_seconds=IN_TIME)
    server.socket.unlink(missing_ok=True)
    server.start()
    assert lawful(cache) == 0  # nothing about anybody: an empty cache proves nothing
    knows_everything(directory, within_seconds=IN_TIME)
    fill(server, DOMAINS)
    assert lawful(cache) == len(ASKED)  # and the lost connections are replaced without a failure


def test_restarted_from_an_old_snapshot(server: RedisServer) -> None:
    """The lease came back from disk with the names, but it was given for another run."""
    cache = RedisDirectory.open(server.url)
    old = [domain for domain in DOMAINS if domain.name != "brand-b.test"]
    fill(server, old)
    server.admin.save()
    fill(server, DOMAINS)
    assert lawful(cache) == len(ASKED)
    server.kill()
    server.start()
    assert server.admin.exists(layout.LEASE_KEY)
    assert lawful(cache) == 0
    vouch(server)
    assert cache.lookup([Address("sales", "brand-b.test")]) == {}  # now somebody vouches for it


def test_flushed(server: RedisServer) -> None:
    cache = RedisDirectory.open(server.url)
    directory = both(cache)
    server.admin.flushall()
    assert lawful(cache) == 0
    knows_everything(directory, within_seconds=IN_TIME)


@pytest.mark.parametrize("seed", range(6))
def test_random_keys_deleted(server: RedisServer, seed: int) -> None:
    cache = RedisDirectory.open(server.url)
    directory = both(cache)
    dice = random.Random(seed)
    keys = sorted(server.admin.keys())
    counts = []
    for key in dice.sample(keys, len(keys)):
        server.admin.delete(key)
        counts.append(lawful(cache))
        knows_everything(directory, within_seconds=IN_TIME)
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


def test_evicted_under_allkeys_lru(server: RedisServer) -> None:
    cache = RedisDirectory.open(server.url)
    directory = both(cache)
    used = int(server.admin.info("memory")["used_memory"])
    server.admin.config_set("maxmemory-policy", "allkeys-lru")
    server.admin.config_set("maxmemory", used + 300_000)
    counts = set()
    for number in range(400):
        server.admin.set(f"other:{number}", "x" * 4000)
        if number % 20 == 0:
            counts.add(lawful(cache))
    assert len(counts) > 1
    knows_everything(directory, within_seconds=IN_TIME)


def test_out_of_memory_without_eviction(server: RedisServer) -> None:
    """Writes fail, so nobody renews the lease; until it ends what is read is right."""
    cache = RedisDirectory.open(server.url)
    server.admin.config_set("maxmemory-policy", "noeviction")
    server.admin.config_set("maxmemory", 1)
    assert lawful(cache) == len(ASKED)
    server.admin.pexpire(layout.LEASE_KEY, 1)
    time.sleep(0.05)
    assert lawful(cache) == 0
    knows_everything(both(cache), within_seconds=IN_TIME)


def test_loading(server: RedisServer) -> None:
    cache = RedisDirectory.open(server.url)
    assert lawful(cache, ASKED[:1]) == 1
    pipe = server.admin.pipeline()
    for number in range(3000):
        pipe.set(f"other:{number}", "x")
    pipe.execute()
    server.admin.save()
    server.kill()
    server.start(wait=False, more=("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"))
    seen = set()
    for _ in range(40):
        with within(IN_TIME), pytest.raises(LookupFailed) as error:
            cache.lookup(ASKED)
        seen.add(str(error.value))
        time.sleep(0.02)
    assert "the cache gave no evidence: loading" in seen
    knows_everything(both(cache), within_seconds=IN_TIME)


def test_a_replica(server: RedisServer) -> None:
    """It holds everything, the lease too, and may be stale without a sign: never evidence."""
    replica = RedisServer()
    replica.start(more=("--replicaof", "127.0.0.1", str(server.port)))
    cache = RedisDirectory.open(replica.url)
    try:
        deadline = time.monotonic() + 20
        while not replica.admin.exists(layout.LEASE_KEY):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert lawful(cache) == 0
        assert cache.affirmed(ASKED[:1]) == DIRECTORY.lookup(ASKED[:1])
        replica.admin.replicaof("NO", "ONE")  # promoted: nobody has looked yet what it lost
        assert lawful(cache) == 0
        vouch(replica)
        assert lawful(cache) == len(ASKED)
        replica.admin.config_set("replica-serve-stale-data", "no")
        replica.admin.replicaof("127.0.0.1", "9")
        assert lawful(cache) == 0
        knows_everything(both(cache), within_seconds=IN_TIME)
    finally:
        replica.remove()


def test_the_name_leads_to_another_server_now(server: RedisServer, proxy: TcpProxy) -> None:
    """The connections lead to a former master, which nobody vouches for any more; they are not kept for ever."""
    cache = RedisDirectory.open(proxy.url)
    assert lawful(cache) == len(ASKED)
    successor = RedisServer()
    successor.start()
    try:
        fill(successor, DOMAINS)
        proxy.target = successor.socket
        server.admin.delete(layout.LEASE_KEY)
        assert lawful(cache, ASKED[:1]) == 0
        assert lawful(cache) == len(ASKED)
    finally:
        successor.remove()


def test_a_server_that_is_none() -> None:
    """Whatever answers there, it is no evidence."""
    answers = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"$5\r\nhello\r\n" * 50,
        b"\x00" * 4000,
        b"*-1\r\n" * 50,
        b"-ERR\r\n" * 50,
    ]
    for reply in answers:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def answer_all(listener: socket.socket = listener, reply: bytes = reply) -> None:
                try:
                    while True:
                        client, _ = listener.accept()
                        with client:
                            client.recv(1000)
                            client.sendall(reply)
                except OSError:
                    return

            threading.Thread(target=answer_all, daemon=True).start()
            cache = RedisDirectory.open(f"redis://127.0.0.1:{listener.getsockname()[1]}")
            with within(1), pytest.raises(LookupFailed):
                cache.lookup(ASKED)
            knows_everything(both(cache), within_seconds=1)
            listener.shutdown(socket.SHUT_RDWR)
