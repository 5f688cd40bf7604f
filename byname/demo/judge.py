"""Sends the samples over SMTP and compares what came of them with what the specification expects.

Nothing of Byname's own verdict is looked at: only SMTP replies, and the files that were delivered.
"""

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from secrets import token_hex

from byname.demo.arrivals import Arrival, arrivals
from byname.demo.samples import Copy, Expected, Mail, Sample
from byname.sandbox.errors import SandboxTimeout
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3}) (.*)", re.DOTALL)
_TIMEOUT = 20  # seconds, for a reply and for a delivery


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A reply as the client saw it."""

    code: int
    enhanced: str  # empty if there was none
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}".replace("  ", " ")

    @classmethod
    def of(cls, answer: tuple[int, bytes]) -> "SmtpReply":
        """Read what smtplib returns."""
        code, raw = answer
        text = raw.decode("ascii", "backslashreplace")
        found = _ENHANCED.fullmatch(text)
        return cls(code, found[1], found[2]) if found else cls(code, "", text)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one mail, and in what it differs from what was expected (nothing, if all is well)."""

    mail: Mail
    message: bytes  # as sent
    reply: SmtpReply
    arrived: tuple[Arrival, ...]
    problems: tuple[str, ...]


def play(sample: Sample, site: PrivateSite) -> Iterator[Outcome]:
    """Send the mails of a sample one after the other; a connection is kept while the login stays the same.

    A generator: the state of the system between two outcomes is that of the mail just sent.
    """
    with ExitStack() as stack:
        client: smtplib.SMTP | None = None
        for before, mail in zip((None, *sample.mails), sample.mails, strict=False):
            if mail.first:
                site.admin(*mail.first)
            again = client is not None and before is not None and before.login == mail.login
            if client is None or not again:
                client = stack.enter_context(_connection(mail, site))
            yield _judge(mail, client, site, log_in=mail.login is not None and not again)


@contextmanager
def _connection(mail: Mail, site: PrivateSite) -> Iterator[smtplib.SMTP]:
    client = _connect(mail, site)
    try:
        yield client
        client.quit()  # not after an exception, as smtplib would: a reply that nobody read yet may come first
    finally:
        client.close()


def _connect(mail: Mail, site: PrivateSite) -> smtplib.SMTP:
    if mail.login is None:
        client = smtplib.SMTP(LOOPBACK, site.postfix.inbound_port, "client.test", timeout=_TIMEOUT)
    else:
        client = smtplib.SMTP("localhost", site.postfix.submission_port, "client.test", timeout=_TIMEOUT)
        client.starttls(context=ssl.create_default_context(cafile=site.certificate.certificate))
    client.ehlo()
    return client


def _judge(mail: Mail, client: smtplib.SMTP, site: PrivateSite, *, log_in: bool) -> Outcome:
    message_id = f"<{token_hex(8)}@samples.test>"
    message = _message(mail, message_id)
    password = site.passwords[mail.password_of or mail.login] if log_in and mail.login else None
    reply = _dialogue(mail, client, message, password)
    arrived = tuple(_wait(message_id, site) if reply.code < 400 else _settled(message_id, site))
    expected = mail.expected_of(site.delivery)
    problems = (*_reply_problems(expected, reply), *_arrival_problems(mail, expected, arrived))
    return Outcome(mail, message, reply, arrived, problems)


def _message(mail: Mail, message_id: str) -> bytes:
    lines = [*mail.header, *(f"From: {author}" for author in mail.authors)]
    lines += [f"To: {mail.recipient}", "Subject: A sample of byname demo", f"Message-ID: {message_id}"]
    lines += [f"Date: {formatdate()}", "", mail.summary, ""]
    return "\r\n".join(lines).encode("ascii")


def _dialogue(mail: Mail, client: smtplib.SMTP, message: bytes, password: str | None) -> SmtpReply:
    """Hold one transaction; return the reply that ended it: the first refusal, or the one to the whole message.

    Log in first when a password is given; RFC 4954 section 4 allows that once for a connection.
    """
    steps: Sequence[Callable[[], tuple[int, bytes]]] = (
        client.rset,
        lambda: _login(client, mail.login, password),
        lambda: client.mail(mail.sender),
        *(partial(client.rcpt, recipient) for recipient in mail.recipients),
        lambda: client.data(message),
    )
    answer = (250, b"")
    for step in steps:
        answer = step()
        if answer[0] >= 400:
            break
    return SmtpReply.of(answer)


def _login(client: smtplib.SMTP, login: str | None, password: str | None) -> tuple[int, bytes]:
    if login is None or password is None:
        return 250, b""
    try:
        return client.login(login, password)
    except smtplib.SMTPAuthenticationError as refused:
        error = refused.smtp_error
        return refused.smtp_code, error if isinstance(error, bytes) else error.encode()


def _wait(message_id: str, site: PrivateSite) -> list[Arrival]:
    """Wait for the first copy, then until no other can follow. None is an answer too."""
    with suppress(SandboxTimeout):
        wait_until(lambda: arrivals(message_id, site.dovecot, site.outside), _TIMEOUT, "the mail")
    return _settled(message_id, site)


def _settled(message_id: str, site: PrivateSite) -> list[Arrival]:
    site.postfix.wait_until_idle(_TIMEOUT)
    return arrivals(message_id, site.dovecot, site.outside)


def _reply_problems(expected: Expected, reply: SmtpReply) -> Iterator[str]:
    if (reply.code, reply.enhanced) != (expected.code, expected.enhanced):
        yield f"reply {reply.code} {reply.enhanced}, expected {expected.code} {expected.enhanced}"
    if expected.text.casefold() not in reply.text.casefold():
        yield f"the reply does not say {expected.text!r}"


def _arrival_problems(mail: Mail, expected: Expected, arrived: Sequence[Arrival]) -> Iterator[str]:
    found = sorted(arrived, key=lambda arrival: arrival.place)
    copies = sorted(expected.copies, key=lambda copy: copy.place)
    places, wanted = [arrival.place for arrival in found], [copy.place for copy in copies]
    if places != wanted:
        yield f"found in {places or 'no mailbox'}, expected in {wanted or 'no mailbox'}"
        return
    for arrival, copy in zip(found, copies, strict=True):
        yield from _copy_problems(mail, copy, arrival)


def _copy_problems(mail: Mail, copy: Copy, arrival: Arrival) -> Iterator[str]:
    sender = "" if copy.is_bounce else mail.sender
    authors = arrival.authors if copy.is_bounce else mail.authors  # a bounce has an author of the mail server's
    for what, found, right in (
        ("Delivered-To", arrival.delivered_to, copy.delivered_to),
        ("envelope sender", arrival.sender, sender),
        ("From", arrival.authors, authors),
    ):
        if found != right:
            yield f"{what} is {found}, expected {right}"
