"""Starting programs in a session of their own, and ending a session so that nothing of it stays behind."""

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from byname.sandbox.errors import SandboxError, SandboxTimeout
from byname.sandbox.waiting import wait_until


def session_members(session: int) -> list[int]:
    """Return the ids of the living processes of a session, zombies left out (proc(5), fields 3 and 6 of stat)."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # gone meanwhile
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            members.append(int(stat.parent.name))
    return members


def end_session(leader: int, grace: float) -> None:
    """Ask the leader of a session to stop; after ``grace`` seconds kill whatever of the session still runs."""
    _send(leader, signal.SIGTERM)
    with contextlib.suppress(SandboxTimeout):
        wait_until(lambda: not session_members(leader), grace, "an orderly end")
    for member in session_members(leader):
        _send(member, signal.SIGKILL)
    wait_until(lambda: not session_members(leader), 5, f"the killed processes of session {leader}")


def _send(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


class Process(Protocol):
    """What is used here of a subprocess.Popen."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """Return its exit code when it has ended."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return its exit code. Raises subprocess.TimeoutExpired."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it still runs."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...


def start_program(
    command: Sequence[str], environ: Mapping[str, str] | None, output: IO[bytes], errors: IO[bytes]
) -> Process:
    """Start a program in a session of its own, which reads nothing and prints into files."""
    return subprocess.Popen(
        command,
        env=None if environ is None else dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        start_new_session=True,
        umask=0o022,
    )


# How programs are started here. The tests, which start Byname some hundred times, have a quicker way.
launch = start_program


def run_program(command: Sequence[str], environ: Mapping[str, str] | None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; return what it printed and its exit code."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        code = launch(command, environ, output, errors).wait()
        printed = []
        for file in (output, errors):
            file.seek(0)
            printed.append(file.read().decode())
    return subprocess.CompletedProcess(command, code, *printed)


class Daemon:
    """A program that stays in the foreground, in a session of its own, writing to a log file.

    Its own session keeps a Ctrl-C at the terminal from reaching it before its owner has tidied up.
    """

    def __init__(self, command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self._log = log
        self._environ = environ
        self._process: Process | None = None

    def start(self) -> None:
        """Start the program. What it prints is added to the log file."""
        with self._log.open("ab") as output:
            self._process = launch(self.command, self._environ, output, output)

    def stop(self, grace: float = 10) -> int | None:
        """Stop it and all it started; return its exit code, None if it was never started. Twice is once."""
        process, self._process = self._process, None
        if process is None:
            return None
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace)
        end_session(process.pid, grace=0)
        return process.wait()

    def check_running(self) -> None:
        """Raise SandboxError with the end of the log when the program has ended by itself."""
        if self._process is None or self._process.poll() is not None:
            code = None if self._process is None else self._process.returncode
            raise SandboxError(f"{shlex.join(self.command)} ended by itself ({code}):\n{self.log()[-2000:]}")

    @property
    def pid(self) -> int | None:
        """The process id while it is started."""
        return None if self._process is None else self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.check_running()
        assert self._process is not None  # noqa: S101 - for the type checker
        self._process.send_signal(number)

    def log(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text(errors="backslashreplace") if self._log.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
