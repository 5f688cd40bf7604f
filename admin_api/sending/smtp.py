"""One hand-over to the mail server: SMTP to its internal listener, and what its answers mean.

Whether the mail server has the message is certain when it answers, whatever it answers. Only a connection that ends
between the end of the message and the answer leaves that open, or a process that was killed; then the same key is
shown again, which the milter takes once only (:mod:`store.services.sending.handing_over`).
"""

import re
import smtplib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from conf.listen import InetSocket
from routing.handover import HANDOVER, Claim, handover_value
from store.services.sending.handing_over import HandOver, Outcome, again, asked_again, rejected, sent, unknown
from store.services.sending.kept import RefusedRecipient

_TIMEOUT = 60.0  # seconds for each answer; a milter may take thirty for a message
_LONGEST_WAIT = 300  # seconds between two attempts
_GIVEN_UP = timedelta(hours=24)
_FOR_ALL = timedelta(minutes=15)  # so long a message waits for recipients that are refused for now
_QUEUED = re.compile(r"queued as ([0-9A-Za-z]{5,40})")
_USED = re.compile(r"its key was used before, for ([0-9A-Za-z?]{1,40})")
_AGED = "its key is too old"
_CONTINUE, _READY, _OK, _CLOSING = 354, 220, 250, 421
_FIRST_DOT = re.compile(rb"(?m)^\.")

_Reply = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Listener:
    """The internal listener, and the key that its milter knows."""

    place: InetSocket
    key: bytes
    timeout: float = _TIMEOUT  # seconds for each answer

    def __repr__(self) -> str:
        """Show no key."""
        return f"Listener({self.place!r})"


@dataclass(frozen=True, slots=True)
class _Answer(Exception):
    code: int
    text: str


