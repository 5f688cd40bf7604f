"""A Postfix of one's own: configuration, queue and data below one folder, beside any Postfix of the system.

Three listeners on loopback: inbound (the stand-in of port 25), submission with STARTTLS (587), submissions with TLS
from the start (465). What its main.cf and master.cf say is the subclass's. Needs root to start.
"""

import json
import os
import re
import stat
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from pwd import getpwnam
from types import TracebackType
from typing import Any, Self

from byname.sandbox.errors import SandboxError
from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.postfix_config import PostfixFolders
from byname.sandbox.processes import end_session
from byname.sandbox.waiting import greets, wait_until

# In the order in which a message moves on, so that none is missed between two folders; twice because of bounces, which
# begin at the front as the message that they report on leaves at the end.
_ON_THE_WAY = ("maildrop", "incoming", "active") * 2


@dataclass(slots=True)
class PostfixInstance(ABC):
    """A Postfix below ``folder``; start it with ``start()`` or as a context manager."""

    folder: Path
    inbound_port: int = field(kw_only=True, default_factory=free_port)
    submission_port: int = field(kw_only=True, default_factory=free_port)
    submissions_port: int = field(kw_only=True, default_factory=free_port)

    @abstractmethod
    def main_cf(self) -> str:
        """Return main.cf."""

    @abstractmethod
    def master_cf(self) -> str:
        """Return master.cf."""

    @property
    def folders(self) -> PostfixFolders:
        """Where everything lies."""
        return PostfixFolders(self.folder)

    def configure(self) -> None:
        """Write main.cf and master.cf; follow with ``reload()`` when it runs already."""
        for path in (self.folders.config, self.folders.queue, self.folders.data):
            path.mkdir(parents=True, exist_ok=True)
        os.chown(self.folders.data, getpwnam("postfix").pw_uid, -1)
        _write_old(self.folders.config / "main.cf", self.main_cf())
        _write_old(self.folders.config / "master.cf", self.master_cf())

    def start(self) -> None:
        """Write the configuration, start, and wait until all three ports answer.

        Raises:
            SandboxError: it did not start (not root, a busy port, a bad setting); the end of its log is in the message.
        """
        try:
            self.configure()
            self._run("postfix", "start")
            wait_until(self._answers, 20, "the three ports of the private Postfix")
        except BaseException as error:
            self.stop()
            if isinstance(error, Exception):
                raise SandboxError(f"Postfix did not start: {error}\n{self.log()[-2000:]}") from error
            raise

    def stop(self) -> None:
        """Stop it; no process stays behind. Harmless when it does not run."""
        master = self.master()
        if master is not None:
            end_session(master, grace=5)

    def master(self) -> int | None:
        """Return the process id of the running master daemon; each of its processes is in that session."""
        try:
            process = int((self.folders.queue / "pid" / "master.pid").read_text())
            home = Path(f"/proc/{process}/cwd").readlink()
        except (OSError, ValueError):
            return None
        return process if home == self.folders.queue.resolve() else None  # else: a stale file and somebody else's id

    def reload(self) -> None:
        """Make it read its configuration again."""
        self._run("postfix", "reload")

    def flush(self) -> None:
        """Try everything in the queue again now."""
        self._run("postqueue", "-f")

    def queue(self) -> list[dict[str, Any]]:
        """Return the queue as ``postqueue -j`` prints it: one object per message."""
        return [json.loads(line) for line in self._run("postqueue", "-j").splitlines()]

    def log(self) -> str:
        """Return the mail log so far."""
        log = self.folders.log
        return log.read_text(errors="backslashreplace") if log.exists() else ""

    def wait_for_log(self, pattern: str, timeout: float = 10) -> re.Match[str]:
        """Wait until the regular expression is found in the log, and return the match.

        Raises:
            SandboxTimeout: it did not turn up.
        """
        wanted = re.compile(pattern, re.MULTILINE)
        return wait_until(lambda: wanted.search(self.log()), timeout, f"{pattern!r} in the mail log")

    def wait_until_idle(self, timeout: float = 20) -> None:
        """Wait until no message is on its way; deferred and held ones may remain, and those still being received.

        Raises:
            SandboxTimeout: something is still moving.
        """
        wait_until(self._is_idle, timeout, "an idle mail queue")

    def _is_idle(self) -> bool:
        """Look into the queue's folders, which spares the processes of a postqueue(1)."""
        waiting = (path for name in _ON_THE_WAY for path in (self.folders.queue / name).iterdir())
        return not any(_is_whole(path) for path in waiting)

    def _answers(self) -> bool:
        # The TLS port sends nothing before a handshake.
        plain = (self.inbound_port, self.submission_port)
        return all(greets((LOOPBACK, port), b"220 ") for port in plain) and greets(
            (LOOPBACK, self.submissions_port), b""
        )

    def _run(self, program: str, action: str) -> str:
        command = [program, "-c", str(self.folders.config), action]
        # Postfix's programs look at the caller's environment; a MAIL_CONFIG of the system's must not lead them astray.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MAIL_")}
        environ["PATH"] = f"{environ.get('PATH', '')}:/usr/sbin:/sbin"
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, umask=0o022)
        if done.returncode != 0:
            raise SandboxError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _is_whole(message: Path) -> bool:
    """Tell whether a queue file is a message to deliver: then Postfix has given its owner the x-bit (seen, 3.7)."""
    try:
        return bool(message.stat().st_mode & stat.S_IXUSR)
    except FileNotFoundError:
        return False  # on to the next folder


def _write_old(path: Path, text: str) -> None:
    """Write a file that looks an hour old: Postfix waits 2 s for one just changed "to cool down" (measured)."""
    path.write_text(text)
    hour_ago = time.time() - 3600
    os.utime(path, (hour_ago, hour_ago))
