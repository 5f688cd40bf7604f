"""The encoding of who may write to an alias, in the cache and in its row: one word of ASCII.

    l:ann@x.test,y.test,.z.test     only these
    x:spam.test                     everyone but these
    x!:                             everyone whose mail is authenticated

What an entry holds besides the usual signs of an address is percent-encoded.
"""

import re
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import quote, unquote

from routing.sender_rules import SenderRules
from store.wire_format.unreadable import Unreadable

_SAFE: Final = "@!#$&'*+/=?^`{|}"
_RULES = re.compile(r"([lx])(!?):([^\s,]+(?:,[^\s,]+)*|)")
_LETTERS: Final[dict[str, Literal["listed", "except"]]] = {"l": "listed", "x": "except"}


def rules_text(rules: SenderRules) -> str:
    """Return the word that says ``rules``."""
    letter = "l" if rules.mode == "listed" else "x"
    entries = ",".join(quote(entry, safe=_SAFE, errors="surrogatepass") for entry in rules.entries)
    return f"{letter}{'!' if rules.require_authenticated else ''}:{entries}"


@lru_cache(4096)
def read_rules(text: str) -> SenderRules:
    """Return the rules that ``text`` says. Raises Unreadable."""
    found = _RULES.fullmatch(text)
    if found is None:
        raise Unreadable("not of this format")
    entries = tuple(unquote(entry, errors="surrogatepass") for entry in found[3].split(",")) if found[3] else ()
    rules = SenderRules(_LETTERS[found[1]], entries, bool(found[2]))
    if rules_text(rules) != text:
        raise Unreadable("not of this format")
    return rules
