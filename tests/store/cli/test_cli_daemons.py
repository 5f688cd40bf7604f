"""``byname maps`` and ``byname milter`` as processes: readiness, reload, shutdown, what keeps them from starting."""

import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from byname.sandbox.ports import free_port
from byname.sandbox.waiting import wait_until
from edges.netstrings import Decoder, encode
from tests.store.cli.command_line import CommandLine

PATIENCE = 20.0
DAEMONS = [
    ("maps", "maps.listen"),
    ("milter --role inbound", "milter.inbound"),
    ("milter --role submission", "milter.submission"),
]


@contextmanager
def running(byname: CommandLine, command: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a daemon and wait until it reports readiness as systemd would hear it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = f"@byname-test-{os.getpid()}-{byname.folder.name}-{command.split()[-1]}"
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(PATIENCE)
        process = byname.start(*command.split(), env={"NOTIFY_SOCKET": name})
        try:
            assert manager.recv(100) == b"READY=1"
            yield process
        finally:
            process.kill()
            process.communicate()


def finished(process: "subprocess.Popen[str]") -> tuple[int, str]:
    out, err = process.communicate(timeout=PATIENCE)
    assert out == ""
    return process.returncode, err


def processors(process: "subprocess.Popen[str]") -> list[int]:
    """For each thread, on how many processors it may run."""
    return [len(os.sched_getaffinity(int(task.name))) for task in Path(f"/proc/{process.pid}/task").iterdir()]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="there is one processor only")
@pytest.mark.parametrize(("command", "key"), DAEMONS)
def test_those_who_answer_share_a_processor(byname: CommandLine, command: str, key: str) -> None:
    """The threads of the sessions, and not the one that waits for signals (conf/placement.py)."""
    byname.configure(f'{key} = "unix:{byname.folder}/s.sock"')
    with running(byname, command) as process:
        wait_until(lambda: 1 in processors(process), PATIENCE, "the thread that serves")
        assert len(os.sched_getaffinity(process.pid)) == len(os.sched_getaffinity(0))


def asked(path: Path, request: str) -> str:
    decoder = Decoder()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        client.sendall(encode(request.encode()))
        while (reply := decoder.next_string()) is None:
            decoder.receive(client.recv(1000))
    return reply.decode()


def test_maps_answer_reload_and_end(byname: CommandLine) -> None:
    path = byname.folder / "maps.sock"
    byname.configure(f'maps.listen = "unix:{path}"')
    with running(byname, "maps") as process:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert asked(path, "domains brand-a.test") == "OK brand-a.test"
        assert asked(path, "domains pending.test") == "NOTFOUND "
        assert asked(path, "aliases sales-x@brand-b.test") == "NOTFOUND "
        byname.succeed("domain add new.test --account acme --verified")
        assert asked(path, "domains new.test") == "OK new.test"  # a change is live at once

        byname.configure(f'maps.listen = "unix:{path}"', 'routing.recipient_delimiter = "-"')
        process.send_signal(signal.SIGHUP)
        assert "reloaded" in process.stderr.readline()  # type: ignore[union-attr]
        assert asked(path, "aliases sales-x@brand-b.test") == "OK john-x@brand-a.test"
        byname.configure("nonsense.key = 1")
        process.send_signal(signal.SIGHUP)
        assert "reload-failed" in process.stderr.readline()  # type: ignore[union-attr]
        assert asked(path, "aliases sales-x@brand-b.test") == "OK john-x@brand-a.test"

        with socket.socket(socket.AF_UNIX) as idle:
            idle.connect(str(path))
            process.terminate()
            assert finished(process)[0] == 0
        assert not path.exists()


def test_maps_say_temporary_while_the_database_is_away(byname: CommandLine) -> None:
    path = byname.folder / "maps.sock"
    byname.configure(f'maps.listen = "unix:{path}"')
    away = byname.database.with_suffix(".away")
    with running(byname, "maps"):
        byname.database.write_bytes(b"")  # emptied under our feet
        byname.database.rename(away)
        assert asked(path, "domains brand-a.test").startswith("TEMP ")
        assert asked(path, "domains elsewhere.test").startswith("TEMP ")
        assert asked(path, "senders john@brand-a.test").startswith("TEMP ")
        assert asked(path, "nonsense x").startswith("PERM ")


@pytest.mark.parametrize(("command", "key"), DAEMONS)
def test_a_second_instance_is_refused(byname: CommandLine, command: str, key: str) -> None:
    path = byname.folder / "s.sock"
    byname.configure(f'{key} = "unix:{path}"')
    with running(byname, command) as first:
        code, err = finished(byname.start(*command.split()))
        assert code == 75
        assert err.splitlines()[-1].startswith(f"byname: socket-busy: another process already serves unix:{path}")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        first.terminate()
        assert finished(first)[0] == 0


@pytest.mark.parametrize(("command", "key"), DAEMONS)
def test_a_killed_instance_is_no_obstacle(byname: CommandLine, command: str, key: str) -> None:
    path = byname.folder / "s.sock"
    byname.configure(f'{key} = "unix:{path}"')
    with running(byname, command) as first:
        first.kill()
        first.wait(PATIENCE)
        assert path.exists()
    with running(byname, command) as second:
        second.terminate()
        assert finished(second)[0] == 0


@pytest.mark.parametrize(("command", "key"), DAEMONS)
def test_a_busy_port_is_told(byname: CommandLine, command: str, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"inet:{taken.getsockname()[1]}@127.0.0.1"
        byname.configure(f'{key} = "{address}"')
        code, err = finished(byname.start(*command.split()))
    assert code == 75
    assert err.splitlines()[-1] == f"byname: socket-busy: another program already listens on {address}"


@pytest.mark.parametrize(("command", "key"), DAEMONS)
def test_a_missing_folder_is_told(byname: CommandLine, command: str, key: str) -> None:
    byname.configure(f'{key} = "unix:{byname.folder}/missing/s.sock"')
    code, err = finished(byname.start(*command.split()))
    assert code == 78
    assert err.splitlines()[-1].startswith(
        f"byname: cannot-listen: cannot listen on unix:{byname.folder}/missing/s.sock: "
    )


@pytest.mark.parametrize(("command", "key"), DAEMONS)
def test_inet_listener_ends_with_0(byname: CommandLine, command: str, key: str) -> None:
    port = free_port()
    byname.configure(f'{key} = "inet:{port}@127.0.0.1"')
    with running(byname, command) as process:
        with socket.create_connection(("127.0.0.1", port), PATIENCE):
            pass
        process.send_signal(signal.SIGINT)
        assert finished(process)[0] == 0


@pytest.mark.parametrize(("command", "key"), DAEMONS)
def test_a_silent_store_is_no_reason_not_to_start(byname: CommandLine, command: str, key: str) -> None:
    path = byname.folder / "s.sock"
    byname.config.write_text(
        f'store.url = "postgresql://byname@127.0.0.1:{free_port()}/byname"\n{key} = "unix:{path}"\n'
    )
    with running(byname, command) as process:
        if command == "maps":
            assert asked(path, "domains brand-a.test").startswith("TEMP ")
        process.terminate()
        code, err = finished(process)
    assert code == 0
    assert "going on all the same" in err
