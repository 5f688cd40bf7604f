"""A private Redis server in a temporary folder, reachable over a unix socket and, if asked for, over TCP or TLS."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

_READY_WITHIN = 20.0  # seconds


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


class RedisServer:
    """Start, stop, kill and freeze one server. ``options`` are words of its command line, as in ``--save ''``."""

    def __init__(self, *options: str, password: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="byname-redis-"))
        self.socket = self.folder / "redis.sock"
        self.port = free_port()
        self._password = password
        self._options = options + (("--requirepass", password) if password else ())
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def tcp_url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def admin(self) -> Any:
        """A redis.Redis with all rights and patience; Any, for its replies are typed for every case at once."""
        return redis.Redis(unix_socket_path=str(self.socket), password=self._password, socket_timeout=10)

    @property
    def run_id(self) -> str:
        found: Any = self.admin.info("server")
        return str(found["run_id"])

    def start(self, *, wait: bool = True, more: tuple[str, ...] = ()) -> None:
        words = ["--port", str(self.port), "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["redis-server", *words, "--save", "", "--appendonly", "no", *self._options, *more],
                stdout=log,
                stderr=log,
            )
        if wait:
            self._wait_until_ready()

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        if self._process is not None:
            self.thaw()
            self.kill()
        shutil.rmtree(self.folder)

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    def _end(self, how: signal.Signals) -> None:
        self._running.send_signal(how)
        self._running.wait(20)
        self._process = None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while True:
            try:
                self.admin.ping()
            except redis.RedisError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return
