"""The text of a token: a prefix for its kind, 30 random characters, 6 of checksum (docs/api.md, "Tokens and scopes").

The checksum, CRC-32 over all that stands before it, lets a mistyped or made-up token be refused without a query, and
lets scanners for leaked secrets be sure. It guards against nobody.
"""

import re
import secrets
import string
from hashlib import sha256
from zlib import crc32

RANDOM, CHECKSUM = 30, 6  # characters; 62**30 is 178 bits, 62**6 holds every CRC-32

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{1,20}}[0-9A-Za-z]{{{RANDOM + CHECKSUM}}}")  # with whatever prefix
_SHOWN = 4  # random characters by which people tell tokens apart


def make(prefix: str) -> str:
    """Return a new token."""
    text = prefix + "".join(secrets.choice(_BASE62) for _ in range(RANDOM))
    return text + _checksum(text)


def well_formed(text: str) -> bool:
    """Return whether ``text`` can be a token. Its prefix may be one that the settings named once, and now do not."""
    return bool(_TOKEN.fullmatch(text)) and _checksum(text[:-CHECKSUM]) == text[-CHECKSUM:]


def digest(text: str) -> str:
    """Return what is kept of a token: its SHA-256 as hex digits. No salt: nobody guesses 178 bits."""
    return sha256(text.encode()).hexdigest()


def start(text: str) -> str:
    """Return the beginning of a token, which may be shown."""
    return text[: -(RANDOM + CHECKSUM - _SHOWN)]


def _checksum(text: str) -> str:
    number, digits = crc32(text.encode()), ""
    for _ in range(CHECKSUM):
        number, rest = divmod(number, len(_BASE62))
        digits = _BASE62[rest] + digits
    return digits
