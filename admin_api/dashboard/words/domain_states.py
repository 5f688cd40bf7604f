"""The state of a domain, and what its DNS records are for, in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from store.dns.judging import Purpose, State
from store.dns.records import CheckedRecord
from store.services.views import Domain

GOOD, WAIT, OFF = "good", "wait", "off"  # classes of the dot

PURPOSES: Mapping[Purpose, str] = MappingProxyType(
    {
        Purpose.OWNERSHIP: "Proves that the domain is yours",
        Purpose.MX: "Brings the domain's mail here",
        Purpose.SPF: "Lets this service send for the domain",
        Purpose.DKIM: "Lets receivers check the signature of your mail",
        Purpose.DMARC: "Tells receivers what to do with forged mail",
    }
)
RECORD_STATES: Mapping[State, tuple[str, str]] = MappingProxyType(
    {
        State.OK: (GOOD, "Seen"),
        State.MISSING: (OFF, "Not seen"),
        State.WRONG: (WAIT, "Differs"),
        State.UNKNOWN: (OFF, "Not known"),
    }
)


@dataclass(frozen=True, slots=True)
class DomainState:
    """What people read of a domain's state.

    Attributes:
        dot: GOOD, WAIT or OFF.
        words: the state.
        next: what to do, or what it means, in a sentence or two.
        not_offered: why no new alias can be made there; None: it can.
    """

    dot: str
    words: str
    next: str
    not_offered: str | None


_NOT_PROVED = "it is not proved to be yours yet"
_READY = DomainState(GOOD, "Ready", "Mail to its names is taken, and new names can be made.", None)
_MISSING = DomainState(
    WAIT,
    "Ready, but its proof is missing",
    "The first record below is no longer in the DNS. Put it back, then press Recheck; if it stays away, no new names"
    " can be made.",
    None,
)
_LAPSED = DomainState(
    WAIT,
    "Proof lapsed",
    "Mail still arrives. Put the first record below back into the DNS, then press Recheck.",
    "its proof has lapsed",
)
_SUSPENDED = DomainState(
    OFF,
    "Account suspended",
    "As long as the account is suspended, mail to the domain is not taken, and nobody can send from it.",
    "the account is suspended",
)
_OFF = DomainState(
    OFF, "Switched off", "All mail to it is refused until it is switched on again.", "it is switched off"
)
_PARKED = DomainState(
    WAIT,
    "Waiting for a decision",
    "Its record was seen, but another account has proved this domain. Whose it is, a person decides: ask the operator"
    " of this service.",
    _NOT_PROVED,
)
_WAITING = (
    "Put the records below into the DNS of the domain, then press Recheck. The first one alone makes it active; a new"
    " record can take some hours to be seen."
)


def state(domain: Domain, records: Sequence[CheckedRecord], *, is_suspended: bool) -> DomainState:
    """Return a domain's state.

    Args:
        domain: any.
        records: as the last check found them; they count only for a pending domain.
        is_suspended: whether its account is.
    """
    if domain.status == "pending_dns":
        return _PARKED if domain.proof.parked_at is not None else _waiting(domain, records)
    if is_suspended:
        return _SUSPENDED
    if domain.status == "suspended":
        return _OFF
    if domain.proof_lapsed:
        return _LAPSED
    return _READY if domain.proof.warned_at is None else _MISSING


def _waiting(domain: Domain, records: Sequence[CheckedRecord]) -> DomainState:
    if domain.proof.last_checked_at is None:
        return DomainState(WAIT, "Waiting for DNS: not checked yet", _WAITING, _NOT_PROVED)
    seen = sum(record.state is State.OK for record in records)
    return DomainState(WAIT, f"Waiting for DNS: {seen} of {len(records)} records seen", _WAITING, _NOT_PROVED)
