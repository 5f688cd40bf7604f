"""Names of people as the cache and the database key them: what writes and what asks must fold them in one way.

The letters come from Unicode's list of confusables. Another release of that list may fold a rare letter in another way;
then such a name is found again once its mailbox is changed. It decides about a mark, never about mail.
"""

from functools import lru_cache

from routing import people

_ACCOUNT_DIGITS = 8  # hexadecimal and of one length, so that in any collation an account's people stand together


@lru_cache(4096)
def latin_twin(char: str) -> str | None:
    """Return the ASCII character that a character of another script looks like, None when there is none."""
    from confusable_homoglyphs import confusables  # type: ignore[import-untyped] # here: a large table, seldom needed

    for found in confusables.is_confusable(char, preferred_aliases=[]) or ():
        for homoglyph in found["homoglyphs"]:
            if homoglyph["c"].isascii():
                return str(homoglyph["c"])
    return None


def name_key(shown: str) -> str | None:
    """Return the key of a display name, None for one that is no full name of a person."""
    return people.name_key(shown, latin_twin)


def person_of(account: int, shown: str) -> str | None:
    """Return what the database keeps for a display name in an account: account and key in one text."""
    key = name_key(shown)
    return None if key is None else stored(account, key)


def stored(account: int, key: str) -> str:
    """Return account and key in one text."""
    return f"{account:0{_ACCOUNT_DIGITS}x}{key}"


def split_stored(person: str) -> tuple[int, str]:
    """Return account and key of such a text."""
    return int(person[:_ACCOUNT_DIGITS], 16), person[_ACCOUNT_DIGITS:]
