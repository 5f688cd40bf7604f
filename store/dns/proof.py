"""The state machine of a domain proof: when a domain is proved and when its proof lapses. Pure: no I/O, no clock.

Proved at once when every nameserver that gave an answer shows the token, so that one lying server among several proves
nothing. Lapsed slowly, since a mistake would cost more than patience: only by proven absence at two nameservers, seen
LAPSE_TIMES times with SPACING between, LAPSE_AFTER after the first, WARNED_FOR after a warning. Whatever could not be
told counts for nothing, and one sight of the token clears it all (docs/design.md, section 3).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

WITNESSES = 2  # nameservers that must agree on an absence
LAPSE_TIMES = 3
LAPSE_AFTER = timedelta(hours=72)
SPACING = timedelta(hours=12)  # checks in quick succession are one
WARN_TIMES = 2
WARNED_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Sighting:
    """Counts of nameservers: how many showed the token, and how many proved that it is not there."""

    seen: int = 0
    absent: int = 0
    proven_absent: int = 0  # of these, how many with evidence: an SOA, or other records in its place
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """The stored state of a domain's proof."""

    proved: bool = False
    seen_at: datetime | None = None  # the token; never: proved by an operator, which does not lapse
    lapsed: bool = False
    missing_since: datetime | None = None
    missing_times: int = 0
    missing_last_at: datetime | None = None
    warned_at: datetime | None = None


class Event(StrEnum):
    """The result of a sighting, for log and audit."""

    PROVED = "proved"
    WARNED = "warned"
    LAPSED = "lapsed"
    FOUND_AGAIN = "found-again"  # after a warning
    RESTORED = "restored"  # after it had lapsed


def step(proof: Proof, sighting: Sighting, now: datetime) -> tuple[Proof, Event | None]:
    """Return the proof after a sighting at ``now``, and the event to report."""
    if sighting.seen:
        return _seen(proof, now, contradicted=sighting.absent > 0)
    if proof.proved and not proof.lapsed and proof.seen_at and sighting.proven_absent >= WITNESSES:
        return _missed(proof, now)
    return proof, None


def lapses_at(proof: Proof) -> datetime | None:
    """Return the earliest moment at which a missing proof lapses; None while nothing is missing or it is over."""
    if proof.missing_since is None or proof.lapsed:
        return None
    earliest = proof.missing_since + LAPSE_AFTER
    return max(earliest, proof.warned_at + WARNED_FOR) if proof.warned_at else earliest


def _seen(proof: Proof, now: datetime, *, contradicted: bool) -> tuple[Proof, Event | None]:
    if not proof.proved and contradicted:
        return proof, None  # still spreading, or a lie
    event = None
    if not proof.proved:
        event = Event.PROVED
    elif proof.lapsed:
        event = Event.RESTORED
    elif proof.warned_at:
        event = Event.FOUND_AGAIN
    return Proof(proved=True, seen_at=now), event


def _missed(proof: Proof, now: datetime) -> tuple[Proof, Event | None]:
    if proof.missing_last_at is not None and now - proof.missing_last_at < SPACING:
        return proof, None
    since, times = proof.missing_since or now, proof.missing_times + 1
    proof = replace(proof, missing_since=since, missing_times=times, missing_last_at=now)
    if proof.warned_at is None:
        if times < WARN_TIMES:
            return proof, None
        return replace(proof, warned_at=now), Event.WARNED
    if times >= LAPSE_TIMES and now - since >= LAPSE_AFTER and now - proof.warned_at >= WARNED_FOR:
        return replace(proof, lapsed=True), Event.LAPSED
    return proof, None
