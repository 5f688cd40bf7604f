"""Connections that cannot be held for ever: each has to get on, and there are only so many.

uvicorn ends a connection that is idle between two requests (timeout_keep_alive), but neither one whose header or body
never comes to its end nor one whose client does not read; and its limit_concurrency lets connections stay. So the
protocol looks after these itself. RFC 9110 section 15.5.9: 408.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long a client may stall, and how many connections there may be."""

    stall_timeout: float = 30.0  # seconds: for a whole header, between two pieces of a body or of an answer
    max_connections: int = 500


class LimitedProtocol(H11Protocol):
    """uvicorn's protocol with limits. Made by :func:`limited`."""

    limits = ConnectionLimits()

    def __init__(self, *given: Any, **named: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*given, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._is_begun = False  # something came of a request that is not answered
        self._unread = 0  # bytes of an answer that the client had not taken when the timer last went off

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve a connection, or turn it away when there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.max_connections:
            transport.write(_TOO_MANY)
            transport.close()
            return
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Take what the client sent. A header must come within one timeout; each piece of a body starts a new one."""
        if self.transport.is_closing():
            return
        is_new = not self._is_begun
        self._is_begun = True
        if is_new or self._owes_body():
            self._start_timer()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Start anew with the next request."""
        self._is_begun = self.conn.their_state is not self.conn.our_state  # a part of the body is still to come
        self._start_timer()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(self.limits.stall_timeout, self._look)

    def _look(self) -> None:
        """End the connection if it is the client that keeps us waiting."""
        if self.transport.is_closing():
            self.transport.abort()  # what it was sent last it did not take
        elif self._is_answering():
            unread, before = self.transport.get_write_buffer_size(), self._unread
            self._unread = unread
            if 0 < unread == before:
                self.transport.abort()
                return
            self._start_timer()
        else:
            self._end()

    def _end(self) -> None:
        if self._is_begun and self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.write(_TIMED_OUT)
        self.transport.close()
        self._start_timer()

    def _is_answering(self) -> bool:
        """Return whether it is our turn: the request is here, or we do not read the rest of it now."""
        return self._is_open() and (not self.cycle.more_body or self.flow.read_paused or self._is_started())

    def _owes_body(self) -> bool:
        """Return whether more of a body is to come."""
        return self.cycle is not None and (self.cycle.more_body or not self.cycle.response_complete)

    def _is_open(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_started(self) -> bool:
        return self._is_open() and self.cycle.response_started


def limited(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with these limits."""
    return cast("type[asyncio.Protocol]", type("LimitedProtocol", (LimitedProtocol,), {"limits": limits}))
