"""A milter process seen from outside: its CPU time, its memory, its log."""

import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from byname.sandbox.errors import SandboxError
from byname.sandbox.processes import Daemon
from tests.mail.fuzz.report import Limits, Report

_SIGNS = ("Traceback", "untrapped", "milter claimed")  # of a bug
_CPUCLOCK_SCHED = 2  # clock_gettime(2): the CPU time of another process


@dataclass(slots=True)
class Watched:
    """One milter."""

    role: str
    daemon: Daemon
    log: Path
    report: Report
    limits: Limits
    _resident: int = 0  # octets, after the first sessions
    _clock: int = field(init=False)

    def __post_init__(self) -> None:
        self._clock = ((~(self.daemon.pid or 0)) << 3) | _CPUCLOCK_SCHED

    def cpu_ms(self) -> float:
        """Return the CPU time that the process has used, in ms."""
        return time.clock_gettime_ns(self._clock) / 1e6

    def warmed_up(self) -> None:
        """Take the memory of now as what the process needs anyhow."""
        self.look("the first sessions")
        self._resident = self._memory("VmRSS")
        self.forget_peak()

    def forget_peak(self) -> None:
        """Count the most memory from now on (proc(5), clear_refs)."""
        with contextlib.suppress(OSError):  # it is gone, which the next look says
            Path(f"/proc/{self.daemon.pid}/clear_refs").write_text("5")

    def look(self, session: str, *, is_last: bool = False) -> None:
        """Judge what shows outside: whether it lives, what it wrote, what it holds."""
        try:
            self.daemon.check_running()
        except SandboxError as error:
            self.report.violate(session, f"{self.role} ended: {error}")
            return
        self._read_log(session)
        if not self._resident:
            return
        self.report.measure(
            f"{self.role}: MB beside the first", (self._memory("VmHWM") - self._resident) / 1e6, session
        )
        growth = self._memory("VmRSS") - self._resident
        if is_last and growth > self.limits.growth:
            self.report.violate(session, f"{self.role} holds {growth} octets more than after its first sessions")

    def _memory(self, key: str) -> int:
        lines = Path(f"/proc/{self.daemon.pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")), 0)  # 0: it is gone

    def _read_log(self, session: str) -> None:
        """Read what was written since the last look, and make room."""
        with self.log.open("rb+") as log:
            text = log.read().decode(errors="backslashreplace")
            os.ftruncate(log.fileno(), 0)
        for sign in _SIGNS:
            if sign in text:
                at = text.index(sign)
                self.report.violate(session, f"{self.role} wrote {text[max(at - 200, 0) : at + 1500]}")
