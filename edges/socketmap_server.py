"""The socketmap server: connections that Postfix keeps open, a request and its reply at a time.

What a failure shows to Postfix: a closed connection, after which it connects again, and 451 for its client if that
fails too. A stream that is no sequence of netstrings closes its own connection only.
"""

import contextlib
import socket
from collections.abc import Callable

import structlog

from edges.listen import Listener
from edges.netstrings import Decoder, NetstringError, encode
from edges.serving import ThreadedServer

MOST_CLIENTS = 500  # Postfix's default_process_limit is 100; beyond this, clients wait in the backlog
IDLE_SECONDS = 300.0  # Postfix drops its end after 10 s without a request
_READ = 65_536

log = structlog.get_logger()


class SocketmapServer(ThreadedServer):
    """Answers requests on one listener until it is stopped."""

    def __init__(self, listener: Listener, answer: Callable[[bytes], bytes], *, idle: float = IDLE_SECONDS) -> None:
        """Serve ``answer``, which takes a request's content, returns the reply's, and never raises.

        It may be replaced at any time; the next request gets the new one.
        """
        super().__init__("socketmap", listener, self._begin_talk, most=MOST_CLIENTS)
        self.answer = answer
        self._idle = idle

    def _begin_talk(self, client: socket.socket) -> "SocketmapTalk":
        client.settimeout(self._idle)
        return SocketmapTalk(client, lambda request: self.answer(request))


class SocketmapTalk:
    """One connection."""

    def __init__(self, client: socket.socket, answer: Callable[[bytes], bytes]) -> None:
        self._client = client
        self._answer = answer

    def run(self) -> None:
        """Answer the connection's requests in order until either side ends it."""
        try:
            converse(self._client, self._answer)
        except NetstringError as error:
            log.warning("socketmap-bad-netstring", reason=str(error))
        except OSError as error:  # timeout, reset, broken pipe: the client is gone
            log.debug("socketmap-client-gone", reason=str(error))

    def end_soon(self) -> None:
        """End reading: an idle connection is over at once, a busy one after its reply."""
        with contextlib.suppress(OSError):  # already closed by its peer
            self._client.shutdown(socket.SHUT_RD)


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
