"""The count of one process, until it is handed on. No count is worth a mail: what cannot be counted is not.

Memory is bounded: between two hand-overs there is room for so many names with their senders. Beyond it mails are still
counted, without their senders, for as many names again; what is new beyond that is lost, and counted as lost. Nothing
here waits for anything but another thread that adds one.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest

from routing.address import Address
from store.batches import batches
from store.wire_format.counts import LONGEST_SENDER, MOST_COUNTS, Batch, NameCount, SenderCount

MOST_KEYS = 10_000  # about 3 MB
_DAY = 86_400  # seconds

_Key = tuple[str, str, str, str, int]  # local part, domain, rule ("": accepted), path of the sender, day
_Figures = list[int]  # mails, and the second of the last one


class Tally:
    """Mails to aliases since the last hand-over. Thread-safe; no method but :meth:`take` ever raises."""

    def __init__(self, clock: Callable[[], float] = time.time, most: int = MOST_KEYS) -> None:
        """``clock`` gives seconds since 1970; there is room for ``most`` keys with a sender, and as many without."""
        self.lost = 0  # mails, or senders of mails, for which there was no room
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[_Key, _Figures] = {}

    def accepted(self, alias: Address, sender: str) -> None:
        """Count a mail that was accepted. ``sender`` is the argument of its MAIL FROM, as the client typed it."""
        self._add(alias, "", sender)

    def refused(self, alias: Address, rule: str, sender: str) -> None:
        """Count a mail that was refused for good."""
        self._add(alias, rule, sender)

    def take(self) -> list[Batch]:
        """Return what was counted, each batch with an id of its own, and begin anew."""
        with self._lock:
            kept, self._kept = self._kept, {}
        counts, senders = _by_name(kept), _by_sender(kept)
        return list(_cut(counts, senders))

    def _add(self, alias: Address, rule: str, sender: str) -> None:
        try:
            now = int(self._clock())
            key = (alias.local, alias.domain, rule, sender[:LONGEST_SENDER], now // _DAY)
            with self._lock:
                figures = self._kept.get(key) or self._room(key)
                if figures is not None:
                    figures[0] += 1
                    figures[1] = now
        except Exception:  # noqa: BLE001 - as above
            self.lost += 1

    def _room(self, key: _Key) -> _Figures | None:
        """Return new figures for a key, else those of its name without a sender; None when there is no room at all."""
        if len(self._kept) >= self._most:
            self.lost += 1
            key = (*key[:3], "", key[4])
        if len(self._kept) >= 2 * self._most:
            return self._kept.get(key)
        return self._kept.setdefault(key, [0, 0])


def _by_name(kept: Mapping[_Key, _Figures]) -> list[NameCount]:
    found: dict[tuple[str, str, str, int], _Figures] = {}
    for (local, domain, rule, _, day), (mails, last) in kept.items():
        key = (local, domain, rule, day)
        before = found.get(key)
        found[key] = [mails, last] if before is None else [before[0] + mails, max(before[1], last)]
    return [NameCount(*key, *figures) for key, figures in found.items()]


def _by_sender(kept: Mapping[_Key, _Figures]) -> list[SenderCount]:
    found: dict[tuple[str, str, str], tuple[int, int, int]] = {}
    for (local, domain, rule, path, _), (mails, last) in kept.items():
        if path:
            key = (local, domain, path)
            taken, refused, latest = found.get(key, (0, 0, 0))
            sums = (taken, refused + mails) if rule else (taken + mails, refused)
            found[key] = (*sums, max(latest, last))
    return [SenderCount(*key, *figures) for key, figures in found.items()]


def _cut(counts: list[NameCount], senders: list[SenderCount]) -> Iterator[Batch]:
    for some, wrote in zip_longest(batches(counts, MOST_COUNTS), batches(senders, MOST_COUNTS)):
        yield Batch(secrets.token_hex(16), tuple(some or ()), tuple(wrote or ()))
