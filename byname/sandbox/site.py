"""A whole private mail site: Postfix, Dovecot, the outside world, and Byname's daemons as processes of its command.

The demo and the tests of the mail path start the same site; they differ in the names that they put into its store.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from byname.sandbox.dovecot import MASTER, PrivateDovecot
from byname.sandbox.dovecot_config import Filters
from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.postfix import PrivatePostfix
from byname.sandbox.redis import PrivateRedis
from byname.sandbox.roundcube import PrivateRoundcube
from byname.sandbox.running_site import ARGUMENTS, RunningSite
from byname.sandbox.sink import Sink
from store.migrations.migrate import upgrade
from store.sql.database import Database
from store.wire_format.layout import LEASE_KEY

_SETTINGS = """\
[store]
url = "{url}"

[milter]
inbound = "inet:{inbound}@{host}"
submission = "inet:{submission}@{host}"
local = "inet:{local}@{host}"

internal = "inet:{internal}@{host}"

[maps]
listen = "inet:{maps}@{host}"
{export}

[sending]
{sending}

[filters]
{filters}

[routing]
delivery = "{delivery}"

[lmtp]
listen = "inet:{lmtp}@{host}"
backend = "{backend}"

[api]
listen = "{host}:{api}"

[mcp]
enabled = true

[cache]
{cache}
"""

_DAEMONS = {
    "agent": ("inbound", "submission", "maps", "lmtp"),
    "milter": ("inbound", "submission", "maps", "local"),
}


@dataclass(slots=True)
class PrivateSite(RunningSite):
    """A site of the sandbox's own settings.

    ``fill`` puts names into the empty store and returns the password of each mailbox, and of admins.
    """

    fill: Callable[[Database], dict[str, str]]
    delivery: Literal["milter", "agent"] = "milter"  # who writes Delivered-To
    into_sink: bool = False  # deliver into ``mailboxes``, a sink, instead of Dovecot's LMTP
    smtputf8: bool = False
    cache: bool = False  # a Redis and ``byname relay`` between the store and the decisions
    api: bool = False  # the REST API and the dashboard
    sending: bool = False  # the Message API: an internal listener with its milter; goes with ``api``
    sent_copies: bool = False  # of what is sent so, in the mailboxes' folders of sent mail
    filters: bool = False  # people's rules: ManageSieve, and where the API installs them; goes with ``api``
    webmail: bool = False  # a Roundcube over all of it; goes with ``api``
    cache_settings: str = ""  # more TOML for the section [cache]
    settings: str = ""  # more TOML for byname.toml
    store_url: str = ""  # an empty database of Byname's instead of the SQLite file, from which Dovecot reads the logins
    disk: Path | None = None  # where the SQLite file and what Redis writes to disk lie; the site's folder otherwise
    export: str = ""  # lmdb: or cdb: and a path: a file of hosted domains, kept by ``byname maps``
    postfix_extra: Mapping[str, str] = field(default_factory=dict)

    dovecot: PrivateDovecot = field(init=False)
    redis: PrivateRedis = field(init=False)  # runs with ``cache`` only
    mailboxes: Sink = field(init=False)
    postfix: PrivatePostfix = field(init=False)
    roundcube: PrivateRoundcube = field(init=False)  # there with ``webmail`` only
    _internal_port: int = field(init=False, default_factory=free_port)  # of Postfix
    _forwarding_port: int = field(init=False, default_factory=free_port)  # of Postfix
    _ports: dict[str, int] = field(init=False, default_factory=lambda: {name: free_port() for name in ARGUMENTS})

    @property
    def config(self) -> Path:
        """Byname's settings file."""
        return self.folder / "byname.toml"

    @property
    def database(self) -> Path:
        """The store's SQLite file."""
        return (self.disk or self.folder) / "byname.db"

    @property
    def url(self) -> str:
        """The store."""
        return self.store_url or f"sqlite:///{self.database}"

    @property
    def api_url(self) -> str:
        """Where the REST API answers."""
        return f"http://{LOOPBACK}:{self._ports['api']}/api/v1"

    @property
    def dashboard_url(self) -> str:
        """Where the dashboard answers."""
        return f"http://{LOOPBACK}:{self._ports['api']}/"

    @property
    def mcp_url(self) -> str:
        """Where agents find their tools."""
        return f"http://{LOOPBACK}:{self._ports['api']}/mcp"

    def place(self, name: str) -> tuple[str, int]:
        """Return the loopback port of one of Byname's daemons, and its host."""
        return LOOPBACK, self._ports[name]

    def logs(self) -> str:
        """Return the end of every log, for the case that something went wrong."""
        paths = [*sorted(self.folder.glob("byname-*.log")), self.postfix.folders.log]
        texts = [f"== {path.name} ==\n{path.read_text(errors='backslashreplace')[-4000:]}" for path in paths]
        texts += [f"== dovecot.log ==\n{self.dovecot.log()[-4000:]}"]
        return "\n".join([*texts, *([f"== roundcube ==\n{self.roundcube.log()[-4000:]}"] if self.webmail else [])])

    def start_all(self) -> None:
        """Start everything, Postfix last."""
        self.mailboxes = self._stack.enter_context(Sink(self.folder / "mailboxes"))
        (self.folder / "dovecot").mkdir()
        self.passwords = self._make_store()
        self.dovecot = self._stack.enter_context(self._dovecot())
        self._start_daemons()
        self.postfix = self._stack.enter_context(self._postfix())
        if self.webmail:
            self.roundcube = self._stack.enter_context(self._roundcube())

    def _dovecot(self) -> PrivateDovecot:
        return PrivateDovecot(
            self.folder / "dovecot",
            database=self.database,
            filters=self._filters(),
            certificate=self.certificate,
            master_password=secrets.token_hex(16) if self.sent_copies else "",
        )

    def _start_daemons(self) -> None:
        self.redis = PrivateRedis(self.folder / "redis", *(("--dir", str(self.disk)) if self.disk else ()))
        if self.cache:
            self._stack.enter_context(self.redis)
        self.config.write_text(self._toml() + self.settings)
        names = [
            *_DAEMONS[self.delivery],
            *(["relay"] if self.cache else []),
            *(["api"] if self.api else []),
            *(["internal"] if self.sending else []),
        ]
        for name in names:
            self.start_daemon(name)
        for name in names:
            self.wait_for_daemon(name)

    def _toml(self) -> str:
        sink = f"inet:{self.mailboxes.port}@{LOOPBACK}"
        backend = sink if self.into_sink else f"unix:{self.dovecot.lmtp_socket}"
        cache = f'url = "{self.redis.url}"\n{self.cache_settings}' if self.cache else ""
        values = {
            "url": self.url,
            "delivery": self.delivery,
            "backend": backend,
            "cache": cache,
            "export": f'export = "{self.export}"' if self.export else "",
            "sending": self._sending_settings() if self.sending else "",
            "filters": self._filter_settings() if self.filters else "",
        }
        return _SETTINGS.format(host=LOOPBACK, **values, **self._ports)

    def _sending_settings(self) -> str:
        key = secrets.token_hex(32)
        return f'listener = "{LOOPBACK}:{self._internal_port}"\nkey = "{key}"\n{self._copy_settings()}'

    def _copy_settings(self) -> str:
        if not self.sent_copies:
            return ""
        return f"""\
[sent_copy]
imap = "localhost:{self.dovecot.imaps_port}"
authority = "{self.certificate.certificate}"
master = "{MASTER}"
password = "{self.dovecot.master_password}"
"""

    def _filter_settings(self) -> str:
        filters = self.dovecot.filters
        assert filters is not None  # noqa: S101 - for the type checker
        return f"""\
managesieve = "localhost:{filters.port}"
ca = "{self.certificate.certificate}"
master_user = "{filters.master_user}"
master_password = "{filters.master_password}"
"""

    def _filters(self) -> Filters | None:
        if not (self.filters or self.webmail):
            return None
        return Filters(self.certificate, "byname", secrets.token_hex(16), self._forwarding_port)

    def _make_store(self) -> dict[str, str]:
        if self.store_url:
            self._fill(self.store_url)
        return self._fill(f"sqlite:///{self.database}")

    def _fill(self, url: str) -> dict[str, str]:
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
            internal_milter=f"inet:{LOOPBACK}:{self._ports['internal']}" if self.sending else None,
            internal_port=self._internal_port,
            forwarding_port=self._forwarding_port if self.dovecot.filters else None,
            smtputf8=self.smtputf8,
            extra=self._step_settings() | dict(self.postfix_extra),
        )

    def _roundcube(self) -> PrivateRoundcube:
        assert self.dovecot.filters is not None  # noqa: S101 - for the type checker
        made = self.run("token", "create", "--operator", "--scope", "mailboxes:read")
        made.check_returncode()
        return PrivateRoundcube(
            self.folder / "roundcube",
            imap_port=self.dovecot.imap_port,
            submission_port=self.postfix.submission_port,
            sieve_port=self.dovecot.filters.port,
            api_url=self.api_url,
            token=made.stdout.strip(),
            certificate=self.certificate.certificate,
        )

    def _nexthop(self) -> str:
        """Where Postfix's LMTP client hands mail to."""
        if self.delivery == "agent":
            return f"inet:{LOOPBACK}:{self._ports['lmtp']}"
        return self.mailboxes.transport if self.into_sink else self.dovecot.lmtp

    def _step_settings(self) -> dict[str, str]:
        """Mail that no smtpd takes, bounces above all, passes the milter of the role local where there is no edge."""
        if self.delivery == "agent":
            return {"lmtp_destination_recipient_limit": "1000"}  # as many as the edge takes at a time
        local = f"inet:{LOOPBACK}:{self._ports['local']}"
        return {"non_smtpd_milters": local, "internal_mail_filter_classes": "bounce"}

    def _serves(self, name: str) -> bool:
        if name != "relay":
            return RunningSite._serves(self, name)  # super() does not find its class in a dataclass with slots
        self.daemons[name].check_running()
        return self.redis.say("EXISTS", LEASE_KEY) == ":1"
