"""What answers the look-ups of a mail machine, asked again and again by a process beside its milters.

The process, ``python -m tests.faults.looks SETTINGS``, asks the directory that a milter with these settings has, and
writes a line whenever something else answers than before: the time and the source, as ``byname_lookups_total`` has it.
"""

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import wait_until
from byname.wiring.directory import decision_directory, sql_directory
from conf.settings import load
from routing.address import Address
from routing.directory import LookupFailed
from store.sql.database import Database

USUAL = frozenset({"replica", "cache"})  # what answers while all is well
EVERY = 0.05  # seconds
_ASKED = Address("sales", "brand-a.test")
_SOURCES = ("replica", "cache", "sql", "grace", "none")
_LINE = re.compile(rf"^(\d+\.\d+) ({'|'.join(_SOURCES)})\n", re.MULTILINE)  # there are lines of the log as well


@dataclass(frozen=True, slots=True)
class Look:
    """From when on a source answered, by ``time.time()``."""

    at: float
    source: str


class Looks:
    """The process, and what it has seen. Each start adds to what was seen before."""

    def __init__(self, config: Path, log: Path) -> None:
        self._config, self._log = config, log
        self._log.unlink(missing_ok=True)
        self._daemon: Daemon | None = None

    def start(self, more: Mapping[str, str] | None = None) -> None:
        """Begin, with more in its environment if asked for, and wait for the first answer."""
        known = len(self.seen())
        environ = {key: value for key, value in os.environ.items() if not key.startswith("BYNAME_")} | dict(more or {})
        command = [sys.executable, "-m", "tests.faults.looks", str(self._config)]
        self._daemon = Daemon(command, self._log, environ)
        self._daemon.start()
        wait_until(lambda: self._daemon is not None and len(self.seen()) > known, 30, f"a look: {self._log}")

    def stop(self) -> None:
        """End it. Twice is once."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.check_running()
            daemon.stop()

    def is_usual(self) -> bool:
        """Tell whether the cache answers now."""
        return self.seen()[-1].source in USUAL

    def seen(self) -> list[Look]:
        """Return all that was seen so far."""
        found = _LINE.findall(self._log.read_text()) if self._log.exists() else []
        return [Look(float(at), source) for at, source in found]


def back_at(seen: Sequence[Look], since: float, until: float) -> float:
    """Return when the cache had begun to answer for good, ``since`` itself if it never ceased to.

    What comes after ``until`` does not count, unless the cache was not back by then.

    Raises:
        ValueError: at the end, or already before ``since``, something else answered.
    """
    before = [each for each in seen if each.at <= since]
    within = [each for each in seen if since < each.at <= until]
    is_back = not within or within[-1].source in USUAL
    after = within if is_back else [each for each in seen if each.at > since]
    if not before or before[-1].source not in USUAL or seen[-1].source not in USUAL:
        raise ValueError(f"the cache does not answer before {since:.2f} and at the end: {seen}")
    unusual = [at for at, each in enumerate(after) if each.source not in USUAL]
    return after[unusual[-1] + 1].at if unusual else since


def main() -> None:
    """Look until killed."""
    settings = load(Path(sys.argv[1]))
    registry = CollectorRegistry()
    directory = decision_directory(settings, sql_directory(Database.open(settings.store.url)), registry)
    last, counts = "", _counts(registry)
    while True:
        with suppress(LookupFailed):  # that is counted as well
            directory.lookup([_ASKED])
        before, counts = counts, _counts(registry)
        source = next(source for source, count in counts.items() if count != before[source])
        if source != last:
            sys.stdout.write(f"{time.time():.3f} {source}\n")
            sys.stdout.flush()
            last = source
        time.sleep(EVERY)


def _counts(registry: CollectorRegistry) -> dict[str, float]:
    name = "byname_lookups_total"
    return {source: registry.get_sample_value(name, {"source": source}) or 0.0 for source in _SOURCES}


if __name__ == "__main__":
    main()
