"""When a message came to this system: as of then an alias on its way out is judged.

The MTA answered 250 on the evidence of that moment; an alias that expired while the message stood in its queue must not
turn the promise into a bounce. The moment stands in the topmost Received field, which is the MTA's own (RFC 5321,
section 4.4). Without one that can be read, it is now.
"""

import re
from email.utils import parsedate_to_datetime

LONGEST_QUEUED = 7 * 86_400  # seconds; Postfix keeps a message for 5 days
LATE = 5.0  # seconds that a milter may act on what the store has changed since (docs/design.md, section 6)

_COMMENT = re.compile(r"\([^()]*\)")


def arrived_at(received: bytes | None, now: float) -> float:
    """Return the moment to judge by, in seconds since 1970: never after ``now``, never long before.

    Args:
        received: the value of the topmost Received field, None for no such field.
        now: the present moment.
    """
    found = _date(received.decode("ascii", "replace")) if received is not None else None
    if found is None or found > now:
        return now
    return max(found - LATE, now - LONGEST_QUEUED)


def _date(value: str) -> float | None:
    _, semicolon, date = value.rpartition(";")
    try:
        found = parsedate_to_datetime(" ".join(_COMMENT.sub(" ", date).split()))
    except (ValueError, TypeError, IndexError):
        return None
    return found.timestamp() if semicolon and found.tzinfo is not None else None
