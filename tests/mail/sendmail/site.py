"""A whole site around a private Sendmail: Byname's daemons on the package's sockets, a sink, Dovecot for logins."""

import smtplib
import ssl
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal

import conf
from byname.sandbox.dovecot import PrivateDovecot
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.processes import Daemon
from byname.sandbox.running_site import RunningSite
from byname.sandbox.sink import Delivery, Sink
from byname.sandbox.waiting import wait_until
from store.sql.database import Database
from tests.mail.dialogue import Dialogue
from tests.mail.sendmail.instance import UNPACKED, PrivateSendmail, environ
from tests.mail.test_senders import SETTINGS, fill_senders
from tests.store.new_store import make_store

_SOCKETS = "/var/spool/postfix/byname"  # in the samples
_DAEMONS = {"agent": ("inbound", "submission", "maps", "lmtp"), "milter": ("inbound", "submission", "maps")}


@dataclass(slots=True)
class SendmailSite(RunningSite):
    """A site with the names of ``tests.mail.world`` and ``test_senders``; mailboxes are a sink that takes everybody.

    ``delivery`` is ``agent`` as the sample has it, or ``milter``: then the mailer hands mail to the sink itself.
    """

    delivery: Literal["agent", "milter"] = "agent"

    mailboxes: Sink = field(init=False)
    sendmail: PrivateSendmail = field(init=False)

    @property
    def config(self) -> Path:
        """Byname's settings file."""
        return self.folder / "byname.toml"

    @property
    def database(self) -> Path:
        """The store's SQLite file."""
        return self.folder / "byname.db"

    @property
    def inbound_port(self) -> int:
        """The stand-in of port 25."""
        return self.sendmail.inbound_port

    @property
    def submission_port(self) -> int:
        """The stand-in of port 587."""
        return self.sendmail.submission_port

    def place(self, name: str) -> Path:
        """Return the socket of one of Byname's daemons."""
        return self.folder / "byname" / f"{name}.sock"

    def start_all(self) -> None:
        """Start everything, Sendmail last."""
        self.mailboxes = self._stack.enter_context(Sink(self.folder / "mailboxes"))
        self._make_store()
        self._write_settings()
        for name in _DAEMONS[self.delivery]:
            self.start_daemon(name)
        self._start_logins()
        for name in _DAEMONS[self.delivery]:
            self.wait_for_daemon(name)
        (self.folder / "sendmail").mkdir()
        self.certificate.key.chmod(0o640)  # as Debian's ssl-cert has it
        self.sendmail = PrivateSendmail(
            self.folder / "sendmail",
            sockets=self.folder / "byname",
            outside=self.outside.port,
            certificate=self.certificate,
            changes=self._changes(),
        )
        self._write_sasl()
        self._stack.enter_context(self.sendmail)

    def login(self, name: str) -> smtplib.SMTP:
        """Return a connection to submission, logged in over TLS."""
        client = smtplib.SMTP("localhost", self.submission_port, timeout=30)
        client.starttls(context=ssl.create_default_context(cafile=self.certificate.certificate))
        client.login(name, self.passwords[name.lower()])
        return client

    def stranger(self) -> Dialogue:
        """Return a connection to the inbound listener from another host: Sendmail relays for 127.0.0.1."""
        return Dialogue(self.inbound_port, source="127.0.0.2")

    def arrived(self, count: int) -> list[Delivery]:
        """Return what came into the mailboxes, once nothing is on its way any more."""
        found = self.mailboxes.wait_for(count)
        self.sendmail.wait_until_idle()
        return found

    def restart(self, name: str) -> None:
        """Start one of Byname's daemons again."""
        self.start_daemon(name)
        self.wait_for_daemon(name)

    def clear(self) -> None:
        """Forget what was delivered, once nothing is on its way any more."""
        self.sendmail.wait_until_idle()
        self.mailboxes.clear()
        self.outside.clear()

    def logs(self) -> str:
        """Return the end of every log."""
        paths = [*sorted(self.folder.glob("byname-*.log")), self.folder / "sendmail" / "sendmail.log"]
        return "\n".join(f"== {path.name} ==\n{path.read_text(errors='backslashreplace')[-3000:]}" for path in paths)

    def _changes(self) -> dict[str, str]:
        if self.delivery == "agent":
            return {}
        return {f"A=FILE {self.folder}/byname/lmtp.sock": f"A=TCP [{LOOPBACK}] {self.mailboxes.port}"}

    def _make_store(self) -> None:
        make_store(f"sqlite:///{self.database}")
        database = Database.open(f"sqlite:///{self.database}")
        try:
            self.passwords = fill_senders(database)
        finally:
            database.close()

    def _write_settings(self) -> None:
        sockets = self.folder / "byname"
        sockets.mkdir(mode=0o750)
        samples = ["postfix/byname.toml", *(["postfix/byname-lmtp/delivery.toml"] if self.delivery == "agent" else [])]
        text = "\n".join(files(conf).joinpath(sample).read_text(encoding="utf-8") for sample in samples)
        text = text.replace(_SOCKETS, str(sockets)).replace("/var/lib/byname", str(self.folder))
        text = text.replace("unix:/run/dovecot/lmtp", f"inet:{self.mailboxes.port}@{LOOPBACK}")
        self.config.write_text(f"{text}\n{SETTINGS}")

    def _start_logins(self) -> None:
        (self.folder / "dovecot").mkdir()
        dovecot = self._stack.enter_context(PrivateDovecot(self.folder / "dovecot", database=self.database))
        place = self.folder / "saslauthd"
        place.mkdir()
        program = UNPACKED / "usr/sbin/saslauthd"
        options = ["-d", "-r", "-m", str(place), "-n", "1", "-a", "rimap", "-O", f"{LOOPBACK}/{dovecot.imap_port}"]
        self._stack.enter_context(Daemon([str(program), *options], self.folder / "saslauthd.log", environ()))
        wait_until(lambda: (place / "mux").exists(), 10, "saslauthd")

    def _write_sasl(self) -> None:
        sample = files(conf).joinpath("sendmail/Sendmail.conf").read_text(encoding="utf-8")
        text = sample.replace("/var/run/saslauthd", str(self.folder / "saslauthd"))
        (self.folder / "sendmail" / "Sendmail.conf").write_text(text)
