"""The client of ManageSieve against servers that break off, talk nonsense, or never end: an error in its time."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from admin_api.filtering.client import Server, session
from admin_api.filtering.connection import Patience, Security, tls_context
from admin_api.filtering.errors import LoginRefused, ManageSieveError, NoAnswer, ServerUnreachable
from byname.sandbox.folders import short_folder
from conf.listen import InetSocket, Socket, UnixSocket

PATIENCE = Patience(connect=1, answer=0.5, session=1)
GREETING = b'"SIEVE" "fileinto"\r\n"SASL" "PLAIN LOGIN"\r\n"STARTTLS"\r\nOK {5}\r\nready\r\n'
IN, LISTED = b'OK "in"\r\n', b'"a" ACTIVE\r\n{3}\r\nb"c\r\nOK\r\n'


@contextmanager
def server_that_says(*blocks: bytes, listener: socket.socket | None = None, endless: bytes = b"") -> Iterator[int]:
    """Serve one connection: a block at the start and after each line of the client, then ``endless`` for ever."""
    made = listener or socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(made, blocks, endless), daemon=True)
    thread.start()
    try:
        yield 0 if listener else made.getsockname()[1]
    finally:
        thread.join(5)
        made.close()
    assert not thread.is_alive()


def _serve(listener: socket.socket, blocks: tuple[bytes, ...], endless: bytes) -> None:
    client, _ = listener.accept()
    with client, client.makefile("rb") as lines:
        client.settimeout(4)
        try:
            for block in blocks:
                client.sendall(block)
                if not endless and not lines.readline():
                    return
            while endless:
                client.sendall(endless)
        except OSError:
            return


def at(place: Socket, security: Security = "none") -> Server:
    context = None if security == "none" else tls_context(None)
    return Server(place, security, context, "byname", "a secret", PATIENCE)


@pytest.mark.parametrize(
    ("blocks", "security", "kind", "words"),
    [
        ([b"220 smtp.example ESMTP\r\n"], "none", ServerUnreachable, "the server does not speak ManageSieve"),
        ([b'BYE "too many"\r\n'], "none", ServerUnreachable, "the server says BYE: too many"),
        ([b'"\xff" "x"\r\nOK\r\n'], "none", ServerUnreachable, "the server does not write UTF-8"),
        ([b"{9999999999}\r\n"], "none", ServerUnreachable, "the server's answer is too long"),
        ([], "none", ServerUnreachable, "the server closed the connection"),
        ([b'"SASL" "PLAIN"\r\nOK\r\n'], "starttls", ServerUnreachable, "the server does not offer STARTTLS"),
        ([GREETING, b'NO "not today"\r\n'], "starttls", ServerUnreachable, "not today"),
        ([GREETING, b"OK\r\nOK\r\n"], "starttls", ServerUnreachable, "the server spoke before TLS began"),
        ([GREETING], "implicit", ServerUnreachable, "no TLS: "),
        ([b'"SASL" ""\r\nOK\r\n'], "none", LoginRefused, "the server does not offer the login by PLAIN"),
        ([GREETING, b'NO "no\xe2\x80\xae no"\r\n'], "none", LoginRefused, "mailbox: no no"),
        ([GREETING, b'NO (TRYLATER) "busy"\r\n'], "none", NoAnswer, "the server says NO: busy"),
        ([GREETING, b""], "none", NoAnswer, "the server does not answer in time"),
        ([GREETING, IN, b'"a" ACTIVE\r\n"b\r\n'], "none", NoAnswer, "the server does not speak ManageSieve"),
        ([GREETING, IN, LISTED, b"OK\r\n"], "none", NoAnswer, "the server did not send the script"),
    ],
)
def test_what_a_server_may_do(
    blocks: list[bytes], security: Security, kind: type[ManageSieveError], words: str
) -> None:
    with (
        server_that_says(*blocks) as port,
        pytest.raises(ManageSieveError) as caught,
        session(at(InetSocket("127.0.0.1", port), security), "a@b.test") as opened,
    ):
        opened.content(opened.scripts().names[0])
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("endless", [b"x", b'"a" "b"\r\n'])
def test_what_never_ends_is_ended(endless: bytes) -> None:
    with (
        server_that_says(endless=endless) as port,
        pytest.raises(ServerUnreachable, match=r"too long|in time"),
        session(at(InetSocket("127.0.0.1", port)), "a@b.test"),
    ):
        pass


def test_over_a_unix_socket() -> None:
    with short_folder() as folder, socket.socket(socket.AF_UNIX) as listener:
        place = UnixSocket(str(folder / "sieve"))
        with (
            pytest.raises(ServerUnreachable, match="no connection: No such file or directory"),
            session(at(place), "a@b.test"),
        ):
            pass
        listener.bind(place.path)
        listener.listen()
        with (
            server_that_says(GREETING, IN, LISTED, IN, listener=listener),
            session(at(place), "a@b.test") as opened,
        ):
            listing = opened.scripts()
    assert (listing.names, listing.active) == (("a", 'b"c'), "a")


def test_nobody_is_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    refused(at(InetSocket("127.0.0.1", port)), "no connection: Connection refused")


def refused(server: Server, words: str) -> None:
    with pytest.raises(ServerUnreachable, match=words), session(server, "a@b.test"):
        pass
