"""The envelope as the MTA hands it over: raw arguments beside macros.

A callback gets what the client typed; the macro ``{rcpt_addr}`` or ``{mail_addr}`` holds what the MTA made of it
(docs/facts.md, "Milter and Postfix"). We read the raw form ourselves and hold it against the macro: where the two name
different addresses, the MTA would deliver to something that we did not decide about, so the argument is refused.
"""

from collections.abc import Sequence

from routing.address import Address, AddressSyntaxError, is_null_path, parse_path, without_route

# An MTA may read these as a route to another domain ("percent hack", bang path; Postfix allow_percent_hack).
_ROUTING_MARKS = frozenset("!%")


def envelope_address(raw: str, seen_by_mta: str | None) -> Address | None:
    """Return the address of a path, or None when it names no domain.

    Raises:
        AddressSyntaxError: malformed, or the MTA reads another address in it.
    """
    typed = parse_path(raw)
    if not seen_by_mta or is_null_path(raw) or raw == f"<{seen_by_mta}>":  # the last is what nearly all clients say
        return typed
    seen = parse_path(seen_by_mta)
    if typed is None and seen is not None and not _ROUTING_MARKS & set(raw) and "@" not in raw:
        return seen  # <postmaster>: the MTA has completed it with its own domain
    if typed is not None and seen != typed and seen is not None:
        raise AddressSyntaxError("it can be read in two ways")
    if typed is None and seen is not None:
        raise AddressSyntaxError("it can be read in two ways")
    return typed


def forms_to_remove(raw: str) -> tuple[str, ...]:
    """Return the forms under which the MTA may know a recipient; removing one that it does not know is harmless."""
    inner = raw.strip().removeprefix("<").removesuffix(">")
    plain = without_route(inner)
    return (raw,) if plain == inner else (raw, f"<{plain}>")


def parameter(parameters: Sequence[str], name: str) -> str | None:
    """Return the value of an ESMTP parameter such as ``NOTIFY`` or ``ORCPT``; None when it is not given."""
    for item in parameters:
        key, equals, value = item.partition("=")
        if equals and key.upper() == name:
            return value
    return None
