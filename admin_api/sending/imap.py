"""One copy of a sent message into its mailbox's folder of sent mail, over IMAP.

The mailbox store lets one login act for every mailbox (SASL PLAIN with an authorization identity, RFC 4616: a master
user of Dovecot). The folder is the one that the store marks as that of sent mail (``\\Sent``, RFC 6154), else the one
that the settings name, which is made where it is missing. Before a message is put there it is looked for by its
Message-ID, so that a copy whose outcome nobody noted is not made twice.
"""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic

from imapclient import SEEN, IMAPClient, SocketTimeout  # type: ignore[import-untyped]

from conf.clients import Server
from store.services.sending.copying import CopyOutcome, CopyToKeep, kept

_CONNECT, _ANSWER = 10.0, 30.0  # seconds for each step
_BEFORE = 60.0  # seconds for all steps before the message is put there; its lease counts on that
_STARTTLS = "STARTTLS"
_SENT = rb"\Sent"  # RFC 6154
_BACK = timedelta(days=2)  # so much before it was sent the look begins: clocks and zones differ
_LONGEST_REASON = 300

# What a server or a network can cause; imapclient's own errors are IMAP4.error, and it finds malformed answers so.
_FAILURES = (imaplib.IMAP4.error, OSError, ValueError, AssertionError)


class CopyFailed(Exception):
    """There is no copy; the message says why, in words for the program that sent."""


@dataclass(frozen=True, slots=True)
class SentFolder:
    """Where copies go, and who puts them there."""

    server: Server
    authority: Path | None  # PEM; None: the certificates that the system trusts
    master: str  # logs in for every mailbox
    password: str
    folder: str  # where the store marks none
    timeout: float = _ANSWER  # seconds for each answer
    patience: float = _BEFORE  # seconds until the message has to be on its way into the folder

    def __repr__(self) -> str:
        """Show no password."""
        return f"SentFolder({self.server!r}, {self.folder!r})"


def keep(into: SentFolder, copy: CopyToKeep) -> CopyOutcome:
    """Put a copy into its folder, unless it is there.

    Raises:
        CopyFailed: it is not there, or nobody can tell; to be tried again.
    """
    begun = monotonic()
    try:
        with _logged_in(into, copy.login) as client:
            folder = _folder(client, into.folder)
            if not _is_there(client, folder, copy):
                if monotonic() - begun > into.patience:
                    raise CopyFailed(f"the IMAP server took more than {into.patience:g} s to get ready")
                client.append(folder, copy.content, flags=[SEEN], msg_time=copy.sent_at)
            return kept(folder)
    except _FAILURES as error:
        raise CopyFailed(_reason(error)) from error


@contextmanager
def _logged_in(into: SentFolder, login: str) -> Iterator[IMAPClient]:
    context = ssl.create_default_context(cafile=into.authority and str(into.authority))
    server, is_plain = into.server, into.server.encryption == _STARTTLS
    client = IMAPClient(
        server.host,
        server.port,
        ssl=not is_plain,
        ssl_context=None if is_plain else context,
        timeout=SocketTimeout(connect=min(_CONNECT, into.timeout), read=into.timeout),
    )
    try:
        if is_plain:
            client.starttls(context)
        client.plain_login(into.master, into.password, authorization_identity=login)
        yield client
    finally:
        with suppress(*_FAILURES):
            client.logout()
        with suppress(*_FAILURES):
            client.shutdown()


def _folder(client: IMAPClient, otherwise: str) -> str:
    """Return the name of the folder; it is there."""
    found = client.list_folders()
    marked = sorted(name for flags, _, name in found if _SENT in flags)
    if marked:
        return str(marked[0])
    if otherwise not in {name for _, _, name in found}:
        client.create_folder(otherwise)
        client.subscribe_folder(otherwise)
    return otherwise


def _is_there(client: IMAPClient, folder: str, copy: CopyToKeep) -> bool:
    client.select_folder(folder, readonly=True)
    since = (copy.sent_at - _BACK).date()
    return bool(client.search(["SINCE", since, "HEADER", "MESSAGE-ID", copy.message_id]))


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return "".join(char if char.isprintable() else " " for char in text)[:_LONGEST_REASON]
