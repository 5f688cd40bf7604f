"""The service manager's messages, and one owner per unix socket."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from conf.service import ListenError, SocketBusy, SocketLock, notify


@pytest.mark.parametrize("name", ["{folder}/notify", "@byname-test-{pid}"])
def test_notify_sends_one_datagram(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = name.format(folder=tmp_path, pid=os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify("READY=1\nSTATUS=bereit \u2713")
        assert manager.recv(200).decode() == "READY=1\nSTATUS=bereit \u2713"


@pytest.mark.parametrize("address", [None, "", "relative", "/nowhere/at/all", "@nobody-listens", "/" + "x" * 300])
def test_notify_is_silent_without_a_manager(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


def left_by_a_dead_process(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()


def test_a_stale_socket_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    left_by_a_dead_process(path)
    with SocketLock(path):
        assert not path.exists()


def test_a_second_owner_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with SocketLock(path):
        left_by_a_dead_process(path)
        with pytest.raises(SocketBusy, match=r"another process already serves unix:.*/s \(it holds .*/s\.lock\)"):
            SocketLock(path)
        assert path.exists()
    SocketLock(path).release()


def test_a_stranger_without_a_lock_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(path))
        stranger.listen()
        with pytest.raises(SocketBusy, match="another program already listens on unix:"):
            SocketLock(path)
        assert path.exists()
    SocketLock(path).release()


def test_a_file_in_the_way_stays(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(ListenError, match="something that is not a socket is there"):
        SocketLock(path)
    assert path.read_text() == "precious"


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match=r"cannot listen on unix:.*: No such file or directory"):
        SocketLock(tmp_path / "missing" / "s")


def test_a_lock_file_is_never_followed_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "s.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ListenError):
        SocketLock(tmp_path / "s")
    assert not (tmp_path / "elsewhere").exists()


def test_a_killed_owner_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "s"
    holder = "import sys, time, conf.service as s; lock = s.SocketLock(sys.argv[1]); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holder, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(SocketBusy):
            SocketLock(path)
        process.send_signal(signal.SIGKILL)
    SocketLock(path).release()


def test_release_twice(tmp_path: Path) -> None:
    lock = SocketLock(tmp_path / "s")
    lock.release()
    lock.release()
