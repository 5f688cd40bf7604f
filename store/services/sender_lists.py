"""From whom an alias takes mail: what may be set, how it is kept, and how it is written in one line.

In one line, for files and the command line: the mode, ``authenticated`` where that is asked for, and the entries.

    everyone
    everyone authenticated
    listed shop.example ann@work.example
    except .spam.example
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from routing.address import Address
from routing.allowed_senders import MOST_ENTRIES, EntrySyntaxError, canonical_entry, is_listed
from routing.sender_rules import SenderRules
from store.errors import ServiceError
from store.services.views import EVERYONE, Senders
from store.wire_format.sender_rules import read_rules, rules_text

MODES = ("everyone", "listed", "except")
MOST_OCTETS = 16_000  # of all entries of an alias: they are read with every mail to it
_AUTHENTICATED = "authenticated"
_ODD = re.compile(r"[\s,\"\\]|[^\x21-\x7e]")  # what would have to be quoted in a file, or in a form


def of_row(text: str | None) -> Senders:
    """Return what an alias's row says."""
    if text is None:
        return EVERYONE
    rules = read_rules(text)
    mode = "listed" if rules.mode == "listed" else "except" if rules.entries else "everyone"
    return Senders(mode, rules.entries, rules.require_authenticated)


def row_text(senders: Senders) -> str | None:
    """Return what stands in the row of an alias; None: whoever wrote it."""
    if senders is EVERYONE:  # as of nearly all aliases
        return None
    rules = _rules(senders)
    return None if rules == SenderRules("except") else rules_text(rules)


def checked(senders: Senders, field: str = "senders") -> Senders:
    """Return rules in the form in which they are kept: entries canonical, each once.

    Raises:
        ServiceError: ``invalid-request``, with the place of the entry that is none.
    """
    if senders.mode not in MODES:
        raise ServiceError("invalid-request", f"the mode is one of {', '.join(MODES)}", field=f"{field}/mode")
    if senders.mode == "everyone" and senders.entries:
        told = 'with the mode "everyone" there are no entries; choose "listed" or "except"'
        raise ServiceError("invalid-request", told, field=f"{field}/entries")
    if len(senders.entries) > MOST_ENTRIES:
        raise ServiceError("invalid-request", f"at most {MOST_ENTRIES} entries", field=f"{field}/entries")
    found = dict.fromkeys(entry(text, f"{field}/entries/{at}") for at, text in enumerate(senders.entries))
    if sum(map(len, found)) > MOST_OCTETS:
        told = f"the entries have more than {MOST_OCTETS} octets together; list domains in place of addresses"
        raise ServiceError("invalid-request", told, field=f"{field}/entries")
    mode = "everyone" if senders.mode == "except" and not found else senders.mode
    return replace(senders, mode=mode, entries=tuple(found))


def entry(text: str, field: str) -> str:
    """Return one entry in its canonical form.

    Raises:
        ServiceError: ``invalid-request`` with the field.
    """
    try:
        found = canonical_entry(text.strip())
    except EntrySyntaxError as error:
        raise _no_entry(text, str(error), field) from error
    if _ODD.search(found):
        raise _no_entry(text, "the part before the @ is plain ASCII without quotes", field)
    return found


def _no_entry(text: str, why: str, field: str) -> ServiceError:
    shown = "".join(char for char in text if char.isprintable())[:80]
    hint = "an address ann@shop.example, a domain shop.example, or .shop.example for all names below it"
    return ServiceError("invalid-request", f'"{shown}" is no sender: {why}', field=field, hint=hint)


def check_verifier(senders: Senders | None, authserv_ids: Collection[str]) -> None:
    """Refuse to ask for authenticated mail on a site that is not told who authenticates: nothing would ever arrive.

    Raises:
        ServiceError: ``invalid-request``.
    """
    if senders is not None and senders.require_authenticated and not authserv_ids:
        raise ServiceError(
            "invalid-request",
            "this site does not say which verifier it trusts",
            field="senders/require_authenticated",
            hint="the operator sets [senders] authserv_ids",
        )


def blocked(senders: Senders, sender: str) -> Senders:
    """Return rules by which ``sender``, an entry, may not write any more.

    Raises:
        ServiceError: ``invalid-request``; also when another entry of those listed still lets him write.
    """
    unwanted = entry(sender, "sender")
    if senders.mode != "listed":
        return checked(replace(senders, mode="except", entries=(*senders.entries, unwanted)))
    left = replace(senders, entries=tuple(each for each in senders.entries if each != unwanted))
    if "@" in unwanted and is_listed(_rules(left), Address.parse(unwanted)):
        told = f"{unwanted} may write because a domain is listed that it is in; take that domain off the list"
        raise ServiceError("invalid-request", told, field="sender")
    return left


def of_given(given: Mapping[str, Any]) -> Senders:
    """Return the rules of an alias that is to be made or changed, from a value or a line of a file; else everyone's.

    Raises:
        ServiceError: ``invalid-request``.
    """
    senders = given.get("senders")
    if not senders:
        return EVERYONE
    return from_line(senders) if isinstance(senders, str) else checked(senders)


def from_line(text: str) -> Senders:
    """Read rules that stand in one line. Raises ServiceError ``invalid-request``."""
    mode, *words = text.replace(",", " ").split() or [""]
    is_authenticated = bool(words) and words[0] == _AUTHENTICATED
    return checked(Senders(mode, tuple(words[is_authenticated:]), is_authenticated))


def in_line(senders: Senders) -> str:
    """Return rules in one line."""
    return " ".join([senders.mode, *([_AUTHENTICATED] if senders.require_authenticated else []), *senders.entries])


def _rules(senders: Senders) -> SenderRules:
    return SenderRules(
        "listed" if senders.mode == "listed" else "except", senders.entries, senders.require_authenticated
    )
