"""``byname lmtp``: a connection of the MTA (RFC 2033), from its greeting to its end.

What a failure shows to the MTA: 421 at LHLO when the mail store is away, and 4xx for a recipient when his copy could
not be handed over; it keeps the mail in its queue and comes again. The edge itself keeps nothing. A recipient is
refused with 5xx on evidence only (docs/design.md, section 6), at RCPT or, with the store's own words, after the
message.
"""

import socket
import threading
from collections.abc import Callable

import structlog

from edges.lmtp import replies as say
from edges.lmtp.delivery import LmtpSite
from edges.lmtp.dialogue import Dialogue, Ended
from edges.lmtp.replies import on_wire
from edges.lmtp.wire import LineTooLong, PeerGone, PeerSilent, Wire
from routing.replies import Reply

IDLE_SECONDS = 300.0  # RFC 5321 section 4.5.3.2.7
MOST_SESSIONS = 200  # Postfix's default_process_limit is 100
REFUSAL_WHEN_FULL = on_wire(say.FULL)

log = structlog.get_logger()


class LmtpSession:
    """One connection. ``run`` serves it to its end; ``end_soon`` may be called by another thread."""

    def __init__(self, client: socket.socket, current_site: Callable[[], LmtpSite], idle: float = IDLE_SECONDS) -> None:
        """Serve ``client``; each message is decided with the site that is current when it begins."""
        self._wire = Wire(client, idle)
        self._idle = idle
        self._dialogue = Dialogue(self._wire, current_site, idle)
        self._guard = threading.Lock()
        self._is_ending = self._is_waiting = False

    def run(self) -> None:
        """Answer until either side ends the connection. Never raises."""
        try:
            self._wire.send(f"220 {socket.gethostname()} LMTP Byname\r\n".encode("ascii", "replace"))
            while True:
                self._answer()
        except Ended as ended:
            self._last_word(ended.last)
        except PeerSilent:
            self._last_word(say.TOO_SLOW)
        except PeerGone as error:
            log.debug("lmtp-client-gone", reason=str(error))
            if self._is_ending:
                self._last_word(say.SHUTTING_DOWN)
        except Exception:  # a bug must cost a 4xx, not mail
            log.exception("lmtp-bug")
            self._last_word(say.BROKEN)
        finally:
            self._wire.close()

    def end_soon(self) -> None:
        """End the connection, but let a message that has begun come to its replies."""
        with self._guard:
            self._is_ending = True
            if self._is_waiting:
                self._wire.stop_reading()

    def _answer(self) -> None:
        """Read one command and answer it."""
        try:
            answer = self._dialogue.handle(self._next_line())
        except LineTooLong:
            answer = say.LINE_TOO_LONG
        if answer is not None:
            self._wire.send(on_wire(answer))

    def _next_line(self) -> bytes:
        with self._guard:
            may_stop_here = not self._dialogue.has_begun
            if self._is_ending and may_stop_here:
                raise Ended(say.SHUTTING_DOWN)
            self._is_waiting = may_stop_here
        try:
            return self._wire.read_line(self._idle)
        finally:
            self._is_waiting = False

    def _last_word(self, answer: Reply) -> None:
        try:
            self._wire.send(on_wire(answer))
        except PeerGone:
            return
