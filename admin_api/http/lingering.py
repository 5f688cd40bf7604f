"""A close that does not take the last answer back.

A socket that is closed while bytes of the client lie unread resets the connection, and the client's system then drops
the answer that the client has not read yet: a refused request would look like a broken server. So our side is ended
first, and what still comes is thrown away for a short time (RFC 9112 section 9.6).
"""

import asyncio
from typing import Any

LINGER = 1.0  # seconds that the client has to end its side


class LingeringTransport:
    """A plain asyncio transport in every way but :meth:`close` and what follows from it."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._is_ended = False

    def write(self, data: bytes) -> None:
        """Send. After :meth:`close` nothing goes out, as with any transport."""
        if not self._is_ended:
            self._transport.write(data)

    def close(self) -> None:
        """End our side when all is sent; the connection when the client has ended its own, or a second later."""
        if self.is_closing():
            return
        self._is_ended = True
        try:
            self._transport.write_eof()
        except (OSError, NotImplementedError):  # the client is gone; or TLS, which has no half of a connection
            self._transport.close()
            return
        self._transport.resume_reading()
        self._loop.call_later(LINGER, self._transport.close)

    def is_closing(self) -> bool:
        """Return whether our side has ended: what comes now is not read."""
        return self._is_ended or self._transport.is_closing()

    def __getattr__(self, name: str) -> Any:
        """Return everything else as the transport has it."""
        return getattr(self._transport, name)
