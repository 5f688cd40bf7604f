"""``byname lmtp`` as a process: settings, signals, memory."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import greets, wait_until
from tests.mail.lmtp_edge import HEADER, MESSAGE, Client
from tests.mail.lmtp_store import ScriptedStore, store
from tests.store.cli.command_line import SAMPLE, CommandLine

JOHN, MARY, EVE = "john@brand-a.test", "mary@brand-a.test", "eve@rival.test"


@pytest.fixture
def byname(folder: Path) -> CommandLine:
    command_line = CommandLine(folder)
    command_line.succeed(*SAMPLE)
    return command_line


@pytest.fixture
def backend() -> Iterator[ScriptedStore]:
    with store() as running:
        yield running


@contextmanager
def serving(byname: CommandLine, backend: str, *more: str) -> Iterator[tuple[Daemon, Path]]:
    path = byname.folder / "lmtp.sock"
    byname.configure(f'lmtp.listen = "unix:{path}"', f'lmtp.backend = "{backend}"', *more)
    command = [sys.executable, "-m", "byname", "--config", str(byname.config), "lmtp"]
    with Daemon(command, byname.folder / "lmtp.log") as daemon:
        wait_until(lambda: greets(path, b"220 "), 20, "byname lmtp")
        yield daemon, path


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ([], "lmtp.backend"),
        (['lmtp.listen = "unix:/x/s"'], "lmtp.backend"),
        (['lmtp.backend = "unix:/x"'], "lmtp.listen"),
    ],
)
def test_settings_that_it_cannot_do_without(byname: CommandLine, lines: list[str], key: str) -> None:
    byname.configure(*lines)
    process = byname.start("lmtp")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 78
    assert f"byname: bad-configuration: settings: {key}: must be set for this command" in err


def test_it_is_silent_about_settings_that_act(byname: CommandLine, backend: ScriptedStore) -> None:
    with serving(byname, backend.address, f'trace.key = "{"k" * 32}"') as (daemon, path), Client(path) as client:
        assert client.deliver(["sales@brand-b.test"]) == ["250 2.0.0 <sales@brand-b.test> Saved"]
        assert daemon.log().endswith(
            "delivery rcpt=sales@brand-b.test rule=alias mailbox=john@brand-a.test verdict=deliver "
            'reply="250 2.0.0 <sales@brand-b.test> Saved"\n'
        )
    assert backend.kept[0].wire.startswith(b"X-Byname-Trace: ")


def test_a_change_is_live_at_once(byname: CommandLine, backend: ScriptedStore) -> None:
    with serving(byname, backend.address) as (_, path), Client(path) as client:
        assert client.deliver(["new@brand-a.test"]) == ["550 5.1.1 <new@brand-a.test>: user unknown"]
        byname.succeed("alias add new@brand-a.test mary@brand-a.test")
        assert client.deliver(["new@brand-a.test"]) == ["250 2.0.0 <new@brand-a.test> Saved"]
    assert backend.kept[0].mailbox == MARY


def test_sigterm_ends_it_with_0_and_sighup_reads_settings_again(byname: CommandLine, backend: ScriptedStore) -> None:
    with store() as other, serving(byname, backend.address) as (daemon, path):
        with Client(path) as client:
            client.deliver([JOHN])
            byname.configure(f'lmtp.listen = "unix:{path}"', f'lmtp.backend = "{other.address}"')
            daemon.send(signal.SIGHUP)
            wait_until(lambda: "reloaded role=lmtp" in daemon.log(), 10, "the reload")
            client.deliver([MARY])
            byname.configure("nonsense.key = 1")
            daemon.send(signal.SIGHUP)
            wait_until(lambda: "reload-failed" in daemon.log(), 10, "the failed reload")
            client.deliver([EVE])
        with Client(path):
            assert daemon.stop() == 0
        assert not path.exists()
    assert [kept.mailbox for kept in backend.kept + other.kept] == [JOHN, MARY, EVE]
    assert len(backend.kept) == 1


def test_a_second_instance_is_refused_and_a_killed_one_is_no_obstacle(
    byname: CommandLine, backend: ScriptedStore
) -> None:
    with serving(byname, backend.address) as (daemon, path):
        second = byname.start("lmtp")
        assert second.communicate(timeout=20)[1].splitlines()[-1].startswith("byname: socket-busy: another process")
        assert second.returncode == 75
        daemon.send(signal.SIGKILL)
        daemon.stop()
        assert path.exists()
    with serving(byname, backend.address) as (_, path), Client(path) as client:
        assert client.deliver([JOHN]) == [f"250 2.0.0 <{JOHN}> Saved"]


def test_inet_on_both_sides(byname: CommandLine, backend: ScriptedStore) -> None:
    port = free_port()
    byname.configure(f'lmtp.listen = "inet:{port}@127.0.0.1"', f'lmtp.backend = "{backend.address}"')
    process = byname.start("lmtp")
    try:
        wait_until(lambda: greets((LOOPBACK, port), b"220 "), 20, "byname lmtp")
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.communicate()


def test_memory_stays_flat_with_eight_times_ten_megabytes_at_once(byname: CommandLine, backend: ScriptedStore) -> None:
    wire = HEADER + b"\r\n" + (b"x" * 76 + b"\r\n") * 130_000
    assert len(wire) > 10_000_000
    replies: list[str] = []

    def deliver(path: Path) -> None:
        with Client(path) as client:
            replies.extend(client.deliver(["sales@brand-b.test", MARY], wire))

    with serving(byname, backend.address) as (daemon, path):
        with Client(path) as client:
            client.deliver([JOHN], MESSAGE)
        before = peak(daemon)
        workers = [threading.Thread(target=deliver, args=(path,)) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        after = peak(daemon)
    assert len(replies) == 16
    assert all(reply.startswith("250 ") for reply in replies), replies
    assert after - before < 60_000, (before, after)  # of 80 MB


def peak(daemon: Daemon) -> int:
    """Return the peak of the resident set in kB, proc(5)."""
    lines = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
