"""Outside mail under the name of a colleague ("CEO fraud"): a mark for filters, never a refusal.

A display name is taken for a colleague's when it is one of the recipient's account (:mod:`routing.people`), or when the
recipient's domain has it as a local part: ``"John Doe" <x@outside>`` where somebody is called John Doe, or where
``john.doe@brand`` exists. One word alone (``John``) says too little. Who writes from outside to nobody but himself, as
himself, is no colleague. It takes two look-ups at most, of names that are known beforehand.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from routing.address import Address
from routing.directory import Directory, LookupFailed
from routing.domain import ascii_lower
from routing.encoded_words import decode_words
from routing.header_refused import HeaderRefused
from routing.people import NameKey, people_of
from routing.records import Alias, HostedDomain, Name

NOTICE = "X-Byname-Notice"
VALUE = "display-name-of-colleague"
MOST_NAMES = 4  # From values of one message that are looked at; each costs eight names in a domain, and a key
MOST_DOMAINS = 8  # of recipients; with more there is no mark

_ANGLE = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"[^\W\d_]+")
_MOST_WORDS = 5
_MOST_OCTETS = 1024


@dataclass(frozen=True, slots=True)
class Shown:
    """What one From field shows as its author: local parts that such a name would have, and its key as a person's."""

    locals: tuple[str, ...]
    key: str | None


@dataclass(frozen=True, slots=True)
class OutsideMail:
    """What decides about a message from outside."""

    shown: Collection[Shown]
    claimed: Collection[Address]  # the addresses in From: mail of the recipients' own account is none from outside
    domains: Collection[str]  # of the recipients; the mark shows in every copy, so all must be of one account
    mailboxes: Collection[Address]  # where the message goes


def shown_name(value: bytes, name_key: NameKey | None) -> Shown | None:
    """Return what the display name of a raw From value may be, None when it is no full name."""
    try:
        text = decode_words(value[:_MOST_OCTETS].decode("utf-8", "replace"))
    except HeaderRefused:
        return None
    name = " ".join(word for word in _ANGLE.sub(" ", text).split() if "@" not in word)
    shown = Shown(tuple(_likely_locals(name)), name_key(name) if name_key else None)
    return shown if shown.locals or shown.key else None


def _likely_locals(name: str) -> list[str]:
    words = [_plain(word) for word in _WORD.findall(name)]
    if not 2 <= len(words) <= _MOST_WORDS or not all(words):
        return []
    first, last = words[0], words[-1]
    return [between.join(pair) for pair in ((first, last), (last, first)) for between in (".", "", "_", "-")]


def is_colleague(directory: Directory, mail: OutsideMail, at: float) -> bool:
    """Return whether outside mail shows the name of a colleague; False where that cannot be known."""
    if not mail.shown or not 1 <= len(mail.domains) <= MOST_DOMAINS:
        return False
    likely = [Address(local, domain) for each in mail.shown for local in each.locals for domain in mail.domains]
    hosts = [Address("postmaster", domain) for domain in mail.domains]
    try:
        hosted = directory.lookup([*likely, *hosts, *mail.claimed])
        homes = [hosted[domain] for domain in mail.domains if domain in hosted]
        if len(homes) != len(mail.domains) or not all(_are_one_account(homes[0], home) for home in homes):
            return False
        if mail.claimed and all(_are_one_account(homes[0], hosted.get(each.domain)) for each in mail.claimed):
            return False
        names = [hosted[each.domain].names.get(each.local) for each in likely]
        return any(
            _is_other(name, mail.mailboxes, at) for name in [*names, *_people(directory, homes[0].account, mail)]
        )
    except LookupFailed:
        return False


def _are_one_account(one: HostedDomain, other: HostedDomain | None) -> bool:
    return other is not None and (other.name == one.name or (one.account != 0 and other.account == one.account))


def _people(directory: Directory, account: int, mail: OutsideMail) -> list[Name | None]:
    """Return whom the shown names are of, among the people of an account; of no other one."""
    wanted = [Address(each.key, people_of(account)) for each in mail.shown if each.key] if account else []
    found = directory.lookup(wanted).get(people_of(account)) if wanted else None
    return [found.names.get(each.local) for each in wanted] if found else []


def _is_other(name: Name | None, mailboxes: Collection[Address], at: float) -> bool:
    """Return whether a name is in use, and leads elsewhere than all of this mail does."""
    if name is None or (isinstance(name, Alias) and (not name.is_active or name.is_expired(at))):
        return False
    bearer = name.mailbox.address if isinstance(name, Alias) else name.address
    return set(mailboxes) != {bearer}


def _plain(word: str) -> str:
    """Return a word as it stands in an address, empty where it cannot."""
    bare = unicodedata.normalize("NFKD", word.replace("ß", "ss"))
    letters = ascii_lower("".join(char for char in bare if not unicodedata.combining(char)))
    return letters if letters.isascii() else ""
