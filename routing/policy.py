"""The settings that shape decisions, as one frozen value (API section 6, ``[routing]`` and ``[senders]``)."""

from dataclasses import dataclass
from typing import Literal

from routing.address import Address

SYSTEM_ADDRESSES = frozenset({"postmaster", "abuse", "hostmaster", "mailer-daemon"})


@dataclass(frozen=True, slots=True)
class Policy:
    """How this site decides where the rules leave a choice."""

    recipient_delimiter: str = "+"  # one character, or empty for no sub-addresses
    max_stripped_fields: int = 50  # fields that a milter removes from one message; with more it is refused
    suspended: Literal["defer", "reject"] = "defer"
    system_addresses: frozenset[str] = SYSTEM_ADDRESSES
    postmaster: Address | None = None  # where postmaster mail goes when a domain has no mailbox for it
    default_domain: str | None = None  # completes a bare login
    display_name_addresses: Literal["own", "hosted", "any"] = "own"
    inbound_spoof: Literal["off", "envelope", "header"] = "off"  # refuse outside mail that claims a hosted sender
