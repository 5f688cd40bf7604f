"""A domain name in the letters it looks like: two names that people may take for each other have one skeleton.

After UTS 39 section 4, with Unicode's list of confusables, one letter at a time: a letter of any script becomes the
Latin one it looks like, 0 becomes o and 1 becomes l. Accents stay (``bücher`` is no ``bucher``), and ``rn`` stays
apart from ``m``: modern and modem are both words.
"""

import unicodedata
from functools import lru_cache

from routing.domain import unicode_domain
from store.wire_format.people import latin_twin

_ALIKE = str.maketrans("01I|", "olll")
_DRAWN_AS_L = str.maketrans("\u04c0\u04cf", "ll")  # palochka; the list of confusables has it as i


@lru_cache(maxsize=4096)
def skeleton(name: str) -> str:
    """Return the skeleton of a canonical domain, or of some of its labels."""
    letters = unicodedata.normalize("NFC", unicode_domain(name)).translate(_DRAWN_AS_L)
    twins = (char if char.isascii() else latin_twin(char) or char for char in letters)
    return "".join(twins).translate(_ALIKE).lower()
