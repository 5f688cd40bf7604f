"""The first line of our scripts, by which one that nobody changed is known again, whoever installed it and when.

It is no secret: who writes it under a script of his own says that the script may be replaced.
"""

import hashlib
import re

_HEAD = re.compile(rb"# Byname ([0-9a-f]{64})\r?\n")


def marked(script: str) -> bytes:
    """Return a script as it is installed: with our line, and with CRLF (RFC 5228 section 2.2)."""
    content = script.replace("\r\n", "\n").replace("\n", "\r\n").encode()
    return b"# Byname %s\r\n%s" % (_digest(content), content)


def is_ours(content: bytes) -> bool:
    """Tell whether a script is as we installed it; a server may have changed the line ends."""
    found = _HEAD.match(content)
    return found is not None and found[1] == _digest(content[found.end() :])


def same(one: bytes, other: bytes) -> bool:
    """Tell whether two scripts differ by their line ends only."""
    return _plain(one) == _plain(other)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(_plain(content)).hexdigest().encode()


def _plain(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")