class Line:
    """A session with the listener, kept from one message to the next while they come out well. For one thread."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._smtp: smtplib.SMTP | None = None
        self._login: str | None = None

    @property
    def is_kept(self) -> bool:
        """True while there is a session of an earlier message, which the mail server may have ended meanwhile."""
        return self._smtp is not None

    def opened_for(self, login: str) -> smtplib.SMTP:
        """Return the session, with ``login`` logged in. Raises what smtplib does, and _Answer."""
        if self._smtp is None:
            self._smtp = self._connected()
        if self._login != login:
            code, text = self._smtp.docmd("XCLIENT", f"LOGIN={_xtext(login)}")
            if code != _READY:
                raise _Answer(451, _words(text))
            self._smtp.ehlo()
            self._login = login
        return self._smtp

    def close(self) -> None:
        """End the session. Twice does no harm."""
        smtp, self._smtp, self._login = self._smtp, None, None
        if smtp is not None:
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()

    def _connected(self) -> smtplib.SMTP:
        smtp = smtplib.SMTP(local_hostname="localhost", timeout=self.listener.timeout)
        code, text = smtp.connect(self.listener.place.host, self.listener.place.port)
        if code != _READY:
            smtp.close()
            raise _Answer(code if code >= 500 else 451, _words(text))
        smtp.ehlo_or_helo_if_needed()
        if not smtp.has_extn("xclient"):
            smtp.close()
            raise _Answer(451, "the listener does not let the API say who sends (smtpd_authorized_xclient_hosts)")
        return smtp


def hand_over(line: Line, taken: HandOver, now: datetime) -> Outcome:
    """Hand a message over, and return what became of it. Raises nothing that a mail server can cause."""
    outcome = _outcome(line, taken, now)
    if not outcome.is_sent:
        line.close()
    return outcome


def _outcome(line: Line, taken: HandOver, now: datetime) -> Outcome:
    refused: list[RefusedRecipient] = []
    may_have_come_through = False
    try:
        smtp, some = _opened(line, taken, now)
        refused += some
        may_have_come_through = True
        code, text = _content(smtp, _message(line.listener.key, taken))
        answer = _Answer(code, _words(text))
    except _Answer as early:
        answer = early
    except smtplib.SMTPDataError as error:
        answer = _Answer(error.smtp_code, _words(error.smtp_error))
    except smtplib.SMTPResponseException as error:
        answer = _Answer(451, f"{error.smtp_code} {_words(error.smtp_error)}")
    except (smtplib.SMTPException, OSError) as error:
        if may_have_come_through:
            return asked_again(f"the connection broke before the mail server answered: {error}", _wait(taken))
        answer = _Answer(451, f"the mail server cannot be reached: {error}")
    return meaning(taken, answer.code, answer.text, refused, now)


def meaning(taken: HandOver, code: int, text: str, refused: Sequence[RefusedRecipient], now: datetime) -> Outcome:
    """Return what an answer means for a message. ``refused`` are recipients that others were taken beside."""
    words = f"{code} {text}"
    if code == _OK:
        return sent(words, _first(_QUEUED, text), refused)
    if (used := _first(_USED, text)) is not None:
        return sent(words, None if used == "?" else used, refused)
    if not taken.is_first:  # of what came before this attempt the answer says nothing
        is_over = _AGED in text or code >= 500
        return unknown(words) if is_over else asked_again(words, _wait(taken))
    if _AGED in text:
        return again(words, _wait(taken))
    if code >= 500:
        return rejected(words, refused)
    if now - taken.created_at > _GIVEN_UP:
        return rejected(f"the mail server did not take it within 24 hours; it said last: {words}")
    return again(words, _wait(taken))


def _opened(line: Line, taken: HandOver, now: datetime) -> tuple[smtplib.SMTP, list[RefusedRecipient]]:
    """Return a session that waits for the message, and who was refused. One that was kept and is over is replaced."""
    was_kept = line.is_kept
    try:
        smtp = line.opened_for(taken.login)
        return smtp, _envelope(smtp, taken, now)
    except _Answer as answer:
        if not was_kept or answer.code != _CLOSING:
            raise
    except (smtplib.SMTPServerDisconnected, OSError):
        if not was_kept:
            raise
    line.close()
    smtp = line.opened_for(taken.login)
    return smtp, _envelope(smtp, taken, now)


def _envelope(smtp: smtplib.SMTP, taken: HandOver, now: datetime) -> list[RefusedRecipient]:
    """Say who sends, and to whom; return who was refused. With nobody left, or when it is to wait, that is the end.

    All in one write where the mail server takes that (RFC 2920); DATA with them only for a single recipient: without
    that one there is no message.
    """
    options = f" size={len(taken.content)}" if smtp.has_extn("size") else ""
    options += " body=8bitmime" if smtp.has_extn("8bitmime") and not taken.content.isascii() else ""
    commands = [f"MAIL FROM:<{taken.sender}>{options}", *(f"RCPT TO:<{one}>" for one in taken.recipients)]
    is_alone = len(taken.recipients) == 1
    begun, *answers = _said(smtp, [*commands, "DATA"] if is_alone else commands)
    data = answers.pop() if is_alone else None
    try:
        _expect(_OK, *begun)
        refused = _refused(taken, answers, now)
        if data is None:
            data = _said(smtp, ["DATA"])[0]
        _expect(_CONTINUE, *data)
    except _Answer:
        if data is not None and data[0] == _CONTINUE:
            smtp.close()  # what it would wait for is not to come, and no QUIT is to be taken for it
        raise
    return refused


def _refused(taken: HandOver, answers: Sequence[_Reply], now: datetime) -> list[RefusedRecipient]:
    told = zip(taken.recipients, answers, strict=True)
    refused = [(recipient, code, _words(text)) for recipient, (code, text) in told if code not in {250, 251}]
    for_now = [one for one in refused if one[1] < 500]
    if for_now and (now - taken.created_at <= _FOR_ALL or len(refused) == len(answers)):
        raise _Answer(for_now[0][1], for_now[0][2])
    if len(refused) == len(answers):
        raise _Answer(refused[0][1], refused[0][2])
    return [RefusedRecipient(recipient, f"{code} {text}") for recipient, code, text in refused]


def _said(smtp: smtplib.SMTP, commands: Sequence[str]) -> list[_Reply]:
    """Say commands, at once where the mail server takes that, and return its answers."""
    if any(char in command for command in commands for char in "\r\n"):
        raise ValueError("a line break in a command of SMTP")
    if not smtp.has_extn("pipelining"):
        return [smtp.docmd(command) for command in commands]
    smtp.send("".join(f"{command}\r\n" for command in commands))
    return [smtp.getreply() for _ in commands]


def _content(smtp: smtplib.SMTP, message: bytes) -> _Reply:
    """Say the message itself, with CRLF at line ends, and return the mail server's answer (RFC 5321 section 4.5.2)."""
    stuffed = _FIRST_DOT.sub(b"..", message)
    smtp.send(stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"))
    return smtp.getreply()


def _message(key: bytes, taken: HandOver) -> bytes:
    claim = Claim(taken.login, taken.sender.lower(), taken.message_id)
    return f"{HANDOVER}: {handover_value(key, claim, taken.key_time)}\r\n".encode() + taken.content


def _expect(wanted: int, code: int, text: bytes) -> None:
    if code != wanted:
        raise _Answer(code, _words(text))


def _wait(taken: HandOver) -> timedelta:
    return timedelta(seconds=min(2 ** min(taken.attempt, 10), _LONGEST_WAIT))


def _words(text: bytes | str) -> str:
    plain = text.decode("ascii", "backslashreplace") if isinstance(text, bytes) else text
    return " ".join(plain.split())[:500]


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return None if found is None else found[1]


def _xtext(text: str) -> str:
    """Return the text as XCLIENT takes it (RFC 3461 section 4)."""
    return "".join(char if "!" <= char <= "~" and char not in "+=" else f"+{ord(char):02X}" for char in text)
