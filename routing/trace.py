"""Which Delivered-To fields of a message are ours, and how often a name has come by.

A sender could steer the owner's mail filters with a Delivered-To of his own, so every one goes that is not vouched
for. Where Byname writes Delivered-To fields it puts above them

    X-Byname-Trace: <unix time>, <HMAC-SHA256(key; time, Message-ID, names)>

which shows no name. The fields that follow it without a gap are the names it vouches for, so that a second pass of
the same message, behind a content filter or on its way to another alias, changes nothing (docs/design.md, section 5).
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from routing.address import Address
from routing.handover import HANDOVER

DELIVERED_TO = "Delivered-To"
TRACE = "X-Byname-Trace"

_WATCHED = {name.lower(): name for name in (DELIVERED_TO, TRACE, HANDOVER, "Message-ID")}
_LIFETIME = 14 * 24 * 3600  # seconds; an MTA's queue lifetime and then some
_CLOCKS_APART = 3600  # seconds that another machine's clock may be ahead
_MOST_RETURNS = 5
_LONGEST_VALUE = 1024  # octets; no value of ours is nearly as long, so of a longer one a digest is kept


@dataclass(frozen=True, slots=True)
class Findings:
    """What to remove, as ordinals among the fields of one name counted from 1, and the names that stay."""

    delivered_to: tuple[int, ...]
    traces: tuple[int, ...]
    vouched: Counter[str]

    def loops(self, name: Address) -> bool:
        """True when the name came back to itself too often (RFC 5321 section 6.3; reply 554 5.4.6)."""
        return self.vouched[str(name)] > _MOST_RETURNS

    @property
    def removals(self) -> int:
        """How many fields are to be removed."""
        return len(self.delivered_to) + len(self.traces)


_NOTHING = Findings((), (), Counter())


@dataclass(slots=True)
class TraceFields:
    """The header of a message as far as it matters here. Feed it every field, from the top down.

    ``most`` bounds how many Delivered-To and trace fields are kept; None for a caller who bounds the header itself.
    """

    most: int | None = None
    is_too_long: bool = False  # there were more, and what ``judge`` says is not about all of them
    handovers: int = 0  # fields of that name, which are taken away wherever they come from
    _kept: int = 0
    _fields: list[tuple[str, str]] = field(default_factory=list)  # other fields are kept as one gap
    _message_id: str | None = None

    def add(self, name: str, value: bytes) -> None:
        """Note a field, whatever its name, with its value as it came."""
        known = _WATCHED.get(name.strip().lower())
        if known == "Message-ID" and self._message_id is None:
            self._message_id = _text(value)
        self.handovers += known == HANDOVER
        if known in {DELIVERED_TO, TRACE}:
            self._keep(known, value)
        elif self._fields and self._fields[-1][0]:
            self._fields.append(("", ""))

    def _keep(self, name: str, value: bytes) -> None:
        if self.most is not None and self._kept >= self.most:
            self.is_too_long = True
        else:
            self._kept += 1
            self._fields.append((name, _text(value)))

    @property
    def message_id(self) -> str:
        """The Message-ID, empty if there is none."""
        return self._message_id or ""

    def judge(self, key: bytes | None, now: float) -> Findings:
        """Tell the fields that are ours from all others. Without a key none is ours; ``now`` is unix time."""
        if not self._fields:
            return _NOTHING
        delivered_to, traces = _Ordinals(), _Ordinals()
        vouched: Counter[str] = Counter()
        for trace, names in self._groups():
            ours = trace is not None and key is not None and _holds(key, trace, self.message_id, names, now)
            if trace is not None:
                traces.count(1, keep=ours)
            delivered_to.count(len(names), keep=ours)
            vouched.update(names if ours else ())
        return Findings(tuple(delivered_to.removed), tuple(traces.removed), vouched)

    def _groups(self) -> list[tuple[str | None, list[str]]]:
        """Split into runs: a trace, or none, with the names that follow it without a gap."""
        groups: list[tuple[str | None, list[str]]] = [(None, [])]
        for name, text in self._fields:
            if name == DELIVERED_TO:
                groups[-1][1].append(text)
            else:
                groups.append((text if name == TRACE else None, []))
        return groups


def _text(value: bytes) -> str:
    if len(value) > _LONGEST_VALUE:
        return hashlib.sha256(value).hexdigest()
    return " ".join(value.decode("utf-8", "backslashreplace").split())


@dataclass(slots=True)
class _Ordinals:
    seen: int = 0
    removed: list[int] = field(default_factory=list)

    def count(self, many: int, *, keep: bool) -> None:
        if not keep:
            self.removed += range(self.seen + 1, self.seen + many + 1)
        self.seen += many


def trace_value(key: bytes, message_id: str, names: Sequence[Address], now: float) -> str:
    """Return the value of the trace that vouches for ``names``, which are to follow it in that order."""
    time = str(int(now))
    return f"{time}, {_digest(key, time, message_id, [str(name) for name in names])}"


def delivered_to_fields(
    key: bytes | None, message_id: str, names: Sequence[Address], now: float
) -> list[tuple[str, str]]:
    """Return the fields that tell an owner which of his names were written to, from the top down.

    Nothing without names; the trace only with a key.
    """
    shown = [(DELIVERED_TO, str(name)) for name in names]
    return [(TRACE, trace_value(key, message_id, names, now)), *shown] if key and names else shown


def _holds(key: bytes, value: str, message_id: str, names: Sequence[str], now: float) -> bool:
    time, _, digest = value.partition(", ")
    if not (time.isascii() and time.isdigit() and len(time) <= 12) or not names:
        return False
    age = now - int(time)
    expected = _digest(key, time, message_id, names)
    return -_CLOCKS_APART <= age <= _LIFETIME and hmac.compare_digest(digest.encode(), expected.encode())


def _digest(key: bytes, time: str, message_id: str, names: Sequence[str]) -> str:
    return hmac.new(key, "\n".join([time, message_id, *names]).encode(), hashlib.sha256).hexdigest()
