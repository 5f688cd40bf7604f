"""Aliases as mailcow's API exports them: the answer of ``GET /api/v1/get/alias/all``, a JSON list of objects.

``address`` and ``goto`` (with commas), ``active``, ``sender_allowed`` (the mailboxes may send as it), ``internal`` (it
takes mail from the own server only), ``public_comment`` and ``private_comment``. What ``get/alias-domain/all`` answers
is read as well. A line of the report is an object, counted from 1.
"""

import json
from collections.abc import Iterator
from typing import IO, Any

from store.transfer.foreign import InvalidFlag, flag, line_of, note_of, targets_of
from store.transfer.lines import MOST_OCTETS, Line, malformed


def read_mailcow(source: IO[bytes]) -> Iterator[Line]:
    """Return what each object says."""
    octets = source.read(MOST_OCTETS + 1)
    if len(octets) > MOST_OCTETS:
        yield malformed(1, "file-too-large")
        return
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        yield malformed(1, "invalid-file", "it is not JSON")
        return
    if not isinstance(found, list):
        yield malformed(1, "invalid-file", "it is no list, as /api/v1/get/alias/all gives it")
        return
    yield from (_line(number, one) for number, one in enumerate(found, 1))


def _line(number: int, found: Any) -> Line:
    if isinstance(found, dict) and isinstance(found.get("alias_domain"), str):
        return malformed(number, "alias-domain", address=f"@{found['alias_domain']}")
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in ("address", "goto")):
        return malformed(number, "invalid-file", "an object without address and goto")
    address = found["address"].strip()
    try:
        if flag(found.get("internal", 0)):
            return malformed(number, "internal-only", address=address)
        given = {"is_active": flag(found.get("active", 1)), "can_send": flag(found.get("sender_allowed", 0))}
    except InvalidFlag:
        return malformed(number, "invalid-value", "active, internal and sender_allowed must be 0 or 1", address)
    note = note_of(found.get("public_comment"), found.get("private_comment"))
    return line_of(number, address, targets_of(found["goto"]), given | ({"note": note} if note else {}))
