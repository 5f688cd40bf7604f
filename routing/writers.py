"""Who wrote a message by its header, held against the rules of an alias (docs/design.md, section 3, row 7).

Every author counts. Of an alias that takes mail from listed ones only, each From must be read as strictly as on
submission, for every mail program to see the same authors; where some are listed as unwanted, whatever a reader may
take for one counts. A bounce of the alias's own mail comes in whatever the rules, and is told from other mail without a
sender by what it returns (routing.bounce).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from routing.address import Address, split_detail
from routing.allowed_senders import EnvelopeSender, is_listed
from routing.auth_results import AuthResults
from routing.bounce import Report
from routing.guard import plain_name
from routing.header_from import comment_end, parse_author
from routing.header_refused import HeaderRefused
from routing.limits import MOST_FROM_OCTETS
from routing.policy import Policy
from routing.recipient import REFUSED_BY
from routing.replies import reply
from routing.spoof import MOST_CLAIMS, claimed_addresses
from routing.verdicts import Defer, Deliver, Gate, Reject

# In the Received that Postfix itself puts on top: "with ESMTPSA" (RFC 3848) on the line that begins with "by". HELO and
# recipient, which a client chooses, stand on other lines.
_LOGGED_IN = re.compile(rb"\n[ \t]+by \S+ \([^()\n]*\) with (?:UTF8|E)?SMTPS?A id ")
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]*>|,|[^"<(,\\]+|\\.', re.DOTALL)

Refusal = Reject | Defer | None


@dataclass(slots=True)
class Writers:
    """What one message says of who wrote it. Feed it every field of the header, and the body where it is wanted."""

    results: AuthResults
    sender: EnvelopeSender
    is_submitted: bool = False  # by a login that owns what its From shows
    authors: list[Address] = field(default_factory=list)  # read strictly
    claimed: list[Address] = field(default_factory=list)  # whatever a reader may see
    is_clear: bool = True  # every From could be read strictly
    report: Report | None = None  # None: the message has a sender, or its body is not seen
    _octets: int = 0

    def add(self, name: str, value: bytes) -> None:
        """Note a field, whatever its name, with its value as it came."""
        if self.results.is_own_hop(name):
            self.is_submitted = self.is_submitted or bool(_LOGGED_IN.search(value))
        self.results.add(name, value)
        if self.report is not None:
            self.report.add(name, value)
        if plain_name(name) != "from":
            return
        self._octets += len(value)
        if self.is_too_much:
            self.is_clear = False
            return
        self.claimed += claimed_addresses(value)
        try:
            self.authors += [parse_author(part).address for part in _mailboxes(value)]
        except HeaderRefused:
            self.is_clear = False

    @property
    def is_too_much(self) -> bool:
        """True for a From that nobody reads to its end."""
        return self._octets > MOST_FROM_OCTETS or len(self.claimed) > MOST_CLAIMS


def judge_writers(policy: Policy, deliver: Deliver, wrote: Writers) -> Refusal:
    """Return why a recipient does not take this message, None when he does."""
    gate = deliver.gate
    if gate is None or _is_bounce(policy, deliver, gate, wrote):
        return None
    refusal = _by_rules(deliver, gate, wrote)
    if refusal is None or gate.is_fresh:
        return refusal
    return Defer(reply("no-evidence", address=deliver.written), "no-evidence")


def may_be_bounce(gate: Gate, sender: EnvelopeSender) -> bool:
    """Return whether only the body can say that the alias takes a message."""
    return sender.is_null and gate.may_send


def _by_rules(deliver: Deliver, gate: Gate, wrote: Writers) -> Refusal:
    if not _all_accepted(gate, wrote):
        return _refused(deliver, REFUSED_BY[gate.rules.mode])
    if not gate.rules.require_authenticated or (wrote.is_submitted and wrote.is_clear):
        return None
    if not wrote.is_clear or not wrote.authors:
        return _refused(deliver, "sender-not-authenticated")
    found = {wrote.results.dmarc(author.domain) for author in wrote.authors}
    if "fail" in found:
        return _refused(deliver, "sender-not-authenticated")
    if "unknown" in found:
        return Defer(reply("authentication-unknown", address=deliver.written), "authentication-unknown")
    return None


def _all_accepted(gate: Gate, wrote: Writers) -> bool:
    if gate.rules.mode == "listed":
        return wrote.is_clear and bool(wrote.authors) and all(is_listed(gate.rules, each) for each in wrote.authors)
    seen = [*wrote.authors, *wrote.claimed]
    return not gate.rules.entries or not (wrote.is_too_much or any(is_listed(gate.rules, each) for each in seen))


def _is_bounce(policy: Policy, deliver: Deliver, gate: Gate, wrote: Writers) -> bool:
    if wrote.report is None or not may_be_bounce(gate, wrote.sender):
        return False
    name = _name(policy, deliver.written)
    authors = wrote.report.authors()
    return bool(authors) and all(_name(policy, author) == name for author in authors)


def _name(policy: Policy, address: Address) -> Address:
    return Address(split_detail(address.local, policy.recipient_delimiter)[0], address.domain)


def _refused(deliver: Deliver, rule: str) -> Reject:
    return Reject(reply("sender-not-accepted", address=deliver.written), rule, deliver.alias)


def _mailboxes(value: bytes) -> Iterator[bytes]:
    """Yield the members of a list of mailboxes (RFC 5322 section 3.4), split at the commas between them.

    Raises:
        HeaderRefused: a quote, a comment or an angle bracket does not close.
    """
    text = value.decode("utf-8", "surrogateescape")
    start = at = 0
    while at < len(text):
        if text[at] == "(":
            at = comment_end(text, at)
        elif (found := _PIECE.match(text, at)) is None:
            raise HeaderRefused("unclosed-quote")
        else:
            if found.group() == ",":
                yield text[start:at].encode("utf-8", "surrogateescape")
                start = found.end()
            at = found.end()
    yield text[start:].encode("utf-8", "surrogateescape")
