"""The admin at work while mail flows: names switched, deleted, made anew, given away."""

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from itertools import cycle

from store.errors import StoreNotReady, StoreUnavailable
from store.services import aliases
from store.sql.database import Database
from store.sql.tenant import Transaction
from tests.faults.names import COMING, GIVEN, REFUSED, TOGGLED
from tests.faults.timeline import Timeline
from tests.mail.world import JOHN, MARY

EVERY = 0.35  # seconds

Step = tuple[str, Callable[[Transaction], object]]  # the outcome, and the change that leads there


class Changes(threading.Thread):
    """A thread that makes one change after the other until stopped. The store may be away meanwhile."""

    def __init__(self, url: str, timeline: Timeline, every: float = EVERY) -> None:
        """A change comes ``every`` so many seconds."""
        super().__init__(daemon=True)
        self.made = 0
        self._every = every
        self._url = url
        self._timeline = timeline
        self._stopping = threading.Event()
        self._is_through = False

    def run(self) -> None:
        """Make changes."""
        steps = cycle([(TOGGLED, _toggle), (GIVEN, _give_away), (COMING, _come_or_go)])
        for name, step in steps:
            if self._stopping.wait(self._every):
                self._is_through = True
                return
            with suppress(StoreUnavailable, StoreNotReady):
                self._timeline.change(name, partial(self._make, step))
                self.made += 1

    def _make(self, step: Callable[[str], Step], now: str) -> str:
        outcome, change = step(now)
        with closing(Database.open(self._url)) as database, database.write() as tx:
            change(tx)
        return outcome

    def __enter__(self) -> "Changes":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.join(30)
        assert self._is_through, "the changes ended early, or hang"


def _toggle(now: str) -> Step:
    if now == JOHN:
        return REFUSED, lambda tx: aliases.update(tx, TOGGLED, is_active=False)
    return JOHN, lambda tx: aliases.update(tx, TOGGLED, is_active=True)


def _come_or_go(now: str) -> Step:
    if now == JOHN:
        return REFUSED, lambda tx: aliases.remove(tx, COMING)
    return JOHN, lambda tx: aliases.add(tx, COMING, JOHN)


def _give_away(now: str) -> Step:
    heir = MARY if now == JOHN else JOHN

    def change(tx: Transaction) -> None:
        aliases.remove(tx, GIVEN)
        aliases.add(tx, GIVEN, heir)

    return heir, change
