"""``byname cache`` and ``byname relay`` as people and service managers meet them."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from store.wire_format import layout
from tests.store.cli.command_line import CommandLine
from tests.store.cli.test_cli_daemons import PATIENCE, finished
from tests.store.redis_server import RedisServer

KEY = layout.domain_key("brand-b.test")


@pytest.fixture
def byname(sample: CommandLine, tmp_path: Path, redis_server: RedisServer) -> CommandLine:
    copy = sample.copied_to(tmp_path)
    copy.configure(f'cache.url = "{redis_server.url}"')
    return copy


def run(byname: CommandLine, command: str) -> tuple[int, str, str]:
    done = byname(*command.split())
    return done.code, done.out, done.err


def output(byname: CommandLine, command: str) -> str:
    code, out, err = run(byname, command)
    assert code == 0, (command, err)
    return out


@contextmanager
def relay(byname: CommandLine) -> Iterator["subprocess.Popen[str]"]:
    """A relay that has reported readiness and given the lease."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = f"byname-relay-test-{byname.folder.name}"
        manager.bind("\0" + name)
        manager.settimeout(PATIENCE)
        process = byname.start("relay", env={"NOTIFY_SOCKET": "@" + name})
        try:
            assert manager.recv(100) == b"READY=1"
            yield process
        finally:
            process.kill()
            process.communicate()


def eventually(check: Any, seconds: float = PATIENCE) -> float:
    started = time.monotonic()
    while not check():
        assert time.monotonic() - started < seconds
        time.sleep(0.01)
    return time.monotonic() - started


def test_rebuild_verify_stat(byname: CommandLine, redis_server: RedisServer) -> None:
    code, out, _ = run(byname, "cache verify")
    assert code == 1
    assert "brand-b.test: listed as hosted: the cache has -, the store h" in out
    assert re.search(
        r"\d+ domains and \d+ names are in the cache; \d+ fields put right", output(byname, "cache rebuild")
    )
    assert output(byname, "cache verify") == "the cache is in step with the store\n"
    redis_server.admin.hdel(KEY, "sales")
    code, out, _ = run(byname, "cache verify")
    assert code == 1
    assert out.splitlines() == [
        "brand-b.test: sales: the cache has -, the store a7 7john@brand-a.test",
        "1 differences",
    ]
    code, out, _ = run(byname, "cache verify --json")
    assert code == 1
    assert json.loads(out) == {
        "in_step": False,
        "differences": [{"domain": "brand-b.test", "field": "sales", "cache": None, "sql": "a7 7john@brand-a.test"}],
    }
    assert json.loads(output(byname, "cache rebuild --json"))["repaired"] == 1
    assert json.loads(output(byname, "cache verify --json")) == {"in_step": True, "differences": []}
    state = json.loads(output(byname, "cache stat --json"))
    assert (state["built"], state["lease"], state["policy"]) == (True, None, "noeviction")
    assert state["waiting"] > 0  # no relay has marked them
    assert state["version"] == state["store_version"]


def test_many_differences_are_cut(byname: CommandLine, redis_server: RedisServer) -> None:
    output(byname, "cache rebuild")
    redis_server.admin.hset(KEY, mapping={f"stranger{n}": "1 m1" for n in range(60)})
    _, out, _ = run(byname, "cache verify")
    assert out.splitlines()[-2:] == ["and 10 more; --all shows them", "60 differences"]
    _, out, _ = run(byname, "cache verify --all")
    assert len(out.splitlines()) == 61


def test_a_wrong_policy_is_told(byname: CommandLine, redis_server: RedisServer) -> None:
    redis_server.admin.config_set("maxmemory-policy", "allkeys-lru")
    _, out, err = run(byname, "cache stat")
    assert re.search(r"^policy +allkeys-lru$", out, re.MULTILINE)
    assert "byname: warning: Redis may drop names: its maxmemory-policy is allkeys-lru and must be noeviction" in err


@pytest.mark.parametrize("command", ["cache verify", "cache rebuild", "cache stat", "relay"])
def test_without_a_cache(byname: CommandLine, command: str) -> None:
    byname.configure()
    code, _, err = run(byname, command)
    assert code == 78
    assert "cache.url" in err
    assert "must be set for this command" in err


@pytest.mark.parametrize("command", ["cache verify", "cache rebuild", "cache stat"])
def test_an_absent_redis(byname: CommandLine, command: str) -> None:
    byname.configure(f'cache.url = "unix://{byname.folder}/nowhere.sock"')
    code, _, err = run(byname, command)
    assert code == 75
    assert err.splitlines()[-1] == "byname: unavailable: the cache cannot be reached"


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(
    ("command", "title"), [("rebuild", b"rebuilding the cache"), ("verify", b"comparing the cache with the store")]
)
def test_a_bar_on_a_terminal(byname: CommandLine, command: str, title: bytes, options: list[str]) -> None:
    """Whatever goes to standard output, which is a pipe here."""
    byname.succeed("cache rebuild")
    main, side = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    started = [sys.executable, "-m", "byname", "--config", str(byname.config), "cache", command, *options]
    done = subprocess.run(started, stdout=subprocess.PIPE, stderr=side, env=environment, timeout=60, check=False)
    os.close(side)
    assert done.returncode == 0
    assert title in os.read(main, 10_000)
    os.close(main)
    assert title not in done.stdout
    if options:
        json.loads(done.stdout)


