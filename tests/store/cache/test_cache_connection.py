"""Every way to a Redis: unix socket, TCP, TLS, passwords, users with few rights, sentinels; and URLs that are none."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from byname.sandbox.redis_cluster import is_well
from byname.sandbox.waiting import wait_until
from routing.directory import LookupFailed
from routing.records import HostedDomain
from store.cache.connection import open_pool
from store.cache.directory import RedisDirectory
from store.dead_peers import GIVEN_UP_AFTER, PROBED_EVERY, SOCKET_OPTIONS
from store.errors import StoreNotReady
from store.wire_format import layout
from tests.store.cache.filled_cache import fill
from tests.store.redis_cluster import node
from tests.store.redis_server import RedisServer, free_port
from tests.unit.sample_site import DIRECTORY, DOMAINS, JOHN

SECRET = "s3cr:t@/?#%"
IN_URL = "s3cr%3At%40%2F%3F%23%25"
READER_RIGHTS = ("+eval_ro", "+mget", "+hmget", "+get", "+pttl", "+info", "~byname:*")
ASKED = [JOHN.address]
_FILES = (("cert", "cert"), ("key", "key"), ("ca-cert", "cert"))


def filled(server: RedisServer) -> RedisServer:
    server.start()
    fill(server, DOMAINS)
    return server


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """With a password for the administrator, and a user who may only read."""
    server = filled(RedisServer(password=SECRET))
    server.admin.execute_command("ACL", "SETUSER", "milter", "on", f">{SECRET}", *READER_RIGHTS)
    yield server
    server.remove()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=redis"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command.split(), *files, *names], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def tls_server(certificate: Path) -> Iterator[tuple[RedisServer, int]]:
    port = free_port()
    files = ("--tls-cert-file", f"{certificate}/cert.pem", "--tls-key-file", f"{certificate}/key.pem")
    server = filled(RedisServer("--tls-port", str(port), *files, "--tls-auth-clients", "no"))
    yield server, port
    server.remove()


def answers(url: str) -> bool:
    return asked(url) == DIRECTORY.lookup(ASKED)


def refusal(url: str) -> str:
    with pytest.raises(LookupFailed) as error:
        asked(url)
    assert "s3cr" not in repr(error.value) + repr(error.value.__cause__) + str(error.value.__cause__)
    return str(error.value).rpartition(": ")[2]


def asked(url: str) -> Mapping[str, HostedDomain]:
    """Ask, and again while it comes too late: a busy machine may take longer than a milter waits."""
    with closing(RedisDirectory.open(url)) as directory:
        for _ in range(20):
            try:
                return directory.lookup(ASKED)
            except LookupFailed as error:
                if not str(error).endswith(": timeout"):
                    raise
    raise AssertionError("it is late every time")


@pytest.mark.parametrize(
    "url",
    [
        f"unix://:{IN_URL}@{{socket}}",
        f"unix://:{IN_URL}@{{socket}}?db=0",
        f"redis://:{IN_URL}@127.0.0.1:{{port}}",
        f"redis://default:{IN_URL}@localhost:{{port}}/0",
        f"redis://milter:{IN_URL}@127.0.0.1:{{port}}/0",
        f"unix://milter:{IN_URL}@{{socket}}",
    ],
)
def test_ways_that_lead_there(server: RedisServer, url: str) -> None:
    assert answers(url.format(socket=server.socket, port=server.port))


def test_a_machine_that_says_nothing_is_given_up_by_the_kernel(server: RedisServer) -> None:
    pool = open_pool(f"redis://:{IN_URL}@127.0.0.1:{server.port}", timeout=1, connections=1)
    connection: Any = pool.get_connection()
    found = [connection._sock.getsockopt(socket.IPPROTO_TCP, option) for option in SOCKET_OPTIONS]
    connection.disconnect()
    assert found == [PROBED_EVERY, PROBED_EVERY, GIVEN_UP_AFTER * 1000]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("unix://{socket}", "denied"),
        ("unix://:wrong@{socket}", "denied"),
        (f"redis://nobody:{IN_URL}@127.0.0.1:{{port}}", "denied"),
        (f"redis://milter:{IN_URL}@127.0.0.1:{{port}}/3", "denied"),  # may not SELECT
    ],
)
def test_who_is_not_let_in(server: RedisServer, url: str, reason: str) -> None:
    assert refusal(url.format(socket=server.socket, port=server.port)) == reason


def test_a_reader_cannot_write(server: RedisServer) -> None:
    pool = open_pool(f"unix://milter:{IN_URL}@{server.socket}", timeout=1, connections=1)
    connection: Any = pool.get_connection()
    for command in (f"SET {layout.LEASE_KEY} x", f"HSET {layout.HOSTED_KEY} x y", "GET other", "KEYS *", "FLUSHALL"):
        connection.send_command(*command.split())
        with pytest.raises(Exception, match=r"[Nn]o permissions"):
            connection.read_response()
    connection.disconnect()


@pytest.mark.parametrize("right", READER_RIGHTS)
def test_a_right_that_is_missing_shows(server: RedisServer, right: str) -> None:
    if right in {"+get", "+pttl"}:  # only for the age of the lease
        return
    rest = [other for other in READER_RIGHTS if other != right]
    server.admin.execute_command("ACL", "SETUSER", "lesser", "reset", "on", f">{SECRET}", *rest)
    assert refusal(f"unix://lesser:{IN_URL}@{server.socket}") in {"denied", "error"}


def test_another_database_is_another_cache(server: RedisServer) -> None:
    """It is empty, so it has no lease."""
    assert refusal(f"unix://:{IN_URL}@{server.socket}?db=3") == "the cache has no lease"


def test_tls(tls_server: tuple[RedisServer, int], certificate: Path) -> None:
    _, port = tls_server
    trusted = f"ssl_ca_certs={certificate}/cert.pem"
    assert answers(f"rediss://localhost:{port}/0?{trusted}")
    assert answers(f"rediss://127.0.0.1:{port}?{trusted}&ssl_check_hostname=yes")
    assert answers(f"rediss://localhost:{port}?ssl_cert_reqs=none")
    assert refusal(f"rediss://localhost:{port}") == "unreachable"  # a certificate that nobody vouches for
    assert refusal(f"redis://localhost:{port}") in {"unreachable", "error"}


def test_a_cluster_over_tls(certificate: Path) -> None:
    """A node that is alone, and so knows no name of its own; it names the port that answers to TLS."""
    port, trusted = free_port(), f"ssl=yes&ssl_ca_certs={certificate}/cert.pem"
    files = (f"--tls-{kind}-file {certificate}/{name}.pem" for kind, name in _FILES)
    server = node("--tls-port", str(port), *" ".join(files).split(), "--tls-auth-clients", "no", "--tls-cluster", "yes")
    server.start()
    try:
        server.admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: is_well(server), 10, "a cluster of one")
        fill(server, DOMAINS)
        assert answers(f"redis+cluster://localhost:{port}?{trusted}")
        assert answers(f"redis+cluster://127.0.0.1:1,localhost:{port}?{trusted}")
        assert refusal(f"redis+cluster://127.0.0.2:{port}?{trusted}") == "unreachable"  # not the certificate's name
        assert answers(f"redis+cluster://localhost:{server.port}")
    finally:
        server.remove()


def test_tls_checks_the_name(tls_server: tuple[RedisServer, int], certificate: Path) -> None:
    _, port = tls_server
    trusted = f"ssl_ca_certs={certificate}/cert.pem"
    assert refusal(f"rediss://127.0.0.2:{port}?{trusted}") == "unreachable"
    assert answers(f"rediss://127.0.0.2:{port}?{trusted}&ssl_check_hostname=no")


def test_sentinels(server: RedisServer, tmp_path: Path) -> None:
    """The first of two sentinels is dead; the other one names the master."""
    port, dead = free_port(), free_port()
    config = tmp_path / "sentinel.conf"
    config.write_text(
        f"port {port}\ndir {tmp_path}\nsentinel monitor names 127.0.0.1 {server.port} 1\n"
        f'sentinel auth-pass names "{SECRET}"\n'
    )
    process = subprocess.Popen(["redis-server", str(config), "--sentinel"], stdout=subprocess.DEVNULL)
    try:
        url = f"redis+sentinel://milter:{IN_URL}@127.0.0.1:{dead},127.0.0.1:{port}/names"
        deadline = time.monotonic() + 20
        while True:
            try:
                assert answers(url)
                break
            except LookupFailed:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert answers(f"{url}/0")
        assert refusal(url.replace("/names", "/other")) == "unreachable"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://x:s3cret@h", "must start with redis://"),
        ("redis://x:s3cret@", "must name a host"),
        ("redis://x:s3cret@h:99999", "must have a port"),
        ("redis://x:s3cret@h:port", "must have a port"),
        ("redis://x:s3cret@h/name", "must have a number as database"),
        ("redis://x:s3cret@h/1/2", "more in its path"),
        ("redis://x:s3cret@h?socket_timeout=9", "none of: db"),
        ("redis://x:s3cret@h?ssl_ca_certs=/x", "none of: db"),
        ("rediss://x:s3cret@h?ssl_cert_reqs=maybe", "ssl_cert_reqs=required or none"),
        ("rediss://x:s3cret@h?ssl_check_hostname=maybe", "ssl_check_hostname=yes or no"),
        ("unix://x:s3cret@", "must name a socket"),
        ("unix://x:s3cret@/tmp/", "must name a socket"),
        ("unix:///s?db=x", "must have a number as database"),
        ("redis+sentinel://x:s3cret@h:1", "must name the service"),
        ("redis+sentinel://x:s3cret@h:1,:2/names", "must name a host"),
        ("redis+sentinel://x:s3cret@h:1,h:x/names", "must have a port"),
        ("redis+sentinel://x:s3cret@h:1/names?ssl=perhaps", "ssl=yes or no"),
        ("redis+cluster://x:s3cret@h:1/1", "none but 0"),
        ("redis+cluster://x:s3cret@h:1,:2", "must name a host"),
        ("redis+cluster://x:s3cret@h:1,h:x", "must have a port"),
        ("redis+cluster://x:s3cret@h?ssl=perhaps", "ssl=yes or no"),
        ("redis://[x:s3cret@h", ""),
    ],
)
def test_urls_that_are_none(url: str, rule: str) -> None:
    with pytest.raises(StoreNotReady, match=r"cache\.url") as error:
        open_pool(url, timeout=1, connections=1)
    assert rule in str(error.value)
    assert "s3cret" not in str(error.value)
    assert error.value.__cause__ is None
