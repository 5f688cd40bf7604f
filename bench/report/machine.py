"""The machine that a run was on: figures mean nothing without it."""

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.store.postgres_server import programs


def machine() -> dict[str, object]:
    """Return its facts by name. ``load`` is that of the minute before: figures from a busy machine are worse."""
    postgres = programs()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _first(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "load": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "redis": _first(r"v=(\S+)", _said("redis-server", "--version")),
        "postgresql": _first(r"([\d.]+)", _said(str(postgres / "postgres"), "--version")) if postgres else "",
        "rspamd": _first(r"([\d.]+)", _said("rspamd", "--version")),
        "byname": version("byname"),
    }


def doubts(run: Mapping[str, object]) -> Iterator[str]:
    """Return what a reader of the figures should know about the run that they are from."""
    if run.get("size") == "short":
        yield "short: they run; the figures mean nothing"
    load, cores = run.get("load"), run.get("cores")
    if isinstance(load, float) and isinstance(cores, int) and load > cores / 2:
        yield f"the machine was busy when this began (load {load} on {cores} cores): times are too high, rates too low"


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else ""
