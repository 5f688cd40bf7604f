"""Mail from outside that claims a sender in one of our domains (``[senders] inbound_spoof``).

Off by default: mailing lists and forwarders pass on mail of our own users with their addresses in it. On the inbound
port a From may look as it likes, so every word with an ``@`` in it counts, not only what our parser would accept.
"""

import re
from collections.abc import Collection

from routing.address import Address, AddressSyntaxError
from routing.directory import Directory, LookupFailed
from routing.replies import reply
from routing.verdicts import Defer, Reject

MOST_CLAIMS = 64  # addresses of one header that are looked up; no honest From holds more
_BORDER = re.compile(rb"[\s<>()\[\]\",:;]+")


def judge_claims(directory: Directory, claimed: Collection[Address]) -> Reject | Defer | None:
    """Return the refusal of the first claimed sender whose domain is hosted here, None if there is none."""
    try:
        hosted = directory.lookup(claimed) if claimed else {}
    except LookupFailed:
        return Defer(reply("sender-no-evidence", address=next(iter(claimed))), "no-evidence")
    for address in claimed:
        if address.domain in hosted:
            return Reject(reply("spoofed-sender", address=address), "spoofed-sender")
    return None


def claimed_addresses(value: bytes) -> list[Address]:
    """Return the addresses that a reader may see in the raw value of a From field; what is none is passed over."""
    found: list[Address] = []
    for word in [word for word in _BORDER.split(value) if b"@" in word][:MOST_CLAIMS]:
        try:
            found.append(Address.parse(word.decode("utf-8", "surrogateescape")))
        except AddressSyntaxError:
            continue
    return found
