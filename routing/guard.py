"""The sender guard over a whole header: who the message says it is from, against what its login owns.

Shared by the milter, the command line and whatever else sends mail. Checked at the end of the header: exactly one
From with one owned address, and Sender, Resent-From and Resent-Sender when present. ``Sender`` lends no right to
``From``; Reply-To is free.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from routing.address import Address
from routing.directory import AffirmedFacts, Directory, LookupFailed
from routing.header_from import Author, addr_spec, parse_author
from routing.header_refused import HeaderRefused
from routing.policy import Policy
from routing.records import HostedDomain
from routing.replies import reply
from routing.sender import canonical_login, decide, ownership, wanted
from routing.verdicts import Allow, Defer, Reject, SenderVerdict

AUTHOR_FIELDS = frozenset({"from", "sender", "resent-from", "resent-sender"})
MOST_AUTHOR_FIELDS = 16  # whoever collects fields keeps at least one more, so that the surplus is seen

# What some programs take for the end of a line although it is none in mail: a bare CR, and all that str.splitlines
# knows. A delivery agent may write it as it is, and a reader then sees a field of its own. The octet 0x85 is NEL to
# whoever reads octets as ISO-8859-1, be it also the last one of a character in UTF-8.
_HIDDEN = re.compile(
    rb"(?:\r(?!\n)|\n(?![ \t])|[\x0b\x0c\x1c-\x1e\x85]|\xe2\x80[\xa8\xa9])"
    rb"[ \t]*(?:resent-)?(?:from|sender)[ \t]*:",
    re.IGNORECASE,
)
_MOST_MENTIONS = 16  # addresses in display names; each costs a look-up


@dataclass(frozen=True, slots=True)
class HeaderField:
    """A field as it came: the name may carry blanks, the value is raw and folded."""

    name: str
    value: bytes


def plain_name(name: str) -> str:
    """Return what a lenient reader takes a field name for: printable ASCII, lower-cased."""
    return "".join(char for char in name if "!" <= char <= "~" and char != ":").lower()


def is_author_field(name: str) -> bool:
    """True for a field that names an author, in any spelling."""
    return plain_name(name) in AUTHOR_FIELDS


def concerns_guard(field: HeaderField) -> bool:
    """True for a field that :func:`check_header` must be shown."""
    return is_author_field(field.name) or hides_author_field(field.value)


def hides_author_field(value: bytes) -> bool:
    """True when a lenient program sees an author field inside the value of another field."""
    return _HIDDEN.search(value) is not None


def check_header(
    directory: Directory, policy: Policy, login: str, fields: Iterable[HeaderField], at: float
) -> SenderVerdict:
    """Decide whether ``login`` may send a message with these author fields at the moment ``at``.

    Other fields are passed over.
    """
    user = canonical_login(policy, login)
    if user is None:
        return Reject(reply("login-malformed"), "login-malformed")
    try:
        authors = _authors([field for field in fields if concerns_guard(field)])
        mentioned = _mentioned(policy, authors)
    except HeaderRefused as error:
        return refused(error.reason)
    senders = [author.address for author in authors]
    try:
        facts = directory.lookup(wanted(policy, user, [*senders, *mentioned]))
    except LookupFailed:
        return Defer(reply("sender-no-evidence", address=senders[0]), "no-evidence")
    verdict = decide(policy, user, senders, facts, at)
    if isinstance(verdict, Allow):
        return _judge_mentions(policy, user, mentioned, facts, at)
    return replace(verdict, reply=replace(verdict.reply, code=550)) if isinstance(verdict, Reject) else verdict


def refused(reason: str) -> Reject:
    """Return the refusal of a header for a parser's reason."""
    return Reject(reply("bad-header", reason=str(HeaderRefused(reason))), reason)


def _authors(fields: list[HeaderField]) -> list[Author]:
    if len(fields) > MOST_AUTHOR_FIELDS:
        raise HeaderRefused("too-many-author-fields")
    if any(hides_author_field(field.value) for field in fields):
        raise HeaderRefused("hidden-field")
    names = [plain_name(field.name) for field in fields]
    if any(field.name.lower() not in AUTHOR_FIELDS for field in fields):
        raise HeaderRefused("malformed-field-name")
    if names.count("from") != 1:
        raise HeaderRefused("several-from" if "from" in names else "no-from")
    if names.count("sender") > 1:
        raise HeaderRefused("several-sender")
    ordered = sorted(fields, key=lambda field: field.name.lower() != "from")
    return [parse_author(field.value) for field in ordered]


def _mentioned(policy: Policy, authors: list[Author]) -> list[Address]:
    """Return the addresses that display names show; one that cannot be read cannot be owned either."""
    if policy.display_name_addresses == "any":
        return []
    mentions = {mention for author in authors for mention in author.mentions}
    if len(mentions) > _MOST_MENTIONS:
        raise HeaderRefused("display-name-address")
    try:
        return [addr_spec(mention) for mention in sorted(mentions)]
    except HeaderRefused as error:
        raise HeaderRefused("display-name-address") from error


def _judge_mentions(
    policy: Policy, user: Address, mentioned: Collection[Address], facts: Mapping[str, HostedDomain], at: float
) -> SenderVerdict:
    for address in mentioned:
        foreign = policy.display_name_addresses == "hosted" and address.domain not in facts
        if not foreign and ownership(policy, user, address, facts, at) != "owned":
            return _not_owned(address, facts)
    return Allow()


def _not_owned(mention: Address, facts: Mapping[str, HostedDomain]) -> Reject | Defer:
    """Refuse; facts under grace cannot (docs/design.md, section 6)."""
    if isinstance(facts, AffirmedFacts):
        return Defer(reply("sender-no-evidence", address=mention), "no-evidence")
    return refused("display-name-address")
