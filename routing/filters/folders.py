"""Names of folders in rules: ``/`` parts a folder from the one above it, whatever the mail store uses for that."""

import unicodedata

from routing.filters.text import FORBIDDEN, is_plain

SEPARATOR = "/"  # in rules
_WILDCARDS = "*%"  # of IMAP's LIST (RFC 9051 section 6.3.9)
_LONGEST = 200  # octets in IMAP's modified UTF-7, of which file systems take 255 and Maildir++ some for itself


def flaw_of_folder(name: str, separator: str) -> str | None:
    """Return the rule that the name of a folder breaks, None for a good one.

    Args:
        name: with ``/`` between its parts.
        separator: what the mail store puts there instead.
    """
    parts = name.split(SEPARATOR)
    tests = (
        (not is_plain(name), FORBIDDEN),
        (any(not part for part in parts), "must not have an empty part: one slash between two names, none around"),
        (any(part != part.strip() for part in parts), "must not begin or end with a blank"),
        (any(part in {".", ".."} or part.startswith("~") for part in parts), "must not be . or .. or begin with ~"),
        (any(char in name for char in _WILDCARDS), "must not hold * or %"),
        (
            separator != SEPARATOR and separator in name,
            f"must not hold {separator}, which the mail store keeps for folders in folders; write /",
        ),
        (_octets(name) > _LONGEST, f"must have at most {_LONGEST} octets as the mail store writes it"),
    )
    return next((rule for broken, rule in tests if broken), None)


def stored_name(name: str, separator: str) -> str:
    """Return the name by which a Sieve script calls a folder: composed (NFC), with the mail store's separator.

    Sieve has it in UTF-8 (RFC 5228 section 4.1); IMAP's own spelling is the mail store's business.
    """
    return unicodedata.normalize("NFC", name).replace(SEPARATOR, separator)


def _octets(name: str) -> int:
    """Return the length in modified UTF-7, or a few octets more."""
    composed = unicodedata.normalize("NFC", name)
    return len(composed.encode("utf-7", "replace"))
