"""The keyed hand-over: by which the milter knows that a message comes from the Message API, and for which login.

On the internal listener nobody shows a password. So the API puts above the message

    X-Byname-Handover: <unix time>, <HMAC-SHA256(key; time, login, envelope sender, Message-ID)>

which holds for one message, once, for a while (docs/facts.md, "Milter and Postfix"). Everywhere else the field means
nothing and is taken away.
"""

import hmac
import re
from dataclasses import dataclass
from math import floor

HANDOVER = "X-Byname-Handover"
LIFETIME = 3600  # seconds
CLOCKS_APART = 60  # seconds that the API's clock may be ahead of the milter's
MOST_FIELDS = 16  # of strangers, taken away; a message with more is refused

_VALUE = re.compile(r"([0-9]{1,12}), ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a hand-over is about."""

    login: str
    sender: str  # of the envelope
    message_id: str


def handover_value(key: bytes, claim: Claim, at: int) -> str:
    """Return the value of the field that vouches for ``claim`` at the unix time ``at``."""
    return f"{at}, {_mac(key, claim, at)}"


def judge_handover(key: bytes, claim: Claim, value: str, now: float, since: float) -> tuple[str, int]:
    """Return the slug of what is wrong with the field, empty when it holds, and its time.

    Args:
        since: keys that are not younger are not taken: whether one was used before then, nobody remembers.
    """
    found = _VALUE.fullmatch(value)
    if found is None:
        return "handover-forged", 0
    at = int(found[1])
    if not hmac.compare_digest(found[2], _mac(key, claim, at)):
        return "handover-forged", at
    if not max(now - LIFETIME, since) < at <= now + CLOCKS_APART:
        return "handover-aged", at
    return "", at


def holds_from(since: float) -> int:
    """Return the unix time from which every key that is made holds, for ``since`` of :func:`judge_handover`.

    Keys count whole seconds: of one that was made in the second of ``since`` nobody can tell whether it was earlier.
    """
    return floor(since) + 1


def _mac(key: bytes, claim: Claim, at: int) -> str:
    """Return the HMAC over the parts, each with its length, so that no two claims read alike."""
    parts = [b"byname-handover", str(at).encode(), *map(str.encode, (claim.login, claim.sender, claim.message_id))]
    return hmac.digest(key, b"".join(b"%d:%s," % (len(part), part) for part in parts), "sha256").hex()
