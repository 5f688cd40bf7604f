"""The command line with a cache: ``explain`` side by side, a daemon's decisions, metrics and readiness."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from byname.sandbox.waiting import wait_until
from byname.telemetry import PORT_OF_ROLE, address_for
from conf.listen import InetSocket
from store.sql.database import Database
from store.wire_format import layout
from tests.store.cache.filled_cache import mirror
from tests.store.cli.command_line import CommandLine
from tests.store.cli.test_cli_daemons import DAEMONS, PATIENCE, asked, finished, running
from tests.store.redis_server import RedisServer, free_port


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def byname(sample: CommandLine, server: RedisServer, tmp_path: Path) -> CommandLine:
    """The sample site with a cache that says the same."""
    copy = sample.copied_to(tmp_path)
    copy.configure(f'cache.url = "{server.url}"')
    database = Database.open(f"sqlite:///{copy.database}")
    mirror(server, database)
    database.close()
    return copy


def seen(byname: CommandLine, *arguments: str) -> tuple[str, str, str | None, str, bool | None]:
    found = byname("explain", *arguments, "--json").data
    return found["verdict"], found["rule"], found["cache"], found["sql"], found["agree"]


def test_explain_in_step(byname: CommandLine) -> None:
    assert seen(byname, "sales@brand-b.test") == ("deliver", "alias", "deliver", "deliver", True)
    assert seen(byname, "nobody@brand-b.test") == ("reject", "unknown", "reject", "reject", True)
    assert seen(byname, "x@elsewhere.test") == ("not-ours", "not-hosted", "not-ours", "not-ours", True)
    sender = ("--login", "john@brand-a.test", "--from", "sales@brand-b.test")
    assert seen(byname, *sender) == ("allow", "owned", "allow", "allow", True)


def test_explain_out_of_step(byname: CommandLine) -> None:
    """The milter goes by the cache while somebody vouches for it."""
    byname.succeed("alias set sales@brand-b.test --disable")
    assert seen(byname, "sales@brand-b.test") == ("deliver", "alias", "deliver", "reject", False)
    lines = byname("explain", "sales@brand-b.test").out.splitlines()[-3:]
    assert [line.split("  ", 1) for line in map(_squeezed, lines)] == [
        ["by cache", "deliver to john@brand-a.test (alias)"],
        ["by SQL", "reject (alias-disabled)"],
        ["agree", "no"],
    ]


def _squeezed(line: str) -> str:
    return re.sub(" {2,}", "  ", line)


def test_explain_without_a_lease(byname: CommandLine, server: RedisServer) -> None:
    server.admin.delete(layout.LEASE_KEY)
    assert seen(byname, "sales@brand-b.test") == ("deliver", "alias", "defer", "deliver", None)


def test_explain_without_redis(byname: CommandLine) -> None:
    byname.configure('cache.url = "unix:///nonexistent/redis.sock"')
    assert seen(byname, "sales@brand-b.test") == ("deliver", "alias", "defer", "deliver", None)


STORES = {"file": "sqlite:////nonexistent/byname.db", "server": "postgresql://byname@127.0.0.1:9/byname"}


# whether the lease is there, address, exit code, verdict, rule, who answered
AWAY = [
    (True, "sales@brand-b.test", 0, "deliver", "alias", "cache"),
    (True, "nobody@brand-b.test", 1, "reject", "unknown", "cache"),
    (True, "x@elsewhere.test", 3, "not-ours", "not-hosted", "cache"),
    (False, "sales@brand-b.test", 0, "deliver", "alias", "grace"),
    (False, "nobody@brand-b.test", 75, "defer", "no-evidence", "grace"),
]


@pytest.mark.parametrize("store", sorted(STORES))
@pytest.mark.parametrize(("leased", "address", "code", "verdict", "rule", "answered_by"), AWAY)
def test_explain_without_the_store(
    byname: CommandLine,
    server: RedisServer,
    store: str,
    leased: bool,
    address: str,
    code: int,
    verdict: str,
    rule: str,
    answered_by: str,
) -> None:
    """As the milter would, which goes on when its store has gone."""
    byname.config.write_text(f'store.url = "{STORES[store]}"\ncache.url = "{server.url}"\n')
    if not leased:
        server.admin.delete(layout.LEASE_KEY)
    finished = byname("explain", address, "--json")
    found = finished.data
    assert (finished.code, found["verdict"], found["rule"]) == (code, verdict, rule)
    assert (found["answered_by"], found["sql"], found["agree"]) == (answered_by, "defer", None)
    assert finished.err.startswith("byname: warning: ")
    assert finished.err.endswith("; going on all the same\n")
    assert ("answered by  the cache under grace" in _squeezed(byname("explain", address).out)) is not leased


def test_explain_with_neither(byname: CommandLine) -> None:
    byname.config.write_text(f'store.url = "{STORES["file"]}"\ncache.url = "unix:///nonexistent/redis.sock"\n')
    finished = byname("explain", "sales@brand-b.test", "--json")
    assert (finished.code, finished.data["rule"], finished.data["answered_by"]) == (75, "no-evidence", None)


def test_a_cache_url_that_is_none(byname: CommandLine) -> None:
    byname.configure('cache.url = "redis://x:s3cret@h/name"')
    finished = byname("explain", "sales@brand-b.test")
    assert finished.code != 0
    assert "cache.url must have a number as database" in finished.err
    assert "s3cret" not in finished.err


def page(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_each_role_has_a_port_of_its_own() -> None:
    assert address_for("127.0.0.1:9464", "inbound") == InetSocket("127.0.0.1", 9464)
    assert address_for("[::1]:9464", "maps") == InetSocket("::1", 9467)
    assert len(set(PORT_OF_ROLE.values())) == len(PORT_OF_ROLE)


def test_a_daemon(byname: CommandLine, server: RedisServer) -> None:
    path, port = byname.folder / "maps.sock", free_port()
    byname.configure(
        f'cache.url = "{server.url}"',
        f'maps.listen = "unix:{path}"',
        f'metrics.listen = "127.0.0.1:{port - PORT_OF_ROLE["maps"]}"',
    )
    with running(byname, "maps"):
        assert asked(path, "aliases sales@brand-b.test") == "OK john@brand-a.test"
        wait_until(lambda: page(port, "/readyz") == (200, "cache: ok\nsql: ok\n"), PATIENCE, "the store")
        assert page(port, "/livez") == (200, "ok\n")
        assert page(port, "/elsewhere")[0] == 404

        byname.database.rename(byname.database.with_suffix(".away"))
        assert asked(path, "aliases sales@brand-b.test") == "OK john@brand-a.test"
        server.freeze()
        try:
            assert asked(path, "aliases sales@brand-b.test").startswith(("OK", "TEMP"))
        finally:
            server.thaw()
        time.sleep(1.1)
        assert asked(path, "aliases sales@brand-b.test") == "OK john@brand-a.test"
        status, metrics = page(port, "/metrics")
        assert status == 200
        for line in (
            'byname_lookups_total{source="cache"} ',
            'byname_cache_fallbacks_total{reason="timeout"} 1.0',
            "byname_cache_lease_age_seconds ",
            'byname_lookup_seconds_bucket{le="0.25",source="cache"}',
            "process_open_fds ",
        ):
            assert line in metrics


def test_not_ready(byname: CommandLine, server: RedisServer) -> None:
    path, port = byname.folder / "maps.sock", free_port()
    byname.config.write_text(
        f'store.url = "postgresql://byname@127.0.0.1:9/byname"\ncache.url = "{server.url}"\n'
        f'maps.listen = "unix:{path}"\nmetrics.listen = "127.0.0.1:{port - PORT_OF_ROLE["maps"]}"\n'
    )
    with running(byname, "maps"):
        silent = "cache: ok\nsql: the database gave no answer\n"
        wait_until(lambda: page(port, "/readyz") == (200, silent), PATIENCE, "a look at the store")
        server.admin.delete(layout.LEASE_KEY)
        status, told = page(port, "/readyz")
        assert (status, told.splitlines()[0]) == (503, "cache: no-lease")
        assert told.splitlines()[1] in {"sql: the database gave no answer", "sql: breaker"}  # after so many looks
        assert "byname_cache_lease_age_seconds NaN" in page(port, "/metrics")[1]
        assert asked(path, "aliases sales@brand-b.test") == "OK john@brand-a.test"  # grace
        assert asked(path, "aliases nobody@brand-b.test").startswith("TEMP ")
        server.admin.flushall()
        assert page(port, "/readyz")[0] == 503
        assert asked(path, "domains elsewhere.test").startswith("TEMP ")


@pytest.mark.parametrize(("command", "key"), DAEMONS[:2])
def test_a_store_that_is_none_ends_a_daemon(byname: CommandLine, server: RedisServer, command: str, key: str) -> None:
    """It serves from the cache before it looks at the store, and says then what it would have said at once."""
    byname.database.unlink()
    byname.configure(f'cache.url = "{server.url}"', f'{key} = "unix:{byname.folder}/s.sock"')
    with running(byname, command) as process:
        code, err = finished(process)
    assert code == 78
    assert err.splitlines()[-1].startswith("byname: store-not-ready: ")
    assert not (byname.folder / "s.sock").exists()


def test_a_busy_metrics_port_costs_no_mail(byname: CommandLine, server: RedisServer) -> None:
    path = byname.folder / "maps.sock"
    byname.configure(
        f'cache.url = "{server.url}"',
        f'maps.listen = "unix:{path}"',
        f'metrics.listen = "127.0.0.1:{server.port - PORT_OF_ROLE["maps"]}"',  # Redis itself is there
    )
    with running(byname, "maps") as process:
        assert asked(path, "aliases sales@brand-b.test") == "OK john@brand-a.test"
        assert "metrics-unavailable" in process.stderr.readline()  # type: ignore[union-attr]
