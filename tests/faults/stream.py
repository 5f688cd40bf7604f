"""The steady stream of mail: several clients that send, and try again after a 4xx as an MTA would."""

import smtplib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle

from byname.sandbox.ports import LOOPBACK
from byname.sandbox.site import PrivateSite
from tests.faults.ledger import Attempt, Entry, Ledger
from tests.faults.names import INBOUND, SUBMITTED, Kind
from tests.mail.dialogue import data_as_it_is, logged_in
from tests.mail.world import JOHN, MARY

PAUSE = 0.08  # seconds between two mails of one client
RETRY = 0.5  # seconds; an MTA waits longer, and learns less
DRAIN = 40.0  # seconds within which every mail must have been taken or refused
PER_CONNECTION = 8  # mails
BACKLOG = 12  # mails of one client that wait to be tried again; with more of them it sends no new ones
PER_LOGIN = 10_000  # mails; whether a login can be made while the store is down is Dovecot's affair

Reply = tuple[int, bytes]


@dataclass(eq=False)
class Client(threading.Thread):
    """One client with its own connection, which sends kinds of mail in turn."""

    ledger: Ledger
    site: int
    connect: Callable[[], smtplib.SMTP]
    kinds: Sequence[Kind]
    per_connection: int
    stopping: threading.Event
    pause: float = PAUSE
    _waiting: deque[tuple[float, list[Entry]]] = field(default_factory=deque, init=False)
    _smtp: smtplib.SMTP | None = field(default=None, init=False)
    _sent: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        """Send until stopped, and then until nothing waits any more."""
        kinds = cycle(self.kinds)
        while not self.stopping.is_set():
            if len(self._waiting) < BACKLOG:
                self._send(self.ledger.write_down(next(kinds), self.site))
            self._send_again()
            time.sleep(self.pause)
        give_up_at = time.time() + DRAIN
        while self._waiting and time.time() < give_up_at:
            self._send_again()
            time.sleep(self.pause / 4)
        self._hang_up()

    def _send_again(self) -> None:
        if self._waiting and self._waiting[0][0] <= time.time():
            self._send(self._waiting.popleft()[1])

    def _send(self, entries: list[Entry]) -> None:
        began = time.time()
        try:
            replies = self._transaction(entries)
        except (OSError, smtplib.SMTPException) as error:
            replies = [_as_reply(error)] * len(entries)
            self._hang_up()
        for entry, (code, text) in zip(entries, replies, strict=True):
            entry.attempts.append(Attempt(began, time.time(), code, text.decode(errors="replace")))
        again = [entry for entry in entries if entry.last is None]
        if again:
            self._waiting.append((time.time() + RETRY, again))
        self._sent += 1
        if any(_is_lost(reply) for reply in replies) or self._sent % self.per_connection == 0:
            self._hang_up()

    def _transaction(self, entries: list[Entry]) -> list[Reply]:
        """Return the decisive reply for each recipient."""
        kind = entries[0].kind
        smtp = self._smtp = self._smtp or self.connect()
        sender = smtp.docmd(f"MAIL FROM:<{kind.sender}>")
        if sender[0] != 250:
            smtp.docmd("RSET")
            return [sender] * len(entries)
        replies = [smtp.docmd(f"RCPT TO:<{entry.recipient}>") for entry in entries]
        if all(code != 250 for code, _ in replies):
            smtp.docmd("RSET")
            return replies
        end = data_as_it_is(smtp, _message(entries[0]))
        return [end if reply[0] == 250 else reply for reply in replies]

    def _hang_up(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()


class Stream:
    """All clients of a site. Leaving it stops them once every mail is through."""

    def __init__(self, sites: Sequence[PrivateSite], ledger: Ledger, pause: float = PAUSE) -> None:
        """The clients are shared out among the sites, one after the other; each rests for ``pause`` seconds."""
        self._stopping = threading.Event()
        self._ledger, self._pause = ledger, pause
        places = cycle(enumerate(sites))
        self._clients = [
            self._client(next(places), _inbound, [*INBOUND[at:], *INBOUND[:at]], PER_CONNECTION) for at in (0, 6, 12)
        ]
        for login in (JOHN, MARY):
            kinds = [kind for kind in SUBMITTED if kind.login == login]
            self._clients.append(self._client(next(places), partial(_submission, login), kinds, PER_LOGIN))

    def _client(
        self,
        place: tuple[int, PrivateSite],
        connect: Callable[[PrivateSite], smtplib.SMTP],
        kinds: Sequence[Kind],
        per_connection: int,
    ) -> Client:
        number, site = place
        return Client(self._ledger, number, partial(connect, site), kinds, per_connection, self._stopping, self._pause)

    def __enter__(self) -> "Stream":
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for client in self._clients:
            client.join(DRAIN + 60)
            assert not client.is_alive()


def _inbound(site: PrivateSite) -> smtplib.SMTP:
    with site.inside():
        smtp = smtplib.SMTP(LOOPBACK, site.postfix.inbound_port, timeout=30)
    smtp.ehlo("client.test")
    return smtp


def _submission(login: str, site: PrivateSite) -> smtplib.SMTP:
    with site.inside():
        return logged_in(site, login)


def _message(entry: Entry) -> bytes:
    author = entry.kind.author or entry.kind.sender
    lines = [f"From: {author}", "To: undisclosed-recipients:;", f"Subject: {entry.mail}", f"X-Ledger: {entry.mail}"]
    return "\r\n".join([*lines, "", "hello", ""]).encode()


def _as_reply(error: Exception) -> Reply:
    """Return the server's own words if it said any."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return error.smtp_code, text if isinstance(text, bytes) else text.encode()
    return 0, repr(error).encode()


def _is_lost(reply: Reply) -> bool:
    """Tell whether only a new connection can help: Postfix gives a session up with its milter, and smtpd remembers
    for the life of its process that a map did not answer for an address."""
    code, text = reply
    return code == 421 or text.startswith((b"4.7.1 Service unavailable", b"4.3.0 Error")) or b"Temporary lookup" in text
