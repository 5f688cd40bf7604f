"""How to send from an address by SMTP: a command for swaks, and a snippet of Python. Neither holds a password."""

import shlex

from conf.clients import Server

_SNIPPET = """\
import getpass
import smtplib
import ssl
from email.message import EmailMessage

message = EmailMessage()
message["From"] = {sender!r}
message["To"] = {to!r}
message["Subject"] = "A first mail"
message.set_content("Sent from an alias.")

{connect}
    server.login({login!r}, getpass.getpass())
    server.send_message(message)
"""
_TLS_FIRST = "with smtplib.SMTP_SSL({host!r}, {port}, context=ssl.create_default_context()) as server:"
_STARTTLS = "with smtplib.SMTP({host!r}, {port}) as server:\n    server.starttls(context=ssl.create_default_context())"


def swaks(server: Server, login: str, sender: str, to: str) -> str:
    """Return a command that sends a mail from ``sender``; it asks for the password of ``login``."""
    tls = "--tls" if server.encryption == "STARTTLS" else "--tls-on-connect"
    words = ["swaks", "--server", server.host, "--port", str(server.port), tls]
    words += ["--auth", "PLAIN", "--auth-user", login, "--from", sender, "--to", to]
    return shlex.join(words)


def snippet(server: Server, login: str, sender: str, to: str) -> str:
    """Return a program in Python that does the same."""
    form = _STARTTLS if server.encryption == "STARTTLS" else _TLS_FIRST
    connect = form.format(host=server.host, port=server.port)
    return _SNIPPET.format(sender=sender, to=to, login=login, connect=connect)