@pytest.mark.parametrize("command", ["cache rebuild", "cache verify"])
def test_no_bar_in_a_pipe(byname: CommandLine, command: str) -> None:
    byname.succeed("cache rebuild")
    with byname.start(*command.split()) as process:
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_a_change_is_live(byname: CommandLine, redis_server: RedisServer) -> None:
    with relay(byname) as process:
        eventually(lambda: redis_server.admin.exists(layout.LEASE_KEY))
        code, out, err = run(byname, "alias add new@brand-b.test john@brand-a.test --json")
        assert code == 0
        assert json.loads(out)["propagation"] == "live"
        assert redis_server.admin.hexists(KEY, "new")
        _, _, err = run(byname, "alias remove new@brand-b.test")
        assert err == "byname: propagation: live\n"
        assert json.loads(output(byname, "account set acme --paid --json"))["propagation"] == "live"
        process.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        _, out, _ = run(byname, "alias add late@brand-b.test john@brand-a.test --json")
        assert json.loads(out)["propagation"] == "pending"
        assert time.monotonic() - started < 6  # most of it is the start of Python
        process.send_signal(signal.SIGCONT)
        eventually(lambda: redis_server.admin.hexists(KEY, "late"), 2)
        process.terminate()
        assert finished(process)[0] == 0
    byname.configure()
    assert "propagation" not in output(byname, "alias remove late@brand-b.test --json")


def test_the_relay_rebuilds_reloads_and_ends(byname: CommandLine, redis_server: RedisServer) -> None:
    admin = redis_server.admin
    with relay(byname) as process:
        eventually(lambda: admin.exists(layout.LEASE_KEY))
        admin.flushall()
        assert eventually(lambda: admin.exists(layout.LEASE_KEY)) < 3
        assert output(byname, "cache verify") == "the cache is in step with the store\n"
        byname.configure(f'cache.url = "{redis_server.url}"', "cache.grace = 7")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: 0 < int(str(admin.pttl(layout.GRACE_KEY))) <= 7000)
        byname.configure("nonsense.key = 1")
        process.send_signal(signal.SIGHUP)
        told = ""
        while "reload-failed" not in told:
            told += process.stderr.readline()  # type: ignore[union-attr]
        process.terminate()
        assert finished(process)[0] == 0
    assert 'reason="it was never built, or was emptied"' in told
    assert "reloaded" in told


def test_the_relay_outlives_an_absent_redis(byname: CommandLine) -> None:
    server = RedisServer()
    byname.configure(f'cache.url = "{server.url}"')
    try:
        with relay(byname) as process:
            time.sleep(0.5)
            server.start()
            eventually(lambda: server.admin.exists(layout.LEASE_KEY))
            server.kill()
            server.start()
            eventually(lambda: server.admin.exists(layout.LEASE_KEY))
            process.terminate()
            code, err = finished(process)
        assert code == 0
        assert err.count('relay-trouble state="the cache cannot be reached"') >= 1
    finally:
        server.remove()


def test_a_wrong_policy_is_loud(byname: CommandLine, redis_server: RedisServer) -> None:
    redis_server.admin.config_set("maxmemory-policy", "allkeys-lfu")
    with relay(byname) as process:
        line = ""
        while "cache-policy-wrong" not in line:
            line = process.stderr.readline()  # type: ignore[union-attr]
        assert "policy=allkeys-lfu" in line
        assert "lease=refused" in line
        assert not redis_server.admin.exists(layout.LEASE_KEY)


def test_a_database_that_was_moved_into_place(byname: CommandLine, redis_server: RedisServer) -> None:
    """The relay notices that the file is another one, and that it is older."""
    older = byname.database.with_suffix(".older")
    with relay(byname):
        eventually(lambda: redis_server.admin.exists(layout.LEASE_KEY))
        older.write_bytes(byname.database.read_bytes())
        output(byname, "alias add new@brand-b.test john@brand-a.test")
        assert redis_server.admin.hexists(KEY, "new")
        for ending in ("-wal", "-shm"):
            byname.database.with_name(byname.database.name + ending).unlink(missing_ok=True)
        older.replace(byname.database)
        eventually(
            lambda: not redis_server.admin.hexists(KEY, "new") or b" x" in bytes(redis_server.admin.hget(KEY, "new"))
        )
        eventually(lambda: redis_server.admin.exists(layout.LEASE_KEY))
        assert output(byname, "cache verify") == "the cache is in step with the store\n"
