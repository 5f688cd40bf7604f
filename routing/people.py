"""The names of people: when two of them are one name to a reader, and where a directory keeps those of an account.

A directory knows the people of account 17 as names of a domain that no mail can have, ``@17``: the name is the digest
of what a display name comes down to, and leads to the mailbox whose display name it is. So a question about a person is
a look-up like any other, by account and name, and never a search; what is asked of one account finds nobody of another.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable

from routing.address import Address
from routing.records import Alias, HostedDomain, Mailbox

Twin = Callable[[str], str | None]  # the ASCII character that a character of another script looks like
NameKey = Callable[[str], str | None]  # of a display name, None for one that is no full name of a person

MOST_WORDS = 6
MOST_CHARACTERS = 200  # of a display name, as many as a mailbox may have
_DIGITS = 32  # hexadecimal, of SHA-256
_WORD = re.compile(r"[^\W_]+")
_PEOPLE = re.compile(r"@([1-9][0-9]{0,9})")
_ALIKE = str.maketrans("01|i", "olll")  # and so I, which is i in lower case

# Names of these words alone are those of desks, which every company has: they would mark half of the world's mail.
_DESKS = """
    account accounting accounts admin administration and billing business care center centre client communications
    contact customer customers department desk director enquiries events facilities finance front general head help
    helpdesk hello hr human info information inquiries invoices it jobs legal mail mailbox management manager
    marketing media news newsletter no of office online operations order orders payroll personnel press purchasing
    reception recruiting recruitment relations reply resources sales service services shop store support team
    technical test the web your
"""


def people_of(account: int) -> str:
    """Return the name under which a directory is asked for the people of an account."""
    return f"@{account}"


def account_of(domain: str) -> int | None:
    """Return whose people a name made by :func:`people_of` stands for; None for any other, and for every domain."""
    found = _PEOPLE.fullmatch(domain)
    return int(found[1]) if found else None


def people(account: int, bearers: dict[str, Address]) -> HostedDomain:
    """Return the people of an account as a directory answers: by key, the mailbox that bears the name."""
    names = {key: Alias(Mailbox(address), can_receive=False) for key, address in bearers.items()}
    return HostedDomain(people_of(account), names=names, account=account)


def name_key(shown: str, twin: Twin) -> str | None:
    """Return the key of a display name: the same for names that a reader may take for one another.

    Case, accents, order and spacing do not count, nor what is no letter or digit; letters of other scripts count as
    the Latin ones they look like, 0 as o, and 1, i and l as one. None for a name of one word, of initials, of more
    words than a person has, and for that of a desk (``Customer Service``): it says too little.
    """
    words = [_folded(word, twin) for word in _WORD.findall(_visible(shown[:MOST_CHARACTERS]))]
    words = sorted(word for word in words if word)
    if not 2 <= len(words) <= MOST_WORDS or all(len(word) == 1 for word in words) or _FOLDED_DESKS.issuperset(words):
        return None
    return hashlib.sha256(" ".join(words).encode("utf-8", "replace")).hexdigest()[:_DIGITS]


def _visible(text: str) -> str:
    """Return a text in compatibility form, without accents and without characters that are not seen."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(char for char in plain if not unicodedata.category(char).startswith(("M", "Cf")))


def _folded(word: str, twin: Twin) -> str:
    """Return a word without what readers pass over. A number is no word: nobody is called by it."""
    if word.isdecimal():
        return ""
    letters = "".join(char if char.isascii() else twin(char) or char for char in word)
    return letters.casefold().translate(_ALIKE)


_FOLDED_DESKS = frozenset(_folded(word, lambda _: None) for word in _DESKS.split())
