"""The settings that shape decisions, as one frozen value (docs/settings.md, ``[routing]`` and ``[senders]``)."""

from dataclasses import dataclass
from typing import Literal

from routing.address import Address

SYSTEM_ADDRESSES = frozenset({"postmaster", "abuse", "hostmaster", "mailer-daemon"})


Switch = Literal["off", "log", "refuse"]


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
    inbound_spoof: Literal["off", "envelope", "header", "lookalike"] = (
        "off"  # refuse outside mail that claims one of ours
    )
    colleague_names: Literal["off", "mark"] = "off"  # mark outside mail under the name of a colleague
    forged_trust: Switch = "off"  # fields of submitted mail that only a receiving system may write
    authserv_ids: frozenset[str] = frozenset()  # lower-case names under which this system writes such fields
    foreign_organizer: Switch = "off"  # invitations in submitted mail from somebody else
