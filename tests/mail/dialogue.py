"""Speaking SMTP word by word, so that a test decides what goes over the wire."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Protocol, Self

from byname.sandbox.certificate import Certificate
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.postfix_instance import PostfixInstance

MESSAGE = b"From: ann@outside.example\r\nSubject: hello\r\n\r\nbye\r\n"


class Dialogue:
    """One SMTP connection; every command returns the whole reply as text."""

    def __init__(self, port: int, source: str = LOOPBACK) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), timeout=30, source_address=(source, 0))
        self._lines = self._socket.makefile("rb")
        self.reply()
        self.say("EHLO client.test")

    def say(self, command: str | bytes) -> str:
        """Send a command line and return its reply."""
        self.send(command)
        return self.reply()

    def send(self, command: str | bytes) -> None:
        """Send a line and do not wait."""
        raw = command.encode() if isinstance(command, str) else command
        self._socket.sendall(raw + b"\r\n")

    def reply(self) -> str:
        """Return the next reply, its lines joined."""
        lines = []
        while True:
            line = self._lines.readline().decode("utf-8", "replace").rstrip("\r\n")
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)

    def mail(
        self, recipients: Iterable[str], message: bytes = MESSAGE, sender: str = "<ann@outside.example>"
    ) -> list[str]:
        """Send a whole message, and return the replies to MAIL, each RCPT and, if any was taken, the message."""
        replies = [self.say(f"MAIL FROM:{sender}")]
        replies += [self.say(f"RCPT TO:{recipient}") for recipient in recipients]
        if replies[0].startswith("250") and any(reply.startswith("250") for reply in replies[1:]):
            self.say("DATA")
            self.send(message)
            replies.append(self.say("."))
        else:
            self.say("RSET")
        return replies

    def close(self) -> None:
        """Drop the connection."""
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Site(Protocol):
    """What a login needs to know."""

    certificate: Certificate
    passwords: dict[str, str]

    @property
    def postfix(self) -> PostfixInstance: ...


def logged_in(site: Site, login: str, *, port: int | None = None, tls_from_start: bool = False) -> smtplib.SMTP:
    """Return a connection with a login made over TLS: to submission, or to another port."""
    context = ssl.create_default_context(cafile=site.certificate.certificate)
    client: smtplib.SMTP
    if tls_from_start:
        client = smtplib.SMTP_SSL("localhost", site.postfix.submissions_port, context=context, timeout=30)
    else:
        client = smtplib.SMTP("localhost", port or site.postfix.submission_port, timeout=30)
        client.starttls(context=context)
    client.login(login, site.passwords[login])
    return client


def submit(client: smtplib.SMTP, sender: str, header: bytes, recipient: str = "friend@outside.example") -> str:
    """Send a message with the given header, and return the decisive reply: the first refusal, or the last 250."""
    steps: Sequence[Callable[[], tuple[int, bytes]]] = (
        lambda: client.docmd(f"MAIL FROM:{sender}"),
        lambda: client.docmd(f"RCPT TO:<{recipient}>"),
        lambda: data_as_it_is(client, header + b"\r\n\r\nbody\r\n"),
    )
    code, text = 0, b""
    for step in steps:
        code, text = step()
        if code >= 400:
            client.rset()
            break
    return f"{code} {text.decode()}"


def data_as_it_is(client: smtplib.SMTP, message: bytes) -> tuple[int, bytes]:
    """Send a message as it is, and return the last reply: ``SMTP.data`` would mend its line ends and dots."""
    code, text = client.docmd("DATA")
    if code != 354:
        return code, text
    client.send(message + b".\r\n")
    return client.getreply()
