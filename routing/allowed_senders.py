"""Whether an alias takes mail from an address: what its ``senders`` mean (docs/design.md, section 3, row 7).

An entry is an address, a domain, or ``.domain``: every name below that one, and not itself. All are compared in the one
form of :mod:`routing.address`: A-Z in lower case, domains as A-labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from routing.address import Address, AddressSyntaxError
from routing.domain import DomainSyntaxError, canonical_domain
from routing.sender_rules import SenderRules

MOST_ENTRIES = 500  # of one alias; the whole list stands in the alias's value, which each mail to it reads


@dataclass(frozen=True, slots=True)
class EnvelopeSender:
    """Who sends, by MAIL: nobody (``<>``), an address, or something that names no domain."""

    address: Address | None
    is_null: bool = False


class EntrySyntaxError(ValueError):
    """The text is no entry; the message says why."""


def canonical_entry(text: str) -> str:
    """Return an entry in the form in which it is kept and compared.

    Raises:
        EntrySyntaxError: it is neither an address, nor a domain, nor a domain with a dot before it.
    """
    try:
        if "@" in text:
            return str(Address.parse(text))
        return f".{canonical_domain(text[1:])}" if text.startswith(".") else canonical_domain(text)
    except AddressSyntaxError as error:
        raise EntrySyntaxError(str(error)) from error
    except DomainSyntaxError as error:
        raise EntrySyntaxError("it is no address, no domain and no .domain") from error


def is_listed(rules: SenderRules, address: Address) -> bool:
    """Return whether an entry names ``address``, by itself, its domain, or a domain above that."""
    return not set(rules.entries).isdisjoint(_names_of(address))


def permits(rules: SenderRules, address: Address | None) -> bool:
    """Return whether one who is ``address`` may write; None is somebody who has no address to be listed under."""
    found = address is not None and is_listed(rules, address)
    return found if rules.mode == "listed" else not found


def _names_of(address: Address) -> Iterator[str]:
    yield str(address)
    yield address.domain
    rest = address.domain
    while rest := rest.partition(".")[2]:
        yield f".{rest}"
