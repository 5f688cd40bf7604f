"""A private Dovecot: SASL for Postfix, LMTP into Maildirs, IMAP for people to look, all below one folder."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from pwd import getpwnam
from types import TracebackType
from typing import Self

from byname.rig.dovecot_config import dovecot_conf, sql_conf
from byname.rig.errors import RigError
from byname.rig.ports import LOOPBACK, free_port
from byname.rig.processes import Daemon
from byname.rig.waiting import greets, wait_until

_MAIL_USER = "mail"  # of every Debian; owns the Maildirs


@dataclass(slots=True)
class PrivateDovecot:
    """A Dovecot over the store in the SQLite file ``database``; start it with ``start()`` or as a context manager."""

    folder: Path
    database: Path = field(kw_only=True)
    imap_port: int = field(kw_only=True, default_factory=free_port)
    _daemon: Daemon | None = field(default=None, init=False)

    @property
    def sasl_socket(self) -> Path:
        """Where Postfix asks about logins (``smtpd_sasl_path``)."""
        return self.folder / "sasl"

    @property
    def lmtp_socket(self) -> Path:
        """Where mail is handed over."""
        return self.folder / "lmtp"

    @property
    def lmtp(self) -> str:
        """The same as nexthop for Postfix's LMTP client."""
        return f"unix:{self.lmtp_socket}"

    def start(self) -> None:
        """Write the configuration, start, and wait until IMAP, LMTP and SASL answer.

        Raises:
            RigError: it did not start; the end of its log is in the message.
        """
        self._configure()
        command = ["/usr/sbin/dovecot", "-F", "-c", str(self.folder / "dovecot.conf")]
        self._daemon = Daemon(command, self.folder / "start.log")
        try:
            self._daemon.start()
            wait_until(self._answers, 10, "the private Dovecot")
        except BaseException as error:
            words = f"Dovecot did not start: {error}\n{self._daemon.log()}{self.log()[-2000:]}"
            self.stop()
            if isinstance(error, Exception):
                raise RigError(words) from error
            raise

    def stop(self) -> None:
        """Stop it; no process stays behind. Harmless when it does not run."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.stop()

    def log(self) -> str:
        """Return its log so far."""
        log = self.folder / "dovecot.log"
        return log.read_text(errors="backslashreplace") if log.exists() else ""

    def messages(self, address: str) -> list[bytes]:
        """Return the messages delivered to a mailbox, read or unread, oldest first."""
        return [path.read_bytes() for path in self._files(address)]

    def clear(self) -> None:
        """Remove every delivered message."""
        for path in self._mail.glob("*/*/Maildir/*/*"):
            if path.parent.name in {"new", "cur"}:
                path.unlink(missing_ok=True)

    def addresses(self) -> list[str]:
        """Return the mailboxes that hold mail."""
        found = (f"{box.name}@{box.parent.name}" for box in self._mail.glob("*/*"))
        return sorted(address for address in found if self._files(address))

    @property
    def _mail(self) -> Path:
        return self.folder / "mail"

    def _files(self, address: str) -> list[Path]:
        local, _, domain = address.rpartition("@")
        maildir = self._mail / domain / local / "Maildir"
        paths = [path for name in ("new", "cur") for path in maildir.glob(f"{name}/*")]
        return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def _configure(self) -> None:
        user = getpwnam(_MAIL_USER)
        for name in ("mail", "home"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            os.chown(self.folder / name, user.pw_uid, user.pw_gid)
        sql = self.folder / "sql.conf"
        sql.write_text(sql_conf(self.database))
        conf = dovecot_conf(self.folder, sql, self.imap_port, self.sasl_socket, self.lmtp_socket)
        (self.folder / "dovecot.conf").write_text(conf)

    def _answers(self) -> bool:
        if self._daemon is not None:
            self._daemon.check_running()
        return (
            greets((LOOPBACK, self.imap_port), b"* OK")
            and greets(self.lmtp_socket, b"220 ")
            and greets(self.sasl_socket, b"VERSION")
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
