"""Outside mail under the name of a colleague ("CEO fraud"): a mark for filters, never a refusal.

A directory holds names of mailboxes and aliases, not names of people; so a display name of two words or more is taken
for a colleague's when the recipient's domain has it as a local part: ``"John Doe" <x@outside>`` where
``john.doe@brand`` exists. One word alone (``John``) says too little.
"""

import re
import unicodedata
from collections.abc import Collection

from routing.address import Address
from routing.directory import Directory, LookupFailed
from routing.domain import ascii_lower
from routing.encoded_words import decode_words
from routing.header_refused import HeaderRefused
from routing.records import Alias

NOTICE = "X-Byname-Notice"
VALUE = "display-name-of-colleague"
MOST_NAMES = 4  # From values of one message that are looked at; each costs eight names in one look-up

_ANGLE = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"[^\W\d_]+")
_MOST_WORDS = 5


def likely_names(value: bytes) -> list[str]:
    """Return the local parts that the display name of a raw From value would have, none when it is no full name."""
    try:
        text = decode_words(value[:1024].decode("utf-8", "replace"))
    except HeaderRefused:
        return []
    shown = " ".join(word for word in _ANGLE.sub(" ", text).split() if "@" not in word)
    words = [_plain(word) for word in _WORD.findall(shown)]
    if not 2 <= len(words) <= _MOST_WORDS or not all(words):
        return []
    first, last = words[0], words[-1]
    return [between.join(pair) for pair in ((first, last), (last, first)) for between in (".", "", "_", "-")]


def is_colleague(directory: Directory, names: Collection[str], domain: str) -> bool:
    """Return whether one of these local parts is in use in ``domain``; False where that cannot be known."""
    if not names:
        return False
    try:
        hosted = directory.lookup([Address(name, domain) for name in names]).get(domain)
    except LookupFailed:
        return False
    found = [hosted.names.get(name) for name in names] if hosted else []
    return any(name is not None and (name.is_active or not isinstance(name, Alias)) for name in found)


def _plain(word: str) -> str:
    """Return a word as it stands in an address, empty where it cannot."""
    bare = unicodedata.normalize("NFKD", word.replace("ß", "ss"))
    letters = ascii_lower("".join(char for char in bare if not unicodedata.combining(char)))
    return letters if letters.isascii() else ""
