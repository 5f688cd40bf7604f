"""What a milter process remembers from one message to the next. None of it decides: it is lost at a restart."""

import threading
import time
from collections import OrderedDict

from routing.address import Address

_LASTS = 6 * 3600.0  # seconds for which a connection is asked for more than usual, after it was needed
_DAY = 24 * 3600.0
_MOST_PAIRS = 10_000

Pair = tuple[str, Address]  # an envelope sender as typed, and a name


class Learned:
    """Shared by all sessions of a process, which run in threads of their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._apart: OrderedDict[Pair, float] = OrderedDict()
        self.keeps_apart = False  # nobody yet: then no recipient is looked for
        self._header_until = self._body_until = 0.0

    # What is asked of the MTA is settled when a connection begins, before a recipient is known. So a site without a
    # rule about senders never pays for header or body, and one with rules only while they are in use.

    def need_header(self) -> None:
        """A recipient came whose rules look at the header."""
        self._header_until = time.monotonic() + _LASTS

    def need_body(self) -> None:
        """A message came of which only the body tells whether it is a bounce."""
        self._body_until = time.monotonic() + _LASTS

    @property
    def wants_header(self) -> bool:
        """Whether connections that begin now are asked for the header."""
        return self._header_until > time.monotonic()

    @property
    def wants_body(self) -> bool:
        """Whether connections that begin now are asked for the body."""
        return self._body_until > time.monotonic()

    # A milter refuses a message for all its recipients or for none. Who refuses what another takes is kept apart from
    # him when the client comes again.

    def keep_apart(self, sender: str, name: Address) -> None:
        """Note that ``name`` refused a message of ``sender`` that others took."""
        with self._lock:
            self._apart[sender, name] = time.monotonic() + _DAY
            self._apart.move_to_end((sender, name))
            self.keeps_apart = True
            while len(self._apart) > _MOST_PAIRS:
                self._apart.popitem(last=False)

    def is_apart(self, sender: str, name: Address) -> bool:
        """Return whether ``name`` is to get the messages of ``sender`` without other recipients."""
        return self._apart.get((sender, name), 0.0) > time.monotonic()
