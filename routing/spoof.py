"""Mail from outside that claims a sender in one of our domains (``[senders] inbound_spoof``).

Off by default: mailing lists and forwarders pass on mail of our own users with their addresses in it. On the inbound
port a From may look as it likes, so every word with an ``@`` in it counts, as it stands and decoded, not only what our
parser would accept.
"""

import re
from collections.abc import Collection, Iterator

from routing.address import Address
from routing.directory import AffirmedFacts, Directory, LookupFailed
from routing.domain import DomainSyntaxError, ascii_lower, canonical_domain
from routing.encoded_words import decode_words
from routing.guard import refused
from routing.header_refused import HeaderRefused
from routing.replies import reply
from routing.verdicts import Defer, Reject

MOST_CLAIMS = 64  # addresses of one header that are looked up; no honest From holds more
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_BORDER = re.compile(r"[\s<>()\[\]\",:;]+")
_DOMAIN = re.compile(r"[\s\"]*(\w[\w.-]*)")  # behind an @: spaces and quotes, and what may be a domain name


def judge_claims(directory: Directory, claimed: Collection[Address]) -> Reject | Defer | None:
    """Return the refusal of the first claimed sender whose domain is hosted here, None if there is none."""
    if len(claimed) > MOST_CLAIMS:
        return refused("list")
    try:
        hosted = directory.lookup(claimed) if claimed else {}
    except LookupFailed:
        return Defer(reply("sender-no-evidence", address=next(iter(claimed))), "no-evidence")
    for address in claimed:
        if address.domain in hosted:
            return _spoofed(address, is_evidence=not isinstance(hosted, AffirmedFacts))
    return None


def _spoofed(address: Address, *, is_evidence: bool) -> Reject | Defer:
    if not is_evidence:  # facts under grace refuse nothing (docs/design.md, section 6)
        return Defer(reply("sender-no-evidence", address=address), "no-evidence")
    return Reject(reply("spoofed-sender", address=address), "spoofed-sender")


def claimed_addresses(value: bytes) -> list[Address]:
    """Return the addresses that a reader may see in the raw value of a From field, as many as the guard must count.

    What cannot be an address is passed over: it is in no domain of ours.
    """
    text = _FOLD.sub("", value.decode("utf-8", "replace"))
    candidates = [*_candidates(text), *_candidates(_decoded(text))]
    found = dict.fromkeys(address for local, domain in candidates if (address := _address(local, domain)))
    return list(found)[: MOST_CLAIMS + 1]


def _decoded(text: str) -> str:
    try:
        return decode_words(text)
    except HeaderRefused:
        return ""


def _candidates(text: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before and behind each ``@``."""
    before, *others = text.split("@")
    for after in others:
        local = _BORDER.split(before.rstrip(' \t"'))[-1].strip("'")
        domain = _DOMAIN.match(after)
        if local and domain:
            yield local, domain[1].rstrip(".-_")
        before = after


def _address(local: str, domain: str) -> Address | None:
    try:
        return Address(ascii_lower(local), canonical_domain(domain))
    except DomainSyntaxError:
        return None
