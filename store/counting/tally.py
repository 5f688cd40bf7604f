"""The count of one process, until it is handed on. No count is worth a mail: what cannot be counted is not.

Memory is bounded: so many names and so many senders between two hand-overs; what is new beyond that is lost, and
counted as lost. Nothing here waits for anything but another thread that adds one.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import TypeVar

from routing.address import Address
from store.batches import batches
from store.wire_format.counts import LONGEST_SENDER, MOST_COUNTS, Batch, NameCount, SenderCount

MOST_KEYS = 10_000  # of each kind: about 3 MB
_DAY = 86_400  # seconds

_CountKey = tuple[str, str, str, int]  # local part, domain, rule, day
_SenderKey = tuple[str, str, str]  # local part, domain, path
_Key = TypeVar("_Key", _CountKey, _SenderKey)
_Figures = list[float]  # mails; or accepted and refused ones; the last: when


class Tally:
    """Mails to aliases since the last hand-over. Thread-safe; no method but :meth:`take` ever raises."""

    def __init__(self, clock: Callable[[], float] = time.time, most: int = MOST_KEYS) -> None:
        """``clock`` gives seconds since 1970, ``most`` is for how many keys of each kind there is room."""
        self.lost = 0  # mails, or senders of mails, for which there was no room
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._counts: dict[_CountKey, _Figures] = {}
        self._senders: dict[_SenderKey, _Figures] = {}

    def accepted(self, alias: Address, sender: str) -> None:
        """Count a mail that was accepted. ``sender`` is the argument of its MAIL FROM, as the client typed it."""
        self._add(alias, "", sender)

    def refused(self, alias: Address, rule: str, sender: str) -> None:
        """Count a mail that was refused for good."""
        self._add(alias, rule, sender)

    def take(self) -> list[Batch]:
        """Return what was counted, each batch with an id of its own, and begin anew."""
        with self._lock:
            counts, self._counts = self._counts, {}
            senders, self._senders = self._senders, {}
        return list(_cut(counts, senders))

    def _add(self, alias: Address, rule: str, sender: str) -> None:
        try:
            now = self._clock()
            key = (alias.local, alias.domain, rule, int(now // _DAY))
            with self._lock:
                self._add_to(self._counts, key, 0, now)
                self._add_to(self._senders, (alias.local, alias.domain, sender[:LONGEST_SENDER]), 1 if rule else 0, now)
        except Exception:  # noqa: BLE001 - as above
            self.lost += 1

    def _add_to(self, kept: dict[_Key, _Figures], key: _Key, which: int, now: float) -> None:
        figures = kept.get(key)
        if figures is None:
            if len(kept) >= self._most:
                self.lost += 1
                return
            figures = kept[key] = [0, 0, 0.0]
        figures[which] += 1
        figures[2] = now


def _cut(counts: dict[_CountKey, _Figures], senders: dict[_SenderKey, _Figures]) -> Iterator[Batch]:
    every_count = batches((NameCount(*key, int(mails), last) for key, (mails, _, last) in counts.items()), MOST_COUNTS)
    every_sender = batches(
        (SenderCount(*key, int(taken), int(refused), last) for key, (taken, refused, last) in senders.items()),
        MOST_COUNTS,
    )
    for some, wrote in zip_longest(every_count, every_sender):
        yield Batch(secrets.token_hex(16), tuple(some or ()), tuple(wrote or ()))
