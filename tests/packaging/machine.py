"""A machine for the package: a Debian root whose systemd is really process 1, started by systemd-nspawn.

It has a network of its own with nothing but the loopback interface, so that what is installed there fetches nothing.
"""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from byname.sandbox.waiting import wait_until

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = [f"PATH={_PATH}", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
_BOOT_SECONDS = 120.0
_ENDS_SECONDS = 90.0


@dataclass
class Machine:
    """One root folder, and its systemd while it runs."""

    root: Path
    log: Path
    leader: int = 0  # process 1 of the machine, as this machine numbers it; 0: it does not run
    _nspawn: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Start systemd in the root and wait until it has started all that it starts at boot."""
        command = ["systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine=byname-{uuid.uuid4().hex[:8]}"]
        command += ["--boot", "--private-network", "--register=no", "--keep-unit", "--link-journal=no"]
        with self.log.open("ab") as log:
            self._nspawn = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.leader = wait_until(self._find_leader, _BOOT_SECONDS, "process 1 of the machine")
        wait_until(self._is_up, _BOOT_SECONDS, f"the machine to boot: {self.log}")

    def power_off(self) -> None:
        """Shut down as an operator does, and wait for the end."""
        if self._nspawn is None:
            return
        self.run("systemctl poweroff", check=False)
        try:
            self._nspawn.wait(_ENDS_SECONDS)
        finally:
            self._nspawn.kill()
            self._nspawn.wait()
            self._nspawn, self.leader = None, 0

    def run(self, script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell script as root in the machine; with ``check`` fail with what it printed unless it ends well."""
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        command = [*enter, "/usr/bin/env", "-i", *_ENVIRONMENT, "/bin/bash", "-c", script]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if check:
            assert done.returncode == 0, f"{script}\nexit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def out(self, script: str) -> str:
        """Run a shell script and return what it printed, without the last newline."""
        return self.run(script).stdout.rstrip("\n")

    def shows(self, unit: str, setting: str) -> str:
        """Return what systemd says of a unit."""
        return self.out(f"systemctl show --value --property={setting} {unit}")

    def _find_leader(self) -> int | None:
        """Return the machine's process 1: the one below nspawn that is the first of its own process namespace."""
        assert self._nspawn is not None
        assert self._nspawn.poll() is None, self.log.read_text(errors="replace")[-2000:]
        for process in _below(self._nspawn.pid):
            numbers = _field(process, "NSpid")
            if len(numbers) > 1 and numbers[-1] == "1" and _field(process, "Name") == ["systemd"]:
                return process
        return None

    def _is_up(self) -> bool:
        state = self.run("systemctl is-system-running", check=False).stdout.strip()
        return state in {"running", "degraded"}


@contextmanager
def machine(made: Path, folder: Path) -> Iterator[Machine]:
    """A copy of a root, booted; shut down and removed at the end."""
    root = folder / "root"
    subprocess.run(["cp", "--archive", "--reflink=auto", made, root], check=True)
    (root / "etc/hostname").write_text("mail\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost mail mail.example.com\n")
    booted = Machine(root, folder / "console.log")
    try:
        booted.boot()
        yield booted
    finally:
        booted.power_off()
        shutil.rmtree(root, ignore_errors=True)


def _below(process: int) -> Iterator[int]:
    """Yield the descendants of a process."""
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from _below(child)


def _field(process: int, name: str) -> list[str]:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # it is gone
        return []
    return next((line.split()[1:] for line in lines if line.startswith(f"{name}:")), [])


def is_possible() -> str | None:
    """Return what is missing here to boot a machine, or None."""
    if os.geteuid() != 0:
        return "root"
    return next((f"the program {name}" for name in ("systemd-nspawn", "nsenter") if not shutil.which(name)), None)
