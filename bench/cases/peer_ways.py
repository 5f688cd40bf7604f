"""The peers bench's ways: filters of others in a Postfix of their own, over the same names in a Redis of their own."""

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import redis

from bench.cases.native_maps import Names
from bench.load.site import process_of
from byname.sandbox.errors import SandboxError
from byname.sandbox.processes import Daemon
from byname.sandbox.redis import PrivateRedis
from byname.sandbox.waiting import greets, wait_until

_PROGRAMS = Path(__file__).parents[1] / "peers"
_TIMEOUT = 60.0  # seconds; rspamd compiles its patterns first
_AT_ONCE = 1000  # names

# One rule and nothing else: no module of rspamd's own, no statistics. url_tld: it would compile 9,000 of them.
_RSPAMD = """\
lua = "{rule}";
options {{
  filters = ""; rrd = ""; history_file = ""; url_tld = "{folder}/tld"; tempdir = "{folder}";
  pidfile = "{folder}/pid"; control_socket = "{folder}/control"; cache_file = "{folder}/cache";
  hs_cache_dir = "{folder}"; dns {{ nameserver = ["127.0.0.1"]; }}
}}
logging {{ type = "console"; level = "notice"; }}
names {{ servers = "{redis}"; }}
actions {{ reject = 1000; }}
worker "rspamd_proxy" {{
  bind_socket = "{socket} mode=0666"; count = 1; milter = yes; timeout = 120s;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
"""


def has_rspamd() -> bool:
    """Return whether rspamd is installed: ``make bench`` does it, the tests go without."""
    return shutil.which("rspamd") is not None


@dataclass
class Peers:
    """Starts filters, each on a socket; the stack ends them. Each method returns a process id."""

    folder: Path
    names: Names
    stack: ExitStack

    def plain_milter(self, socket: Path) -> int:
        """pymilter and redis-py."""
        return self._python("plain_milter", f"unix:{socket}", socket)

    def policy_service(self, socket: Path) -> int:
        """A policy service."""
        return self._python("policy_service", str(socket), socket)

    def rspamd(self, socket: Path) -> int:
        """rspamd with one rule. Its folder is its own, and so is its configuration; the system's is not read."""
        if not has_rspamd():
            raise SandboxError("rspamd is not installed")
        place = self.folder / "rspamd"
        place.mkdir()
        (place / "tld").write_text("com\ntest\nexample\n")
        rule, redis_socket = _PROGRAMS / "rspamd_names.lua", self.redis.socket
        text = _RSPAMD.format(rule=rule, folder=place, redis=redis_socket, socket=socket)
        (place / "rspamd.conf").write_text(text)
        return self._daemon("rspamd", ["rspamd", "-f", "-i", "-c", str(place / "rspamd.conf")], socket)

    @cached_property
    def redis(self) -> PrivateRedis:
        """The Redis of the peers: one hash, from each address to its mailbox."""
        server = self.stack.enter_context(PrivateRedis(self.folder / "peers-redis"))
        mailboxes = [(name, name) for name, _ in self.names.mailboxes]
        with redis.Redis(unix_socket_path=str(server.socket)) as client:
            _fill(client, [*self.names.aliases, *mailboxes])
        return server

    def _python(self, program: str, address: str, socket: Path) -> int:
        command = [sys.executable, str(_PROGRAMS / f"{program}.py"), address, str(self.redis.socket)]
        return self._daemon(program, command, socket)

    def _daemon(self, name: str, command: Sequence[str], socket: Path) -> int:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("BYNAME_")}
        daemon = self.stack.enter_context(Daemon(command, self.folder / f"{name}.log", environ))
        wait_until(lambda: _is_up(daemon, socket), _TIMEOUT, name)
        return process_of(daemon)


def _is_up(daemon: Daemon, socket: Path) -> bool:
    daemon.check_running()
    return greets(socket, b"")


def _fill(client: "redis.Redis", pairs: Sequence[tuple[str, str]]) -> None:
    for first in range(0, len(pairs), _AT_ONCE):
        client.hset("names", mapping=dict(pairs[first : first + _AT_ONCE]))
