"""The rig's private Redis in a temporary folder of its own, with a client for tests."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import redis

from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.redis import PrivateRedis

__all__ = ["RedisServer", "free_port"]


class RedisServer(PrivateRedis):
    """Start, stop, kill and freeze one server. ``options`` are words of its command line, as in ``--save ''``."""

    def __init__(self, *options: str, password: str | None = None) -> None:
        bind = ("--bind", LOOPBACK, "127.0.0.2")  # the second is in no certificate
        more = ("--requirepass", password) if password else ()
        super().__init__(Path(tempfile.mkdtemp(prefix="byname-redis-")), *bind, *options, *more, port=free_port())
        self._password = password

    @property
    def admin(self) -> Any:
        """A client with all rights and patience, for tests: a ``redis.Redis``, whose types fit no simple use."""
        return redis.Redis(unix_socket_path=str(self.socket), password=self._password, socket_timeout=10)

    @property
    def run_id(self) -> str:
        return str(self.admin.info("server")["run_id"])

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)
