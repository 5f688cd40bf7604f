"""Which hand-overs of the Message API a milter process has taken: each key holds once, while it lives.

What was taken before this process began it does not know, so it takes no key from then.
"""

import threading
import time
from dataclasses import dataclass, field

from routing.handover import CLOCKS_APART, LIFETIME, holds_from

_REMEMBERED = LIFETIME + 2 * CLOCKS_APART  # seconds; no key lives longer
_NO_NAME = "?"  # of a message whose queue id the MTA did not tell


@dataclass(slots=True)
class Handovers:
    """The key that the API shares with us, and what came with it. For all sessions of a process."""

    key: bytes
    since: float = field(default_factory=time.time)
    _taken: dict[str, tuple[float, str]] = field(default_factory=dict)  # by field value; in the order of their coming
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __repr__(self) -> str:
        """Show no key."""
        return f"Handovers({len(self._taken)} taken)"

    def settle(self) -> None:
        """Wait, for a second at most, until every key made from now on holds. Nobody is served before."""
        time.sleep(min(1.0, max(0.0, holds_from(self.since) - time.time())))

    def take(self, value: str, queue_id: str | None) -> str | None:
        """Take a hand-over; None when it is new, else the queue id of the message that came with it before."""
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            if (before := self._taken.get(value)) is not None:
                return before[1]
            self._taken[value] = now, queue_id or _NO_NAME
        return None

    def give_back(self, value: str) -> None:
        """Forget a hand-over whose message was refused after all."""
        with self._lock:
            self._taken.pop(value, None)

    def _forget(self, now: float) -> None:
        for value, (at, _) in list(self._taken.items())[:2]:  # two for each that comes: it does not pile up
            if now - at > _REMEMBERED:
                del self._taken[value]
