"""Keeps Postfix's file of hosted domains in step with the store, in a thread of ``byname maps``.

The store alone says what belongs into the file, and the file alone what it holds: both are read at the start, after a
failure and every ten minutes, and what differs is put right. So whatever ended an earlier writer needs no journal.
While the store is away, or the file cannot be written, the old file stays, Postfix goes on reading it, and whoever
changes which domains are hosted is told "pending" (store.unit_of_work.map_files).

What a failure shows to Postfix: nothing. The milters answer for domains that the file has and should not
(conf.map_file).
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping

import structlog

from conf.map_file import REMEMBERED, MapFile, read_list, write_list
from edges.map_file.postmap import SETTLED, MapFileError, Postmap
from routing.domain import unicode_domain
from store.errors import StoreNotReady, StoreUnavailable
from store.sql import map_files
from store.sql.database import Database
from store.sql.outbox import Clock

LOOK = 0.25  # seconds between two looks at the store
_AGAIN = 5.0  # seconds after a failure
_WHOLE = 600.0  # seconds between two comparisons of the whole file; others take one that is silent longer for dead
_MANY = 5000  # keys, which take as long in place as a whole new file of 50,000 and what follows from it

log = structlog.get_logger()


class Exporter:
    """One file. :meth:`run` is for a thread of its own, :meth:`health` for any."""

    def __init__(self, database: Database, place: MapFile, name: str, *, settled: float = SETTLED) -> None:
        """Keep the file at ``place``.

        Args:
            database: what is hosted, and where it is written down what the file holds.
            place: of the file; :func:`edges.map_file.postmap.require_kind` has let it pass.
            name: of the file among those of all machines.
            settled: seconds after which Postfix reads a file that was put in another's place.
        """
        self._database = database
        self._place = place
        self._name = name
        self._settled = settled
        self._postmap = Postmap(place)
        self._file: object = database.identity()
        self._held: set[str] | None = None  # keys in the file; None: to be read
        self._seen: Clock | None = None  # what the clock showed when the file was last brought in step
        self._due: deque[tuple[float, Clock, int]] = deque()  # when Postfix reads what was as of a clock; keys
        self._settles_at = 0.0
        self._whole_at = 0.0
        self._problem: str | None = "nothing was written yet"
        self._told: str | None = None  # the problem that the store knows

    def run(self, stopped: threading.Event) -> None:
        """Keep the file until ``stopped``."""
        while not stopped.is_set():
            stopped.wait(LOOK if self.step() else _AGAIN)

    def health(self) -> Mapping[str, str]:
        """Return "in step" for ``map-file``, or why it is not. Not "ok": Postfix goes on reading the old one."""
        return {"map-file": self._problem or "in step"}

    def step(self) -> bool:
        """Look once, and bring the file in step; return whether that went well. Never raises."""
        try:
            self._look_at_the_database()
            if self._is_due():
                self._bring()
            self._tell()
        except (StoreUnavailable, StoreNotReady) as error:
            return self._failed(f"the store does not say what is hosted: {error}")
        except (MapFileError, OSError) as error:
            return self._failed(f"the file of domains cannot be written: {error}")
        except Exception:  # a bug must not end the thread in silence
            log.exception("map-file-bug")
            return self._failed("a bug, see the log")
        if self._problem is not None:
            log.info("map-file-in-step", file=str(self._place.file), domains=len(self._held or ()))
        self._problem = None
        return True

    def _look_at_the_database(self) -> None:
        """Begin anew over a database file that was put in another's place."""
        file = self._database.identity()
        if file != self._file:
            self._database.close()
            self._file, self._seen = file, None

    def _is_due(self) -> bool:
        if self._seen is None or self._held is None or not self._place.file.exists():
            return True
        if time.monotonic() >= self._whole_at:
            self._held = None
            return True
        return map_files.has_changed(self._database, self._seen)

    def _bring(self) -> None:
        clock, names = map_files.hosted(self._database)
        wanted = {key for name in names for key in keys_of(name)}
        if self._held is None or not self._place.file.exists():
            self._held = self._postmap.keys()
            self._whole_at = time.monotonic() + _WHOLE
        if self._held is None or (clock is None and self._told is None):
            self._expect("a new file, which Postfix reads in some seconds" if clock else "")
        self._write(wanted)
        self._seen = clock
        if clock is not None:
            self._due.append((max(time.monotonic(), self._settles_at), clock, len(names)))

    def _expect(self, why: str) -> None:
        """Have others wait for the file from now on: nothing that it held counts any more."""
        map_files.note(self._database, self._name, None, 0, why or None)
        self._told = why
        self._due.clear()

    def _write(self, wanted: set[str]) -> None:
        """Write the list for the milters first, so that it never lacks what the file has, and again at the end."""
        had, left = self._listed()
        if had == self._held == wanted:
            return
        had |= self._held or set()
        gone = had - wanted
        write_list(self._place, had | wanted, left)
        self._change(wanted)
        left |= dict.fromkeys(gone, time.time())
        write_list(self._place, wanted, left)

    def _change(self, wanted: set[str]) -> None:
        held, self._held = self._held, None  # whatever fails from here, the file says what it holds
        if held is None or not self._can_change(held, wanted):
            self._postmap.replace(wanted)
            self._settles_at = time.monotonic() + self._settled
        else:
            if wanted - held:
                self._postmap.add(wanted - held)
            if held - wanted:
                self._postmap.remove(held - wanted)
        self._held = wanted

    def _can_change(self, held: set[str], wanted: set[str]) -> bool:
        """Return whether the file is better changed in place than replaced."""
        return held == wanted or (self._postmap.is_changed_in_place and len(held ^ wanted) <= _MANY)

    def _listed(self) -> tuple[set[str], dict[str, float]]:
        """Return what the list says, without those that left long ago; nothing when there is no list."""
        try:
            hosted, left = read_list(self._place)
        except (OSError, ValueError):
            return set(), {}
        now = time.time()
        return set(hosted), {name: moment for name, moment in left.items() if now - moment < REMEMBERED}

    def _tell(self) -> None:
        """Write down what Postfix reads by now, for those who wait."""
        now, read = time.monotonic(), None
        while self._due and self._due[0][0] <= now:
            read = self._due.popleft()
        if read is not None:
            try:
                map_files.note(self._database, self._name, read[1], read[2])
            except Exception:
                self._due.appendleft(read)
                raise
            self._told = None

    def _failed(self, reason: str) -> bool:
        if reason != self._problem:
            log.warning("map-file-out-of-step", file=str(self._place.file), reason=reason)
        self._problem = reason
        if self._told != reason:
            self._tell_problem(reason)
        return False

    def _tell_problem(self, reason: str) -> None:
        """Write the reason down for people, if the store can be reached; nothing counts as held meanwhile."""
        try:
            map_files.note(self._database, self._name, None, len(self._held or ()), reason)
        except (StoreUnavailable, StoreNotReady):
            return
        self._told, self._seen = reason, None
        self._due.clear()


def keys_of(name: str) -> Iterable[str]:
    """Return how Postfix may look a domain up: as it is, and as U-labels where Postfix folds them to themselves."""
    yield name
    shown = unicode_domain(name)
    if shown != name and shown == shown.casefold():
        yield shown
