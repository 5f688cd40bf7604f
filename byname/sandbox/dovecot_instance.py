"""A Dovecot of one's own below one folder, beside any Dovecot of the system. Its settings are the subclass's."""

import signal
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from byname.sandbox.errors import SandboxError
from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import greets, wait_until


@dataclass(slots=True)
class DovecotInstance(ABC):
    """A Dovecot whose dovecot.conf is in ``folder``; start it with ``start()`` or as a context manager."""

    folder: Path
    imap_port: int = field(kw_only=True, default_factory=free_port)
    _daemon: Daemon | None = field(default=None, init=False)

    @abstractmethod
    def configure(self) -> None:
        """Write dovecot.conf and what it needs; its ``log_path`` must be ``folder / "dovecot.log"``."""

    @property
    @abstractmethod
    def mail(self) -> Path:
        """Where mail lies: ``DOMAIN/NAME/Maildir`` below it."""

    @property
    @abstractmethod
    def sasl_socket(self) -> Path:
        """Where Postfix asks about logins (``smtpd_sasl_path``)."""

    @property
    @abstractmethod
    def lmtp_socket(self) -> Path | None:
        """Where mail is handed over; None when it is not."""

    def start(self) -> None:
        """Write the configuration, start, and wait until IMAP, LMTP and SASL answer.

        Raises:
            SandboxError: it did not start; the end of its log is in the message.
        """
        self.configure()
        command = ["/usr/sbin/dovecot", "-F", "-c", str(self.folder / "dovecot.conf")]
        self._daemon = Daemon(command, self.folder / "start.log")
        try:
            self._daemon.start()
            wait_until(self._answers, 10, "the private Dovecot")
        except BaseException as error:
            message = f"Dovecot did not start: {error}\n{self._daemon.log()}{self.log()[-2000:]}"
            self.stop()
            if isinstance(error, Exception):
                raise SandboxError(message) from error
            raise

    def stop(self) -> None:
        """Stop it; no process stays behind. Harmless when it does not run."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.stop()

    def send(self, number: signal.Signals) -> None:
        """Send its first process, which takes new connections, a signal."""
        assert self._daemon is not None  # noqa: S101 - it runs
        self._daemon.send(number)

    def log(self) -> str:
        """Return its log so far."""
        log = self.folder / "dovecot.log"
        return log.read_text(errors="backslashreplace") if log.exists() else ""

    def messages(self, address: str) -> list[bytes]:
        """Return the messages delivered to a mailbox, read or unread, oldest first."""
        return [path.read_bytes() for path in self._files(address)]

    def clear(self) -> None:
        """Remove every delivered message."""
        for path in self.mail.glob("*/*/Maildir/*/*"):
            if path.parent.name in {"new", "cur"}:
                path.unlink(missing_ok=True)

    def addresses(self) -> list[str]:
        """Return the mailboxes that hold mail."""
        found = (f"{box.name}@{box.parent.name}" for box in self.mail.glob("*/*"))
        return sorted(address for address in found if self._files(address))

    def _files(self, address: str) -> list[Path]:
        local, _, domain = address.rpartition("@")
        maildir = self.mail / domain / local / "Maildir"
        paths = [path for name in ("new", "cur") for path in maildir.glob(f"{name}/*")]
        return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def _answers(self) -> bool:
        if self._daemon is not None:
            self._daemon.check_running()
        return (
            greets((LOOPBACK, self.imap_port), b"* OK")
            and (self.lmtp_socket is None or greets(self.lmtp_socket, b"220 "))
            and greets(self.sasl_socket, b"VERSION")
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
