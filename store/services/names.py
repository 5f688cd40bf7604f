"""The rules for names: local parts (docs/design.md, section 9), domains, and addresses as people type them."""

import re
from collections.abc import Callable

from routing.address import Address, AddressSyntaxError
from routing.domain import DomainSyntaxError, canonical_domain
from routing.policy import SYSTEM_ADDRESSES
from store.errors import ServiceError

LONGEST_LOCAL_PART = 64
_OTHER = re.compile(r"[^a-z0-9._-]")
_RIGHT = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")  # what no rule below finds anything wrong with, unless too long

# A rule looks at a local part and returns what is wrong with it, or None. The first problem is reported.
_LOCAL_PART_RULES: tuple[Callable[[str], str | None], ...] = (
    lambda name: "there is nothing before the @" if not name else None,
    lambda name: (
        f"it is {len(name)} characters long; at most 64 are allowed" if len(name) > LONGEST_LOCAL_PART else None
    ),
    lambda name: "an @ is not allowed in the name" if "@" in name else None,
    lambda name: "spaces are not allowed" if " " in name else None,
    lambda name: "upper case is not allowed; write it in lower case" if re.search("[A-Z]", name) else None,
    lambda name: _other_character(name),
    lambda name: "it must not begin with a dot" if name.startswith(".") else None,
    lambda name: "it must not end with a dot" if name.endswith(".") else None,
    lambda name: "two dots in a row are not allowed" if ".." in name else None,
)


def _other_character(name: str) -> str | None:
    found = _OTHER.search(name)
    if not found:
        return None
    return f"the character {found.group()!a} is not allowed; use a-z, 0-9, dot, hyphen and underscore"


def check_local_part(name: str, system_names: frozenset[str] = SYSTEM_ADDRESSES) -> None:
    """Refuse what cannot be the local part of a mailbox or alias.

    Raises:
        ServiceError: ``invalid-local-part``, naming the rule; ``address-reserved`` for a system address.
    """
    broken = _problem(name)
    if broken:
        raise ServiceError("invalid-local-part", f"invalid name before the @: {broken}", field="local_part")
    if name in system_names:
        raise ServiceError(
            "address-reserved", f"{name} is a system address, which every domain has", field="local_part"
        )


def _problem(name: str) -> str | None:
    """Return the first rule that a local part breaks, in words; None for a right one, as nearly all are."""
    if len(name) <= LONGEST_LOCAL_PART and _RIGHT.fullmatch(name):
        return None
    return next((problem for problem in (rule(name) for rule in _LOCAL_PART_RULES) if problem), None)


def domain_name(text: str) -> str:
    """Return the canonical name of a domain that can have mail: two labels or more.

    Raises:
        ServiceError: ``invalid-domain``.
    """
    try:
        name = canonical_domain(text)
    except DomainSyntaxError:
        raise ServiceError("invalid-domain", f"{_shown(text)} is not a domain name", field="name") from None
    if "." not in name:
        raise ServiceError("invalid-domain", f"{name} has no dot; a whole domain is needed", field="name")
    return name


def split_new_address(text: str) -> tuple[str, str]:
    """Return the local part, as typed and unchecked, and the canonical domain of an address to be made.

    Nothing is silently changed in the local part, so it is not read like an address in a message.

    Raises:
        ServiceError: ``invalid-request`` without an ``@``, ``invalid-domain``.
    """
    local, at, domain = text.rpartition("@")
    if not at:
        raise ServiceError("invalid-request", f"{_shown(text)} is not an address: there is no @", field="address")
    return local, domain_name(domain)


def known_address(text: str, field: str = "address") -> Address:
    """Return the canonical form of an address that should exist already.

    Raises:
        ServiceError: ``invalid-request``.
    """
    try:
        return Address.parse(text)
    except AddressSyntaxError as error:
        raise ServiceError("invalid-request", f"{_shown(text)} is not an address: {error}", field=field) from None


def _shown(text: str) -> str:
    """Return what was typed, short and without control characters."""
    plain = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:80])
    return f"'{plain}'" if len(text) <= 80 else f"'{plain}...'"
