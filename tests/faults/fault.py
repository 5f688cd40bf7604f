"""What a fault is: a row of the tables, and what a client may see meanwhile.

A row's function is the fault's beginning and, after its ``yield``, its end. docs/reliability.md shows the same rows.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from tests.faults.timeline import Timeline
from tests.faults.world import World

RIGHT = "the right answers, as ever"
GRACE = "known names and permitted senders as ever, 451 for the rest"
LATER = "451, and the right answers after the end"
SLOW = "a delay; after 10 s 451"
QUEUED = "nothing; mail waits in the queue"
TWICE = "mail waits in the queue; some may come twice (RFC 1047)"
MOMENT = "the right answers, or 451 for a moment"

Inject = Callable[[World, Timeline], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row."""

    name: str
    does: str
    sees: str  # what a client sees while it lasts
    inject: Inject
    recovers: float  # seconds after its end within which nothing is put off any more
    seconds: float = 2.0  # how long it lasts in the short form; longer in ``make faults``
    long: float = 3.0
    settles: float = 0.0  # seconds within which a change is live at the latest
    is_short: bool = True  # part of the short form
    allows: frozenset[str] = frozenset()  # what the ledger may find wrong all the same, because SMTP cannot do better
    around: Callable[[World], AbstractContextManager[object]] = nullcontext  # what is made ready before the mail flows
    takes_over: bool = False  # something dies for good, and another takes its place: the time is counted from the kill
    caches: bool = True  # and while the fault still lasts the cache answers again, if there is one


@contextmanager
def nothing(_world: World, _timeline: Timeline) -> Iterator[None]:
    yield
