"""A row of another program's table of aliases as a line of ours; what cannot be held here is told by its code.

These programs let a name lead to many addresses, also elsewhere, and keep rows that are no aliases: a mailbox that
leads to itself, a catch-all, a name whose mail is thrown away.
"""

from collections.abc import Callable, Mapping
from typing import Any

from store.transfer.lines import AliasLine, CatchAllLine, Line, MailboxLine, malformed

_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE = frozenset({"0", "f", "false", "n", "no", "off", ""})
_DISCARDING = frozenset({"null@localhost", "spam@localhost", "ham@localhost", "devnull@localhost", "/dev/null"})
_LONGEST_NOTE = 500


class InvalidFlag(ValueError):
    """A value that is neither true nor false."""


def flag(value: object) -> bool:
    """Return a truth value as databases and JSON write it: 1, "1", true, "t". Raises InvalidFlag."""
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise InvalidFlag
    return text in _TRUE


def targets_of(text: str) -> list[str]:
    """Return the addresses of a list with commas, each once."""
    return list(dict.fromkeys(target.strip() for target in text.split(",") if target.strip()))


def note_of(*texts: Any) -> str | None:
    """Return what was noted as one note that can be kept: on one line, at most 500 characters."""
    found = dict.fromkeys(" ".join(str(text).split()) for text in texts if text)
    plain = "".join(char for char in " / ".join(filter(None, found)) if char.isprintable())
    return plain[:_LONGEST_NOTE] or None


def line_of(number: int, address: str, targets: list[str], given: Mapping[str, bool | str | None]) -> Line:
    """Return what a name that leads to ``targets`` is here."""
    code = next((code for code, applies in _NOT_HELD if applies(address, targets)), None)
    if code is not None:
        more = f"it leads to {len(targets)} addresses; an alias leads to one mailbox"
        return malformed(number, code, more if code == "several-targets" else None, address)
    if targets == [address]:
        return MailboxLine(number, address)
    if not address.startswith("@"):
        return AliasLine(number, address, targets[0], dict(given))
    if given.get("is_active") is False:
        return malformed(number, "catch-all-off", address=address)
    return CatchAllLine(number, address[1:], targets[0])


# What cannot be held: the code, and when it applies to a name and its targets. The first one counts.
_NOT_HELD: tuple[tuple[str, Callable[[str, list[str]], bool]], ...] = (
    ("no-target", lambda _, targets: not targets),
    ("vacation", lambda _, targets: any("#" in one for one in targets)),  # PostfixAdmin's: john#a.com@autoreply.a.com
    ("mail-discarded", lambda _, targets: any(one.lower() in _DISCARDING for one in targets)),
    ("not-an-address", lambda address, _: "@" not in address),
    ("several-targets", lambda _, targets: len(targets) > 1),
)
