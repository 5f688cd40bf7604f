"""A Sieve script that sorts mail by the alias it was written to (RFC 5228; RFC 5490 for ``:create``).

It goes by ``Delivered-To``, which shows the address written to, its detail included (docs/design.md, section 5). The
condition is for the whole address: ``contains "sales@"`` would take ``presales@`` along.
"""

import re
from collections.abc import Iterable

_REQUIRED = 'require ["fileinto", "mailbox"];\n'
_PATTERN = re.compile(r"([*?\\])")  # what :matches reads as more than itself (RFC 5228 section 2.7.1)
_LONGEST_DOMAIN = 100  # characters of it in a folder's name; file systems take 255 in all

# Names that mail stores, or programs, keep for something of their own, whatever the case.
_TAKEN = frozenset(
    {"inbox", "sent", "sent-items", "sent-messages", "outbox", "draft", "drafts", "templates", "notes"}
    | {"trash", "bin", "deleted", "deleted-items", "junk", "spam", "archive", "archives"}
    | {"all", "flagged", "important", "starred", "virtual", "shared", "public", "cur", "new", "tmp", "dbox-mails"}
)


def script(addresses: Iterable[str], delimiter: str) -> str:
    """Return a script with a rule for each address; the first that fits files the message.

    Args:
        addresses: of aliases, in A-labels.
        delimiter: what begins a detail; empty: there are none.
    """
    rules = (_rule(address, folder, delimiter) for address, folder in folders(addresses).items())
    return _REQUIRED + "".join(f"\n{rule}" for rule in rules)


def folders(addresses: Iterable[str]) -> dict[str, str]:
    """Return a folder for each address, a different one for each, whatever the case.

    It is named for the part before the @. No dot and no slash is in it, which part a folder from the one above it.
    """
    found: dict[str, str] = {}
    used = set(_TAKEN)
    for address in addresses:
        folder = next(name for name in _names(address) if name.lower() not in used)
        used.add(folder.lower())
        found[address] = folder
    return found


def _names(address: str) -> Iterable[str]:
    local, _, domain = address.rpartition("@")
    short = _plain(local).capitalize()
    longer = f"{short}-{_plain(domain)[:_LONGEST_DOMAIN]}"
    yield short
    yield longer
    for number in range(2, 10_000):
        yield f"{longer}-{number}"


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "-", text)


def _rule(address: str, folder: str, delimiter: str) -> str:
    patterns = [_as_pattern(address)]
    if delimiter:
        local, _, domain = address.rpartition("@")
        patterns.append(f"{_as_pattern(local + delimiter)}*@{_as_pattern(domain)}")
    listed = ", ".join(map(_quoted, patterns))
    test = f'header :matches "Delivered-To" [{listed}]'
    return f"if {test} {{\n  fileinto :create {_quoted(folder)};\n  stop;\n}}\n"


def _as_pattern(text: str) -> str:
    return _PATTERN.sub(r"\\\1", text)


def _quoted(text: str) -> str:
    """Return a quoted string (RFC 5228 section 2.4.2)."""
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'
