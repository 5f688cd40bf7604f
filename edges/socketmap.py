"""The socketmap protocol of Postfix, socketmap_table(5): one request in, one reply out. No I/O here.

What a failure shows to the MTA: ``TEMP`` makes Postfix answer 451 and try again; ``NOTFOUND`` is final ("relay access
denied" on port 25), so a lookup gives it on evidence only (docs/design.md, section 6); ``PERM`` is for a request that
can never work, a wrong map name in ``main.cf``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from edges.netstrings import LONGEST
from routing.directory import LookupFailed

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Found:
    """The key is in the map."""

    value: str

    def encode(self) -> bytes:
        """Return the reply as it goes into a netstring; ``TEMP`` if Postfix would not take it for its length."""
        reply = b"OK " + self.value.encode("utf-8", "surrogateescape")
        return reply if len(reply) <= LONGEST else Temporary("the result is too long").encode()


@dataclass(frozen=True, slots=True)
class NotFound:
    """There is evidence that the key is not in the map."""

    def encode(self) -> bytes:
        """Return the reply as it goes into a netstring."""
        return b"NOTFOUND "


@dataclass(frozen=True, slots=True)
class Temporary:
    """Nothing could be learned."""

    reason: str

    def encode(self) -> bytes:
        """Return the reply as it goes into a netstring."""
        return b"TEMP " + self.reason.encode("ascii", "replace")


@dataclass(frozen=True, slots=True)
class Permanent:
    """The request itself is wrong."""

    reason: str

    def encode(self) -> bytes:
        """Return the reply as it goes into a netstring."""
        return b"PERM " + self.reason.encode("ascii", "replace")


Answer = Found | NotFound | Temporary | Permanent
Lookup = Callable[[str], Answer]


def answer(maps: Mapping[str, Lookup], request: bytes) -> Answer:
    """Look up ``name SP key``. Never raises: what goes wrong in a lookup is ``TEMP``."""
    name, space, key = request.decode("utf-8", "surrogateescape").partition(" ")
    lookup = maps.get(name)
    if not space or lookup is None:
        log.warning("socketmap-bad-request", map=name[:80])
        return Permanent(f"there is no such map; there are: {', '.join(maps)}")
    try:
        return lookup(key)
    except LookupFailed as error:
        log.warning("socketmap-no-evidence", map=name, key=key, reason=str(error))
        return Temporary("lookup failed, please try again")
    except Exception:  # a bug must cost a 451, not the connection or a wrong NOTFOUND
        log.exception("socketmap-bug", map=name, key=key)
        return Temporary("internal error, please try again")
