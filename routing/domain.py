"""Domain names in the one form that Byname compares: lower-case A-labels without a trailing dot."""

import re

import idna

# A label of letters, digits and inner hyphens (RFC 1123 section 2.1). The look-ahead sends reserved LDH labels
# ("xn--", "ab--"; RFC 5890 section 2.3.1) to the IDNA check.
_PLAIN_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_DOMAIN = re.compile(rf"{_PLAIN_LABEL}(?:\.{_PLAIN_LABEL})*")
_LONGEST = 253  # octets, RFC 1035 section 2.3.4 less the root label

_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_ASCII_LOWER = str.maketrans(_UPPER, _LOWER)


class DomainSyntaxError(ValueError):
    """The text is no domain name."""


def ascii_lower(text: str) -> str:
    """Lower-case A-Z and nothing else: ``str.lower`` would turn KELVIN SIGN into ``k``."""
    return text.translate(_ASCII_LOWER)


def canonical_domain(text: str) -> str:
    """Return the A-label form of a domain given as A-labels or U-labels.

    IDNA 2008 (RFC 5891) without UTS 46 mapping: what is not already in its own canonical form is no domain. One
    trailing dot is dropped.

    Raises:
        DomainSyntaxError: ``text`` is no domain name (a literal such as ``[192.0.2.1]`` is none either).
    """
    lowered = ascii_lower(text).removesuffix(".")
    if len(lowered) <= _LONGEST and _PLAIN_DOMAIN.fullmatch(lowered):
        return lowered
    if lowered.endswith("."):  # idna would drop a second one
        raise DomainSyntaxError(f"{text!a} is not a domain name")
    try:
        return idna.encode(lowered, strict=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise DomainSyntaxError(f"{text!a} is not a domain name") from error


def unicode_domain(name: str) -> str:
    """Return the U-label form of a canonical domain, for people to read."""
    return idna.decode(name) if "xn--" in name else name
