"""The socketmap server: one thread per connection, because Postfix keeps a handful of them open for long.

What a failure shows to Postfix: a closed connection, after which it connects again, and 451 for its client if that
fails too. A stream that is no sequence of netstrings closes its own connection only.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable

import structlog

from conf.service import notify
from edges.listen import Listener
from edges.netstrings import Decoder, NetstringError, encode

MOST_CLIENTS = 500  # Postfix's default_process_limit is 100; beyond this, clients wait in the backlog
IDLE_SECONDS = 300.0  # Postfix drops its end after 10 s without a request
DRAIN_SECONDS = 10.0
_SIGN_OF_LIFE = 5.0  # seconds between messages to systemd's watchdog
_READ = 65_536
_PAUSE = 0.1

log = structlog.get_logger()


class SocketmapServer:
    """Answers requests on one listener until told to stop."""

    def __init__(self, listener: Listener, answer: Callable[[bytes], bytes], *, idle: float = IDLE_SECONDS) -> None:
        """Serve ``answer``, which takes a request's content, returns the reply's, and never raises.

        It may be replaced at any time; the next request gets the new one.
        """
        self.answer = answer
        self._listener = listener
        self._idle = idle
        self._wake, self._woken = socket.socketpair()
        self._guard = threading.Lock()
        self._clients: dict[socket.socket, threading.Thread] = {}

    def stop(self) -> None:
        """Ask :meth:`serve` to finish. Safe in a signal handler and in another thread, and more than once."""
        try:
            self._wake.send(b"x")
        except OSError:  # it has finished
            return

    def serve(self) -> None:
        """Accept and answer until :meth:`stop`; then close the listener and let running requests finish."""
        self._listener.socket.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener.socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            notify("READY=1")
            while not self._stopped(ready := selector.select(_SIGN_OF_LIFE)):
                notify("WATCHDOG=1")
                if ready:
                    self._accept()
        notify("STOPPING=1")
        self._listener.close()
        self._drain()
        self._wake.close()
        self._woken.close()

    def _stopped(self, ready: list[tuple[selectors.SelectorKey, int]]) -> bool:
        return any(key.fileobj is self._woken for key, _ in ready)

    def _accept(self) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            time.sleep(_PAUSE)
            return
        try:
            client, _ = self._listener.socket.accept()
        except OSError as error:  # gone again, or out of descriptors: the listener itself is sound
            log.warning("socketmap-accept-failed", reason=error.strerror)
            time.sleep(_PAUSE)
            return
        client.settimeout(self._idle)
        thread = threading.Thread(target=self._talk, args=(client,), name="socketmap-client", daemon=True)
        with self._guard:
            self._clients[client] = thread
        try:
            thread.start()
        except RuntimeError as error:  # no more threads to be had
            log.warning("socketmap-no-thread", reason=str(error))
            self._forget(client)

    def _talk(self, client: socket.socket) -> None:
        """Answer one connection's requests in order until either side ends it."""
        try:
            converse(client, lambda request: self.answer(request))
        except NetstringError as error:
            log.warning("socketmap-bad-netstring", reason=str(error))
        except OSError as error:  # timeout, reset, broken pipe: the client is gone
            log.debug("socketmap-client-gone", reason=str(error))
        finally:
            self._forget(client)

    def _forget(self, client: socket.socket) -> None:
        with self._guard:
            del self._clients[client]
        client.close()

    def _drain(self) -> None:
        """End reading on every connection: idle ones are over at once, busy ones after their reply."""
        with self._guard:
            clients = dict(self._clients)
            for client in clients:
                try:
                    client.shutdown(socket.SHUT_RD)
                except OSError:  # already closed by its peer
                    continue
        end = time.monotonic() + DRAIN_SECONDS
        for thread in clients.values():
            thread.join(max(0.0, end - time.monotonic()))


def converse(client: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    """Answer the requests that come over ``client`` until its peer ends the stream.

    Raises:
        NetstringError: the stream is broken, or ended in the middle of a request.
        OSError: the peer went away, or was silent for longer than the socket's timeout.
    """
    decoder = Decoder()
    while data := client.recv(_READ):
        decoder.receive(data)
        while (request := decoder.next_string()) is not None:
            client.sendall(encode(answer(request)))
    if not decoder.is_empty:
        raise NetstringError("the stream ended within a request")
