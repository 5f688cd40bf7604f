"""A server with one thread per connection, for a few clients that stay long, as Postfix's processes do.

What a failure shows to the client: a closed connection, or the refusal that the protocol has for it.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from conf.service import notify
from edges.listen import Listener

DRAIN_SECONDS = 10.0
_SIGN_OF_LIFE = 5.0  # seconds between messages to systemd's watchdog
_PAUSE = 0.1

log = structlog.get_logger()


class Conversation(Protocol):
    """One connection being served."""

    def run(self) -> None:
        """Answer until the connection ends. Never raises."""
        ...

    def end_soon(self) -> None:
        """Come to an end as soon as nothing is cut short by it. Another thread calls this."""
        ...


class ThreadedServer:
    """Accepts connections on one listener until it is stopped."""

    def __init__(
        self,
        role: str,
        listener: Listener,
        begin: Callable[[socket.socket], Conversation],
        *,
        most: int,
        refusal: bytes | None = None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve at most ``most`` connections at once.

        Args:
            role: names the server in logs.
            listener: closed at the end.
            begin: takes a new connection, which stays the server's to close.
            most: connections served at once.
            refusal: what one connection more is answered before it is closed; None lets it wait in the backlog.
            tick: called every few seconds.
        """
        self._role = role
        self._listener = listener
        self._begin = begin
        self._most = most
        self._refusal = refusal
        self._tick = tick
        self._wake, self._woken = socket.socketpair()
        self._guard = threading.Lock()
        self._clients: dict[Conversation, threading.Thread] = {}

    def stop(self) -> None:
        """Ask :meth:`serve` to finish. Safe in another thread, and more than once."""
        try:
            self._wake.send(b"x")
        except OSError:  # it has finished
            return

    def serve(self) -> None:
        """Accept and serve until :meth:`stop`; then close the listener and let what has begun finish."""
        self._listener.socket.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener.socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            notify("READY=1")
            while not self._stopped(ready := selector.select(_SIGN_OF_LIFE)):
                notify("WATCHDOG=1")
                self._tick()
                if ready:
                    self._accept()
            notify("STOPPING=1")
            while len(selector.select(0)) > 1 and self._accept():  # who has connected already gets a reply
                continue
        self._listener.close()
        self._drain()
        self._wake.close()
        self._woken.close()

    def _stopped(self, ready: list[tuple[selectors.SelectorKey, int]]) -> bool:
        return any(key.fileobj is self._woken for key, _ in ready)

    def _accept(self) -> bool:
        """Take one connection from the backlog; False when that cannot be done now."""
        is_full = len(self._clients) >= self._most
        if is_full and self._refusal is None:
            time.sleep(_PAUSE)
            return False
        try:
            client, _ = self._listener.socket.accept()
        except OSError as error:  # gone again, or out of descriptors: the listener itself is sound
            log.warning(f"{self._role}-accept-failed", reason=error.strerror)
            time.sleep(_PAUSE)
            return False
        if is_full and self._refusal is not None:
            self._turn_away(client, self._refusal)
        else:
            self._welcome(client)
        return True

    def _turn_away(self, client: socket.socket, refusal: bytes) -> None:
        log.warning(f"{self._role}-full", connections=self._most)
        with client:
            try:
                client.setblocking(False)
                client.send(refusal)
            except OSError:  # it is gone already
                return

    def _welcome(self, client: socket.socket) -> None:
        conversation = self._begin(client)
        talk = threading.Thread(target=self._talk, args=(conversation, client), name=self._role, daemon=True)
        with self._guard:
            self._clients[conversation] = talk
        try:
            talk.start()
        except RuntimeError as error:  # no more threads to be had
            log.warning(f"{self._role}-no-thread", reason=str(error))
            self._forget(conversation, client)

    def _talk(self, conversation: Conversation, client: socket.socket) -> None:
        try:
            conversation.run()
        finally:
            self._forget(conversation, client)

    def _forget(self, conversation: Conversation, client: socket.socket) -> None:
        with self._guard:
            del self._clients[conversation]
        client.close()

    def _drain(self) -> None:
        """Ask every conversation to end: idle ones are over at once, busy ones after their reply."""
        with self._guard:
            clients = dict(self._clients)
        for conversation in clients:
            conversation.end_soon()
        end = time.monotonic() + DRAIN_SECONDS
        for thread in clients.values():
            thread.join(max(0.0, end - time.monotonic()))
