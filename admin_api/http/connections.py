"""Connections that cannot be held for ever: each has to get on, and there are only so many.

uvicorn ends a connection that is idle between two requests (timeout_keep_alive), but neither one whose header or body
never comes to its end nor one whose client does not read; and its limit_concurrency lets connections stay. Its parser
(httptools) bounds neither a header nor the requests that come ahead of their answers, and takes one without a Host. So
the protocol looks after these itself. RFC 9110 section 15.5.9: 408; RFC 6585 section 5: 431; RFC 9112 section 3.2.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from admin_api.http.lingering import LingeringTransport

_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long a client may stall, and how many connections there may be."""

    stall_timeout: float = 30.0  # seconds: for a whole header, between two pieces of a body or of an answer
    max_connections: int = 500
    max_header: int = 65_536  # bytes, of request line and header together
    max_ahead: int = 10  # requests that wait behind the one that is being answered


class MalformedRequest(ValueError):
    """A request that the parser takes, and HTTP does not. To the parser an error like its own: 400."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits. Made by :func:`limited`."""

    limits = ConnectionLimits()

    def __init__(self, *given: Any, **named: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*given, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._is_begun = False  # something came of a request that is not answered
        self._owes_body = False  # more of a body is to come
        self._header = 0  # bytes that came of a header that is not complete
        self._unread = 0  # bytes of an answer that the client had not taken when the timer last went off

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve a connection, or turn it away when there are too many."""
        self._raw_transport = transport
        super().connection_made(cast("asyncio.Transport", LingeringTransport(transport, self.loop)))
        if len(self.connections) > self.limits.max_connections:
            transport.write(_TOO_MANY)
            transport.close()
            return
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Take what the client sent. A header must come within one timeout; each piece of a body starts a new one."""
        if self.transport.is_closing():
            return
        if not self._is_begun or self._owes_body:
            self._start_timer()
        self._is_begun = True
        self._header += len(data)
        super().data_received(data)
        if self._header > self.limits.max_header and not self.transport.is_closing():
            if not self._is_open():
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Begin to answer. Raises MalformedRequest."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise MalformedRequest("a request needs one Host")
        if len(self.pipeline) >= self.limits.max_ahead:
            raise MalformedRequest("too many requests ahead of their answers")
        self._header = 0
        self._owes_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Know that a request is here."""
        self._header = 0
        self._owes_body = False
        super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._header = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Start anew with the next request."""
        self._is_begun = self._owes_body or self._header > 0 or bool(self.pipeline)
        self._start_timer()
        super().on_response_complete()

    def shutdown(self) -> None:
        """End the connection when nothing is under way, at once: there is no answer to be read. Else after it."""
        if self._is_open():
            super().shutdown()
        else:
            self._raw_transport.close()

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
        if self._is_begun and not self._is_told():
            self.transport.write(_TIMED_OUT)
        self.transport.close()
        self._start_timer()

    def _is_told(self) -> bool:
        """Return whether the client got an answer, or the beginning of one, to what has begun."""
        return self.cycle.response_started if self._is_open() else self._owes_body

    def _is_answering(self) -> bool:
        """Return whether it is our turn: the request is here, or we do not read the rest of it now."""
        return self._is_open() and (not self.cycle.more_body or self.flow.read_paused or self.cycle.response_started)

    def _is_open(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


def limited(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with these limits."""
    return cast("type[asyncio.Protocol]", type("LimitedProtocol", (LimitedProtocol,), {"limits": limits}))
