"""Connections to the mail store, kept for the next message. Shared by all sessions of a process.

There are never more connections than sessions were at work at once: one that is kept is taken before a new one is made.
"""

import threading
import time

from edges.lmtp.backend import TIMEOUTS, Backend, ConnectionStale, Extensions, Timeouts, Transaction
from edges.lmtp.replies import StoreReply

IDLE_SECONDS = 30.0


class Pool:
    """The mail store at one address."""

    def __init__(self, address: str, timeouts: Timeouts = TIMEOUTS, idle: float = IDLE_SECONDS) -> None:
        """Keep connections to ``address`` (``unix:/path`` or ``inet:port@host``) for ``idle`` seconds."""
        self.address = address
        self._timeouts = timeouts
        self._idle = idle
        self._guard = threading.Lock()
        self._kept: list[tuple[float, Backend]] = []  # since when; the latest last
        self._is_closed = False

    def offered(self) -> Extensions:
        """Return what the store offers now.

        Raises:
            StoreFailed: it cannot be reached.
        """
        backend = self._take() or self._fresh()
        self._give(backend)
        return backend.offered

    def deliver(self, transaction: Transaction) -> StoreReply:
        """Hand over one message and return the store's reply.

        Raises:
            StoreFailed: it gave none, and may have taken the message only if the final dot had been sent.
        """
        backend = self._take() or self._fresh()
        try:
            return self._delivered(backend, transaction)
        except ConnectionStale:  # nothing has been handed over yet
            return self._delivered(self._fresh(), transaction)

    def drop_idle(self) -> None:
        """Close what has been kept too long."""
        oldest = time.monotonic() - self._idle
        with self._guard:
            expired = [backend for since, backend in self._kept if since < oldest]
            self._kept = [(since, backend) for since, backend in self._kept if since >= oldest]
        for backend in expired:
            backend.close()

    def close(self) -> None:
        """Close what is kept, and from now on keep nothing."""
        with self._guard:
            self._is_closed = True
            kept, self._kept = self._kept, []
        for _, backend in kept:
            backend.close()

    def _delivered(self, backend: Backend, transaction: Transaction) -> StoreReply:
        try:
            reply = backend.deliver(transaction)
        except BaseException:
            backend.close()
            raise
        self._give(backend)
        return reply

    def _fresh(self) -> Backend:
        return Backend(self.address, self._timeouts)

    def _take(self) -> Backend | None:
        """Return a kept connection that is still good."""
        self.drop_idle()
        while True:
            with self._guard:
                if not self._kept:
                    return None
                _, backend = self._kept.pop()
            if backend.is_sound:
                return backend
            backend.close()

    def _give(self, backend: Backend) -> None:
        backend.is_kept = True
        with self._guard:
            keep = not self._is_closed
            if keep:
                self._kept.append((time.monotonic(), backend))
        if not keep:
            backend.close()
