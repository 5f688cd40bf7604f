"""What ``byname doctor`` sees of store, cache and machine, beside real servers; no Postfix is looked at here."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from byname.doctor.facts import SocketState
from byname.doctor.probes.sockets import answers, listens
from byname.doctor.probes.system import processes
from byname.sandbox.ports import free_port
from conf.listen import InetSocket, UnixSocket
from conf.settings import settings_files
from store.services.sampling import some_names
from store.sql.database import Database
from store.sql.server_clock import server_time
from store.wire_format import layout
from tests.store.cache.filled_cache import mirror
from tests.store.cli.command_line import CommandLine
from tests.store.cli.test_cli_daemons import running
from tests.store.redis_server import RedisServer


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def cached(byname: CommandLine, server: RedisServer) -> CommandLine:
    """The sample site with a cache that says the same."""
    byname.configure(f'cache.url = "{server.url}"')
    database = Database.open(f"sqlite:///{byname.database}")
    mirror(server, database)
    database.close()
    with sqlite3.connect(byname.database) as outbox:  # as a relay leaves it
        outbox.execute("UPDATE outbox SET applied_at = created_at")
    outbox.close()
    return byname


def seen(byname: CommandLine, about: str = "") -> dict[str, str]:
    """What is not as it should be, by check, as far as its name begins so."""
    found = byname("doctor", "--postfix-config", str(byname.folder), "--json").data["findings"]
    return {
        one["check"]: one["severity"] for one in found if one["severity"] != "ok" and one["check"].startswith(about)
    }


def test_a_cache_in_step(cached: CommandLine) -> None:
    assert seen(cached, "cache") == seen(cached, "database") == seen(cached, "clock") == {}


def test_a_cache_out_of_step(cached: CommandLine) -> None:
    cached.succeed("alias set sales@brand-b.test --disable")
    with sqlite3.connect(cached.database) as outbox:
        outbox.execute("UPDATE outbox SET created_at = '2025-01-01 00:00:00.000000' WHERE applied_at IS NULL")
    outbox.close()
    assert seen(cached, "cache-lag") == {"cache-lag": "warning"}
    found = cached("doctor", "--postfix-config", str(cached.folder), "--json").data["findings"]
    (difference,) = (one for one in found if one["check"] == "cache-differs")
    assert (difference["severity"], "sales@brand-b.test" in difference["what"]) == ("error", True)


def test_a_cache_for_which_nobody_vouches(cached: CommandLine, server: RedisServer) -> None:
    server.admin.delete(layout.LEASE_KEY)
    assert seen(cached, "cache") == {"cache-lease": "warning"}


def test_a_cache_that_may_drop_names(cached: CommandLine, server: RedisServer) -> None:
    server.admin.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert seen(cached, "cache") == {"cache-policy": "warning"}
    finally:
        server.admin.config_set("maxmemory-policy", "noeviction")


def test_no_cache_and_one_that_is_away(byname: CommandLine) -> None:
    assert seen(byname, "cache") == {}
    byname.configure('cache.url = "unix:///nonexistent/redis.sock"')
    assert seen(byname, "cache") == {"cache": "warning"}


def test_a_database_that_is_not_there(byname: CommandLine) -> None:
    byname.database.unlink()
    assert seen(byname, "database") == {"database-revision": "error"}


DOMAINS = ("domain-proof", "domain-records", "domain-checks")


def test_domains_that_an_operator_vouched_for_need_no_look(byname: CommandLine) -> None:
    assert not seen(byname, "domain-").keys() & set(DOMAINS)


def test_domains_whose_proof_is_gone_and_that_nobody_looks_at(byname: CommandLine) -> None:
    with sqlite3.connect(byname.database) as database:
        long_ago = "2025-01-01 00:00:00.000000"
        database.execute("UPDATE domain_proofs SET last_checked_at = ?, missing_since = ?", (long_ago, long_ago))
        database.execute("UPDATE domains SET proof_lapsed = 1 WHERE name = 'brand-a.test'")
    database.close()
    found = byname("doctor", "--postfix-config", str(byname.folder), "--json").data["findings"]
    assert [(one["severity"], one["what"]) for one in found if one["check"] in DOMAINS and one["severity"] != "ok"] == [
        ("warning", "brand-a.test: the proof has lapsed"),
        ("notice", "brand-b.test: the proof is missing"),
        ("notice", "rival.test: the proof is missing"),
        ("notice", "3 domains were not looked at in the DNS for long, brand-a.test among them"),
    ]


def test_people_see_each_fault_with_its_line(byname: CommandLine) -> None:
    out = byname("doctor", "--postfix-config", str(byname.folder)).out
    assert "error     socket-missing: [maps] listen: there is no socket unix:/run/byname/maps.sock\n" in out
    assert "\n          to mend it: systemctl start byname-maps\n" in out
    assert "\n          noticed as: Mail is deferred with 451; A daemon does not start\n" in out
    assert "ok        database\n" not in out
    assert "ok        database\n" in byname("doctor", "--postfix-config", str(byname.folder), "--all").out


def test_the_clock_of_the_server(database: Database) -> None:
    with database.read() as tx:
        found = server_time(tx)
        name = tx.get_bind().dialect.name
    assert (found is None) == (name == "sqlite")
    assert found is None or abs(found.timestamp() - time.time()) < 60


def test_some_names(byname: CommandLine) -> None:
    """Of hosted domains only, each once."""
    database = Database.open(f"sqlite:///{byname.database}")
    with database.read() as tx:
        names, one = some_names(tx, 100), some_names(tx, 1)
    database.close()
    assert sorted(map(str, names)) == [
        "eve@rival.test",
        "info@brand-a.test",
        "john@brand-a.test",
        "mary@brand-a.test",
        "sales@brand-b.test",
    ]
    assert len(one) <= 1


def test_listeners(byname: CommandLine) -> None:
    """One that was killed leaves a socket behind."""
    path = byname.folder / "m.sock"
    byname.configure(f'maps.listen = "unix:{path}"')
    assert answers(UnixSocket(str(path)), "maps") is SocketState.MISSING
    with running(byname, "maps"):
        assert answers(UnixSocket(str(path)), "maps") is SocketState.LISTENING
    assert answers(UnixSocket(str(path)), "maps") is SocketState.SILENT
    port = free_port()
    assert not listens(InetSocket("127.0.0.1", port))
    assert answers(InetSocket("127.0.0.1", port), "milter") is SocketState.SILENT


def test_running_daemons() -> None:
    before = time.time()
    code = "import sys, time; print(flush=True); time.sleep(60)"
    command = ["/opt/byname/bin/byname", "-c", code, "milter", "--role", "inbound"]
    with subprocess.Popen(command, executable=sys.executable, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            (found,) = (one for one in processes() if one.pid == process.pid)
        finally:
            process.kill()
    assert found.command == "milter --role inbound"
    assert abs(found.started - before) < 60
    assert os.getpid() not in {one.pid for one in processes()}


def test_which_settings_files_hold_secrets(tmp_path: Path) -> None:
    main, more = tmp_path / "byname.toml", tmp_path / "conf.d" / "more.toml"
    more.parent.mkdir()
    main.write_text('store.url = "postgresql://byname@/byname"\ntrace.key_file = "/etc/byname/trace.key"\n')
    more.write_text('store.url = "postgresql://byname:s3cret@db/byname"\n')
    assert settings_files(main) == {str(main): False, str(more): True}
    more.write_text(f'trace.key = "{"k" * 40}"\n')
    assert settings_files(main)[str(more)]
