"""What every private site has in common: Byname's daemons as processes of its command, started and ended together."""

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from byname.sandbox.certificate import Certificate, make_certificate
from byname.sandbox.folders import short_folder
from byname.sandbox.processes import Daemon, run_program
from byname.sandbox.sink import Sink
from byname.sandbox.waiting import greets, wait_until

# Byname's daemons and the arguments that start them. Who writes Delivered-To decides which of lmtp and local serves
# mail that no smtpd took: the LMTP edge, or the milter of the role local (docs/design.md, section 5).
ARGUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "inbound": ("milter", "--role", "inbound"),
        "submission": ("milter", "--role", "submission"),
        "maps": ("maps",),
        "lmtp": ("lmtp",),
        "local": ("milter", "--role", "local"),
        "relay": ("relay",),
        "api": ("api",),
        "internal": ("milter", "--role", "internal"),
    }
)


@dataclass(slots=True)
class RunningSite(ABC):
    """A site below one folder; a context manager. Leaving it stops every process and removes the folder.

    Raises:
        SandboxError: on entering, something did not start; the message holds the end of its log.
    """

    folder: Path = field(init=False)
    certificate: Certificate = field(init=False)
    passwords: dict[str, str] = field(init=False)
    daemons: dict[str, Daemon] = field(init=False, default_factory=dict)
    outside: Sink = field(init=False)  # everybody else's mail server
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    @property
    @abstractmethod
    def config(self) -> Path:
        """Byname's settings file."""

    @abstractmethod
    def place(self, name: str) -> tuple[str, int] | Path:
        """Return where one of Byname's daemons listens: a TCP address, or a unix socket."""

    @abstractmethod
    def start_all(self) -> None:
        """Start everything; ``folder``, ``certificate`` and ``outside`` are there."""

    def inside(self) -> AbstractContextManager[None]:
        """Let this thread be on the site's machine, if that is not this one, for the length of a block."""
        return nullcontext()

    def command(self, *arguments: str) -> list[str]:
        """Return a ``byname`` command for this site, to be run as a process."""
        return [sys.executable, "-m", "byname", "--config", str(self.config), *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``byname`` command and return what it printed and its exit code."""
        return run_program(self.command(*arguments), _environ())

    def admin(self, *arguments: str) -> None:
        """Run a ``byname`` command as an admin would.

        Raises:
            CalledProcessError: it failed; its output is in the exception.
        """
        self.run(*arguments).check_returncode()

    def start_daemon(self, name: str, environ: Mapping[str, str] | None = None) -> None:
        """Start one of Byname's daemons (again), with more in its environment if asked for."""
        more = _environ() | dict(environ or {})
        daemon = Daemon(self.command(*ARGUMENTS[name]), self.folder / f"byname-{name}.log", more)
        self.daemons[name] = daemon
        self._stack.callback(daemon.stop)
        daemon.start()

    def wait_for_daemon(self, name: str) -> None:
        """Wait until a daemon serves."""
        wait_until(lambda: self._serves(name), 30, f"byname {name}")

    def _serves(self, name: str) -> bool:
        self.daemons[name].check_running()
        return greets(self.place(name), b"")

    def __enter__(self) -> Self:
        try:
            self.folder = self._stack.enter_context(short_folder())
            self.certificate = make_certificate(self.folder)
            self.outside = self._stack.enter_context(Sink(self.folder / "outside", "smtp"))
            self.start_all()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()


def _environ() -> dict[str, str]:
    """The environment without settings of a Byname that may be installed here."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BYNAME_")}
