"""A whole private mail site: Postfix, Dovecot, the outside world, and Byname's daemons as processes of its command.

The demo and the tests of the mail path start the same site; they differ in the names that they put into its store.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from byname.rig.certificate import Certificate, make_certificate
from byname.rig.dovecot import PrivateDovecot
from byname.rig.folders import short_folder
from byname.rig.ports import LOOPBACK, free_port
from byname.rig.postfix import PrivatePostfix
from byname.rig.processes import Daemon
from byname.rig.redis import PrivateRedis
from byname.rig.sink import Sink
from byname.rig.waiting import greets, wait_until
from store.cache.layout import LEASE_KEY
from store.sql.database import Database
from store.sql.migrate import upgrade

_SETTINGS = """\
[store]
url = "sqlite:///{database}"

[milter]
inbound = "inet:{inbound}@{host}"
submission = "inet:{submission}@{host}"
local = "inet:{local}@{host}"

[maps]
listen = "inet:{maps}@{host}"

[routing]
delivery = "{delivery}"

[lmtp]
listen = "inet:{lmtp}@{host}"
backend = "{backend}"

[cache]
{cache}
"""

# Byname's daemons and the arguments that start them. Who writes Delivered-To decides which of the last two serves
# mail that no smtpd took: the LMTP edge, or the milter of the role local (DESIGN section 5).
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "inbound": ("milter", "--role", "inbound"),
    "submission": ("milter", "--role", "submission"),
    "maps": ("maps",),
    "lmtp": ("lmtp",),
    "local": ("milter", "--role", "local"),
    "relay": ("relay",),
}
_DAEMONS = {
    "agent": ("inbound", "submission", "maps", "lmtp"),
    "milter": ("inbound", "submission", "maps", "local"),
}


@dataclass(slots=True)
class PrivateSite:
    """A running site; a context manager. Leaving it stops every process and removes the folder.

    ``fill`` puts names into the empty store and returns the password of each mailbox.

    Raises:
        RigError: on entering, something did not start; the message holds the end of its log.
    """

    fill: Callable[[Database], dict[str, str]]
    delivery: Literal["milter", "agent"] = "milter"  # who writes Delivered-To
    into_sink: bool = False  # deliver into ``mailboxes``, a sink, instead of Dovecot's LMTP
    smtputf8: bool = False
    cache: bool = False  # a Redis and ``byname relay`` between the store and the decisions
    cache_settings: str = ""  # more TOML for the section [cache]
    settings: str = ""  # more TOML for byname.toml
    postfix_extra: Mapping[str, str] = field(default_factory=dict)

    folder: Path = field(init=False)
    certificate: Certificate = field(init=False)
    passwords: dict[str, str] = field(init=False)
    daemons: dict[str, Daemon] = field(init=False, default_factory=dict)
    dovecot: PrivateDovecot = field(init=False)
    redis: PrivateRedis = field(init=False)  # runs with ``cache`` only
    mailboxes: Sink = field(init=False)
    outside: Sink = field(init=False)  # everybody else's mail server
    postfix: PrivatePostfix = field(init=False)
    _ports: dict[str, int] = field(init=False, default_factory=lambda: {name: free_port() for name in _ARGUMENTS})
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @property
    def config(self) -> Path:
        """Byname's settings file."""
        return self.folder / "byname.toml"

    @property
    def database(self) -> Path:
        """The store's SQLite file."""
        return self.folder / "byname.db"

    def command(self, *arguments: str) -> list[str]:
        """Return a ``byname`` command for this site, to be run as a process."""
        return [sys.executable, "-m", "byname", "--config", str(self.config), *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``byname`` command and return what it printed and its exit code."""
        return subprocess.run(self.command(*arguments), env=_environ(), check=False, capture_output=True, text=True)

    def admin(self, *arguments: str) -> None:
        """Run a ``byname`` command as an admin would.

        Raises:
            CalledProcessError: it failed; its words are in the exception.
        """
        self.run(*arguments).check_returncode()

    def start_daemon(self, name: str) -> None:
        """Start one of Byname's daemons (again), and wait until it listens."""
        daemon = Daemon(self.command(*_ARGUMENTS[name]), self.folder / f"byname-{name}.log", _environ())
        self.daemons[name] = daemon
        self._stack.callback(daemon.stop)
        daemon.start()

    def wait_for_daemon(self, name: str) -> None:
        """Wait until a daemon listens; for the relay, until it vouches for the cache."""
        if name == "relay":
            wait_until(self._is_vouched_for, 30, "the lease of byname relay")
        else:
            wait_until(lambda: self._listens(name), 30, f"byname {name} on port {self._ports[name]}")

    def logs(self) -> str:
        """Return the end of every log, for the case that something went wrong."""
        paths = [*sorted(self.folder.glob("byname-*.log")), self.postfix.folders.log]
        texts = [f"== {path.name} ==\n{path.read_text(errors='backslashreplace')[-4000:]}" for path in paths]
        return "\n".join([*texts, f"== dovecot.log ==\n{self.dovecot.log()[-4000:]}"])

    def _start(self) -> None:
        self.folder = self._stack.enter_context(short_folder())
        self.certificate = make_certificate(self.folder)
        self.outside = self._stack.enter_context(Sink(self.folder / "outside", "smtp"))
        self.mailboxes = self._stack.enter_context(Sink(self.folder / "mailboxes"))
        (self.folder / "dovecot").mkdir()
        self.passwords = self._make_store()
        self.dovecot = self._stack.enter_context(PrivateDovecot(self.folder / "dovecot", database=self.database))
        self._start_daemons()
        self.postfix = self._stack.enter_context(self._postfix())

    def _start_daemons(self) -> None:
        self.redis = PrivateRedis(self.folder / "redis")
        if self.cache:
            self._stack.enter_context(self.redis)
        self.config.write_text(self._toml() + self.settings)
        names = [*_DAEMONS[self.delivery], *(["relay"] if self.cache else [])]
        for name in names:
            self.start_daemon(name)
        for name in names:
            self.wait_for_daemon(name)

    def _toml(self) -> str:
        sink = f"inet:{self.mailboxes.port}@{LOOPBACK}"
        backend = sink if self.into_sink else f"unix:{self.dovecot.lmtp_socket}"
        cache = f'url = "{self.redis.url}"\n{self.cache_settings}' if self.cache else ""
        values = {"database": self.database, "delivery": self.delivery, "backend": backend, "cache": cache}
        return _SETTINGS.format(host=LOOPBACK, **values, **self._ports)

    def _make_store(self) -> dict[str, str]:
        url = f"sqlite:///{self.database}"
        upgrade(url)
        database = Database.open(url)
        try:
            return self.fill(database)
        finally:
            database.close()

    def _postfix(self) -> PrivatePostfix:
        return PrivatePostfix(
            self.folder / "postfix",
            domains_map=f"socketmap:inet:{LOOPBACK}:{self._ports['maps']}:domains",
            inbound_milter=f"inet:{LOOPBACK}:{self._ports['inbound']}",
            submission_milter=f"inet:{LOOPBACK}:{self._ports['submission']}",
            lmtp=self._nexthop(),
            sasl_socket=self.dovecot.sasl_socket,
            outside=self.outside.transport,
            certificate=self.certificate,
            smtputf8=self.smtputf8,
            extra=self._local_mail() | dict(self.postfix_extra),
        )

    def _nexthop(self) -> str:
        """Where Postfix's LMTP client hands mail to."""
        if self.delivery == "agent":
            return f"inet:{LOOPBACK}:{self._ports['lmtp']}"
        return self.mailboxes.transport if self.into_sink else self.dovecot.lmtp

    def _local_mail(self) -> dict[str, str]:
        """Mail that no smtpd takes, bounces above all, passes the milter of the role local where there is no edge."""
        if self.delivery == "agent":
            return {}
        local = f"inet:{LOOPBACK}:{self._ports['local']}"
        return {"non_smtpd_milters": local, "internal_mail_filter_classes": "bounce"}

    def _is_vouched_for(self) -> bool:
        self.daemons["relay"].check_running()
        return self.redis.say("EXISTS", LEASE_KEY) == ":1"

    def _listens(self, name: str) -> bool:
        self.daemons[name].check_running()
        return greets((LOOPBACK, self._ports[name]), b"")


def _environ() -> dict[str, str]:
    """The environment without settings of a Byname that may be installed here."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BYNAME_")}
