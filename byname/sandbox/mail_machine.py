"""One machine of a topology for mail: Postfix, Dovecot for logins, Byname's daemons, a replica of Redis in most.

The files that configure it are samples of ``conf/topologies``, as they are, but for the folder of sockets.
"""

import tomllib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from byname.sandbox.network import Machine
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.redis import PrivateRedis
from byname.sandbox.running_site import RunningSite
from byname.sandbox.site import PrivateSite
from conf.listen import InetSocket, parse_socket

DAEMONS = ("inbound", "submission", "maps", "lmtp")
_SECTION_OF = {"maps": ("maps", "listen"), "lmtp": ("lmtp", "listen")}  # the milters' keys are the roles
_MAIL_STORE = "unix:/run/dovecot/lmtp"


class SampleRedis(PrivateRedis):
    """A Redis that a file configures: its port and addresses, and whom it follows.

    Each start is from the file as it was: sentinels let a server write whom it follows into its own.
    """

    def __init__(self, folder: Path, config: Path, *options: str) -> None:
        super().__init__(folder, *options)
        self._config = config

    def command(self) -> list[str]:
        """Return the command line."""
        own = self.folder / "redis.conf"
        own.write_text(self._config.read_text())
        place = ["--dir", str(self.folder), "--unixsocket", str(self.socket)]
        return ["redis-server", str(own), *place, *self._options]


@dataclass(slots=True)
class MailMachine(PrivateSite):
    """A mail machine; a context manager. Its mail goes into a sink; ``fill`` says which logins there are."""

    machine: Machine = field(kw_only=True)
    samples: Path = field(kw_only=True)  # the topology's folder

    def __post_init__(self) -> None:
        """Take the ports from the sample."""
        settings = tomllib.loads((self.samples / "mx.toml").read_text())
        for name in DAEMONS:
            section, key = _SECTION_OF.get(name, ("milter", name))
            place = parse_socket(settings[section][key])
            assert isinstance(place, InetSocket)  # noqa: S101 - for the type checker
            self._ports[name] = place.port

    def inside(self) -> AbstractContextManager[None]:
        """Let this thread be on the machine for the length of a block."""
        return self.machine.inside()

    def start_daemon(self, name: str, environ: Mapping[str, str] | None = None) -> None:
        """Start one of Byname's daemons (again), on the machine."""
        with self.inside():
            RunningSite.start_daemon(self, name, environ)

    def _serves(self, name: str) -> bool:
        with self.inside():
            return RunningSite._serves(self, name)

    def start_replica(self, environ: Mapping[str, str] | None = None) -> None:
        """Start the replica of Redis (again)."""
        with self.inside():
            self.redis.start(environ=environ)

    def _start_daemons(self) -> None:
        replica = self.samples / "redis-replica.conf"
        if replica.exists():
            self.redis = SampleRedis(self.folder / "redis", replica)
            self._stack.callback(self.redis.stop)
            self.start_replica()
        self.config.write_text(self._toml())
        for name in DAEMONS:
            self.start_daemon(name)
        for name in DAEMONS:
            self.wait_for_daemon(name)

    def _toml(self) -> str:
        text = (self.samples / "mx.toml").read_text()
        text = text.replace(_MAIL_STORE, f"inet:{self.mailboxes.port}@{LOOPBACK}")
        return text.replace("/run/", f"{self.folder}/")

    def _make_store(self) -> dict[str, str]:
        """Make the logins only; the names are in the topology's store."""
        return self._fill(f"sqlite:///{self.database}")

    def __enter__(self) -> Self:
        with self.inside():
            RunningSite.__enter__(self)
        return self
