"""The ledger: what must happen to each mail, written down before it is sent, and what came of it."""

import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path

from byname.sandbox.sink import Delivery, Sink
from tests.faults.names import MOVING, OUTSIDE, REFUSED, Kind
from tests.faults.timeline import Timeline

_ID = re.compile(rb"^X-Ledger: (\S+)", re.MULTILINE)
_DELIVERED_TO = re.compile(rb"^Delivered-To: (\S+)", re.MULTILINE | re.IGNORECASE)
_LAST_DECISION = 3.0  # seconds before its arrival within which a copy was decided about: 1 s old at most, and 2 s long


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, and its reply for one recipient: 0 when the connection broke."""

    began: float
    ended: float
    code: int
    text: str

    @property
    def is_final(self) -> bool:
        """True unless an MTA would try again."""
        return self.code // 100 in {2, 5}


@dataclass(slots=True)
class Entry:
    """One recipient of one mail through one of the sites. ``outcome`` stands here before anything is sent."""

    mail: str
    kind: Kind
    recipient: str
    outcome: str
    site: int = 0
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def last(self) -> Attempt | None:
        """The attempt that decided, None while none has."""
        return self.attempts[-1] if self.attempts and self.attempts[-1].is_final else None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One copy of one mail for one name: where and when."""

    place: str
    at: float


@dataclass(slots=True)
class Summary:
    """How many recipients fared how, and how the stream felt to its clients. All but ``ok`` must be 0."""

    ok: int = 0
    lost: int = 0
    wrongly_refused: int = 0
    misdelivered: int = 0
    duplicated: int = 0
    leaked: int = 0
    wrongly_allowed: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> dict[str, int]:
        """What must not be, by name, as far as it happened."""
        counts = {key: value for key, value in asdict(self).items() if key not in {"ok", "examples"}}
        return {key: value for key, value in counts.items() if value}

    def note(self, verdict: str, entry: Entry, arrivals: Sequence[Arrival]) -> None:
        """Count a recipient, and keep some of the bad ones for people."""
        setattr(self, verdict, getattr(self, verdict) + 1)
        if verdict != "ok" and len(self.examples) < 10:
            tries = [(f"{each.began:.2f}-{each.ended:.2f}", each.code, each.text) for each in entry.attempts[-4:]]
            self.examples.append(f"{verdict}: {entry.mail} {entry.kind} {entry.recipient} {tries} {arrivals}")


class Ledger:
    """Written by the threads that send, judged when all is quiet."""

    def __init__(self, timeline: Timeline, mark: str) -> None:
        """``mark`` tells the mails of this ledger from others in the same sinks."""
        self.timeline = timeline
        self._mark = mark
        self._numbers = count()
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def write_down(self, kind: Kind, site: int = 0) -> list[Entry]:
        """Return the entries of a new mail, with what must become of each."""
        with self._lock:
            mail = f"{self._mark}-{next(self._numbers)}"
            made = [Entry(mail, kind, recipient, outcome, site) for recipient, outcome in kind.to]
            self._entries.extend(made)
        return made

    @property
    def entries(self) -> list[Entry]:
        """All entries so far."""
        with self._lock:
            return list(self._entries)

    def attempts(self) -> Iterator[tuple[Entry, Attempt]]:
        """Return every attempt with its entry."""
        return ((entry, attempt) for entry in self.entries for attempt in entry.attempts)

    def put_off(self) -> Iterator[tuple[Entry, Attempt]]:
        """Return every attempt that was to be made again; those for names that are being changed are left out."""
        tries = ((entry, attempt) for entry, attempt in self.attempts() if entry.outcome != MOVING)
        return ((entry, attempt) for entry, attempt in tries if not attempt.is_final)

    def judge(self, mailboxes: Sequence[Sink], outside: Sequence[Sink]) -> Summary:
        """Hold the sinks against what was written down."""
        summary = Summary()
        found = {(entry.mail, entry.recipient): (entry, list[Arrival]()) for entry in self.entries}
        bounced: set[str] = set()
        for place, mail, names, at in self._copies(mailboxes, outside, bounced):
            for name in names:
                entry, arrivals = found.get((mail, name), (None, []))
                arrivals.append(Arrival(place, at))
                if entry is None:
                    summary.leaked += 1
                    summary.examples.append(f"leaked: {mail} for {place} names {name}")
        for entry, arrivals in found.values():
            summary.note(self._verdict(entry, arrivals, is_bounced=entry.mail in bounced), entry, arrivals)
        return summary

    def _copies(
        self, mailboxes: Sequence[Sink], outside: Sequence[Sink], bounced: set[str]
    ) -> Iterator[tuple[str, str, Iterable[str], float]]:
        """Return place, mail, names and time of each copy; note the mails of bounces."""
        for sink in (*mailboxes, *outside):
            for number, delivery in enumerate(sink.deliveries, start=1):
                mark = _ID.search(delivery.content)
                mail = mark[1].decode() if mark else ""
                if not mail.startswith(f"{self._mark}-"):
                    continue
                if not delivery.sender:
                    bounced.add(mail)
                    continue
                at = _time_of(sink, number)
                for place in delivery.recipients:
                    mailbox = re.sub(r"\+[^@]*", "", place)
                    yield (OUTSIDE if sink in outside else mailbox), mail, _names(delivery, place), at

    def _verdict(self, entry: Entry, arrivals: Sequence[Arrival], *, is_bounced: bool) -> str:
        last = entry.last
        if last is None:
            return "duplicated" if arrivals else "lost"
        if last.code >= 500:
            if arrivals:
                return "duplicated"
            return "ok" if REFUSED in self._right(entry, last.began, last.ended) else "wrongly_refused"
        if self._right(entry, last.began, last.ended) == {REFUSED}:
            return "wrongly_allowed"
        if not arrivals:
            if REFUSED in self._right(entry, last.began, time.time()):
                return "ok"
            return "wrongly_refused" if is_bounced else "lost"
        return self._placed(entry, last, arrivals)

    def _placed(self, entry: Entry, last: Attempt, arrivals: Sequence[Arrival]) -> str:
        if len(arrivals) > 1:
            return "duplicated"
        (arrival,) = arrivals
        right = self._right(entry, max(last.began, arrival.at - _LAST_DECISION), arrival.at)
        return "ok" if arrival.place in right else "misdelivered"

    def _right(self, entry: Entry, since: float, until: float) -> set[str]:
        if entry.outcome != MOVING:
            return {entry.outcome}
        return self.timeline.right(entry.recipient, since, until)


def _names(delivery: Delivery, place: str) -> list[str]:
    """Return the names that a copy says it was sent to; one without says the mailbox."""
    return [name.decode() for name in _DELIVERED_TO.findall(delivery.content)] or [place]


def _time_of(sink: Sink, number: int) -> float:
    """Return when a delivery came, from the file that the sink keeps it in."""
    return Path(sink.folder / f"{number:06}.eml").stat().st_mtime
