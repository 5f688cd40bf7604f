"""Trust that a logged-in sender claims in header fields which only a receiving system may write.

``Authentication-Results`` (RFC 8601) and ``ARC-*`` (RFC 8617) under a name of our own, ``X-Byname-*``, and an
``Autocrypt`` key for an address that the sender does not own: mail programs and filters behind us would believe them.
Fields under other names stay: who sends a message on (Resent-From) sends on what it bears.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from routing.address import Address
from routing.directory import AffirmedFacts, Directory, LookupFailed
from routing.domain import ascii_lower
from routing.guard import plain_name
from routing.header_from import addr_spec
from routing.header_refused import HeaderRefused
from routing.policy import Policy
from routing.replies import reply
from routing.sender import canonical_login, ownership, wanted
from routing.verdicts import Defer, Reject

REASONS = {
    "forged-results": "Authentication-Results under the name of this system",
    "forged-arc": "ARC fields under the name of this system",
    "forged-byname": "fields that only Byname may write",
    "foreign-key": "an Autocrypt key for an address that is not yours",
}
MOST_CLAIMS = 16  # addresses of one message that are looked up

_RESULTS = frozenset({"authentication-results", "arc-authentication-results"})
_ARC_SIGNED = frozenset({"arc-seal", "arc-message-signature"})
# No grammar: the name as a word of its own, anywhere, is what some reader or filter takes for the authserv-id.
_WORD_BORDER = re.compile(r'[\s;,()"]+')
_SIGNER = re.compile(r"(?:^|;)\s*d\s*=\s*([^;\s]+)")
_KEY_ADDRESS = re.compile(r"(?:^|;)\s*addr\s*=\s*([^;]*)")


@dataclass(slots=True)
class TrustClaims:
    """What the fields of one message claim. Feed it every field."""

    authserv_ids: Collection[str]  # lower-case names of this system
    reason: str | None = None  # the first forged field's, a key of REASONS
    keys: list[Address] = field(default_factory=list)  # addresses that Autocrypt keys are for

    def add(self, name: str, value: bytes) -> None:
        """Note a field, by any spelling of its name."""
        plain = plain_name(name)
        if plain.startswith(("arc-", "authentication-results")):
            self.reason = self.reason or _forged(plain, _text(value), self.authserv_ids)
        elif plain.startswith("x-byname-") and plain != "x-byname-trace":  # a trace may be ours (routing.trace)
            self.reason = self.reason or "forged-byname"
        elif plain == "autocrypt" and self.reason is None:
            self._add_keys(_text(value))

    def _add_keys(self, text: str) -> None:
        try:
            self.keys += [addr_spec(found.strip()) for found in _KEY_ADDRESS.findall(text)[: MOST_CLAIMS + 1]]
        except HeaderRefused:
            self.reason = "foreign-key"  # what cannot be read cannot be owned
        if len(self.keys) > MOST_CLAIMS:
            self.reason = "foreign-key"


def judge_trust(
    directory: Directory, policy: Policy, login: str, claims: TrustClaims, at: float
) -> Reject | Defer | None:
    """Return the refusal of forged trust, None when there is none."""
    if claims.reason is not None:
        return forged(claims.reason)
    foreign = first_not_owned(directory, policy, login, claims.keys, at)
    return forged("foreign-key") if isinstance(foreign, Address) else foreign


def forged(reason: str) -> Reject:
    """Return the refusal for a reason of the table."""
    return Reject(reply("forged-trust", reason=REASONS[reason]), reason)


def first_not_owned(
    directory: Directory, policy: Policy, login: str, addresses: Collection[Address], at: float
) -> Address | Defer | None:
    """Return the first address that ``login`` may not send as; a deferral where that cannot be known."""
    user = canonical_login(policy, login)
    if not addresses or user is None:  # no such login came past MAIL
        return None
    try:
        facts = directory.lookup(wanted(policy, user, addresses))
    except LookupFailed:
        return Defer(reply("sender-no-evidence", address=user), "no-evidence")
    foreign = next((each for each in addresses if ownership(policy, user, each, facts, at) != "owned"), None)
    if foreign is not None and isinstance(facts, AffirmedFacts):
        return Defer(reply("sender-no-evidence", address=foreign), "no-evidence")
    return foreign


def _text(value: bytes) -> str:
    return ascii_lower(value.decode("utf-8", "replace"))


def _forged(name: str, text: str, ours: Collection[str]) -> str | None:
    if name in _RESULTS and any(word.rstrip(".") in ours for word in _WORD_BORDER.split(text)):
        return "forged-arc" if name.startswith("arc-") else "forged-results"
    if name in _ARC_SIGNED and any(signer.rstrip(".") in ours for signer in _SIGNER.findall(text)):
        return "forged-arc"
    return None
