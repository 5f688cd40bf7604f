"""A private PostgreSQL in a temporary folder: a primary, or a standby of one, configured from given files.

Its unix socket is in its folder, so that whoever is on another network reaches it too. PostgreSQL refuses to run as
root, so for root it runs as the user ``postgres``.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from byname.sandbox.errors import SandboxError
from byname.sandbox.processes import end_session
from byname.sandbox.waiting import wait_until

_READY_WITHIN = 30.0  # seconds
# Nothing here outlives the machine, so nothing waits for its disk.
_QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_wal_size=256MB")


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL that is installed, None when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


@dataclass(slots=True)
class PrivatePostgres:
    """A server below ``folder``, with ``config``, a postgresql.conf, and ``hba``, a pg_hba.conf. Needs root."""

    folder: Path
    config: Path
    hba: Path
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def url(self, database: str) -> str:
        """For ``[store] url``: over the unix socket."""
        return f"postgresql://byname@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it, with an empty cluster the first time, and wait until it answers. Raises SandboxError."""
        if not self._data.exists():
            self._make_folder()
            self._run(
                "initdb", "--no-sync", "-A", "trust", "-U", "byname", "-E", "UTF8", "--locale=C", "-D", self._data
            )
        self._start()

    def follow(self, host: str) -> None:
        """Become a standby of the server at ``host``, from a copy of all it has, and start. Raises SandboxError."""
        self.stop()
        shutil.rmtree(self._data, ignore_errors=True)
        self._make_folder()
        self._run("pg_basebackup", "-h", host, "-U", "byname", "-D", self._data, "-R", "-c", "fast", "--no-sync")
        self._start()

    def promote(self) -> None:
        """Let a standby be the primary, and wait until it is. Raises SandboxError."""
        self._run("pg_ctl", "promote", "-w", "-D", self._data)

    def pause(self) -> None:
        """Let a standby take no more changes; its primary does not notice."""
        self.ask("SELECT pg_wal_replay_pause()")

    def ask(self, statement: str, database: str = "postgres") -> str:
        """Run one statement, and return its answer as psql prints it without ornaments. Raises SandboxError."""
        return self._run("psql", "-XqAt", "-h", self.folder, "-U", "byname", "-d", database, "-c", statement).strip()

    def kill(self) -> None:
        """End it as a power failure would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in an orderly way, clients or not; nothing stays behind. Harmless when it does not run."""
        self._end(signal.SIGINT)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        account = pwd.getpwnam("postgres")
        os.chown(self.folder, account.pw_uid, account.pw_gid)

    def _start(self) -> None:
        places = (f"config_file={self.config}", f"hba_file={self.hba}", f"unix_socket_directories={self.folder}")
        options = [word for setting in (*places, *_QUICK) for word in ("-c", setting)]
        command = [str(_binaries() / "postgres"), "-D", str(self._data), *options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user="postgres",
                group="postgres",
                extra_groups=[],
            )
        wait_until(self._answers, _READY_WITHIN, f"the private PostgreSQL; its log: {self._log}")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        end_session(process.pid, grace=10)
        process.wait()

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise SandboxError(f"PostgreSQL ended by itself:\n{self._log.read_text(errors='backslashreplace')[-2000:]}")
        try:
            return self.ask("SELECT 1") == "1"
        except SandboxError:
            return False

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _run(self, program: str, *arguments: str | Path) -> str:
        command: Sequence[str | Path] = [_binaries() / program, *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            user="postgres",
            group="postgres",
            extra_groups=[],
        )
        if done.returncode != 0:
            raise SandboxError(f"{program} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _binaries() -> Path:
    found = binaries()
    if found is None:
        raise SandboxError("not installed: postgresql")
    return found
