"""Names of chance: two plain words and a number, a UUID, or characters that spell nothing.

Nobody can guess one from another. Whether a name is free is for the caller to see.
"""

import secrets
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

WORDS, UUID, CHARACTERS = "words", "uuid", "characters"

_LISTS = Path(__file__).with_name("word_lists")
_NUMBERS = 9000  # after two words
# Without vowels, which make words, and without what is taken for something else when it is copied by hand: 0 o, 1 l i.
_ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
_LETTERS = _ALPHABET[:19]
_LENGTH = 12  # 2**56 names


def random_name(style: str) -> str:
    """Return a name before the @, as the rules for local parts allow it. Raises KeyError for an unknown style."""
    return STYLES[style]()


@cache
def words(kind: str) -> tuple[str, ...]:
    """Return a list of words: ``adjectives`` or ``nouns``."""
    return tuple((_LISTS / f"{kind}.txt").read_text(encoding="ascii").split())


def _words() -> str:
    first, second = (secrets.choice(words(kind)) for kind in ("adjectives", "nouns"))
    return f"{first}-{second}-{1000 + secrets.randbelow(_NUMBERS)}"


def _characters() -> str:
    return secrets.choice(_LETTERS) + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH - 1))


STYLES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {WORDS: _words, UUID: lambda: str(uuid4()), CHARACTERS: _characters}
)
