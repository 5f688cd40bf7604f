"""The protocol side of the sink: aiosmtpd taught DSN parameters and LMTP's reply for each recipient.

aiosmtpd's own classes refuse every RCPT parameter with 555 and give one status line for all LMTP recipients
(docs/facts.md, "LMTP and Dovecot"). RFC 2033 section 4.2 wants a line for each, RFC 3461 the parameters NOTIFY, ORCPT,
RET and ENVID.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from byname.sandbox.ports import LOOPBACK

_RCPT = re.compile(r"TO:\s*<((?:\"(?:[^\"\\]|\\.)*\"|[^>\"])*)>\s*(.*)", re.IGNORECASE | re.DOTALL)
_DSN_OF_MAIL = re.compile(r"\s(?:RET|ENVID)=\S*", re.IGNORECASE)
_LONGEST_COMMAND = 8192  # an ORCPT of a long name takes more than RFC 5321's 512


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it came: the envelope word for word, the content with CRLF lines and dots undone."""

    sender: str  # "" for the null path
    recipients: tuple[str, ...]
    rcpt_options: tuple[tuple[str, ...], ...]  # for each recipient
    content: bytes


class SinkEnvelope(Envelope):
    """An envelope that keeps the parameters of each recipient."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters: list[tuple[str, ...]] = []


class SinkServer(SMTP):
    """One SMTP session that takes RCPT parameters."""

    def __init__(self, handler: "Handler", *, smtputf8: bool) -> None:
        super().__init__(handler, hostname="sink.byname.test", enable_SMTPUTF8=smtputf8, data_size_limit=None)
        self.command_size_limits = defaultdict(lambda: _LONGEST_COMMAND)

    def _create_envelope(self) -> SinkEnvelope:
        return SinkEnvelope()

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd finds commands by this name
        """Take MAIL, less the parameters of RFC 3461 that aiosmtpd does not know."""
        await super().smtp_MAIL(None if arg is None else _DSN_OF_MAIL.sub("", arg))

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        """Take any recipient with any parameters; ask the handler whether it is to be refused."""
        envelope, found = self.envelope, _RCPT.fullmatch(arg or "")
        if not isinstance(envelope, SinkEnvelope) or envelope.mail_from is None:
            await self.push("503 5.5.1 Error: need MAIL command")
        elif found is None:
            await self.push("501 5.5.4 Syntax: RCPT TO:<address>")
        else:
            await self.push(self.event_handler.recipient(envelope, found[1], tuple(found[2].split())))


class LmtpSinkServer(SinkServer, LMTP):
    """The same for LMTP."""


class Handler:
    """Decides about recipients and hands on what has come, one delivery per message."""

    def __init__(
        self, keep: Callable[[Delivery], None], refuse: Mapping[str, str], *, per_recipient: bool, dsn: bool
    ) -> None:
        self._keep, self._refuse = keep, refuse
        self._per_recipient, self._dsn = per_recipient, dsn

    def recipient(self, envelope: SinkEnvelope, address: str, options: tuple[str, ...]) -> str:
        """Note a recipient in the envelope and return the reply."""
        if refusal := self._refuse.get(address.lower()):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.parameters.append(options)
        return "250 2.1.5 OK"

    async def handle_EHLO(  # noqa: N802 - aiosmtpd finds hooks by this name
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Announce DSN beside what aiosmtpd does."""
        session.host_name = hostname
        extra = ["250-ENHANCEDSTATUSCODES"] + ["250-DSN"] * self._dsn
        return [*responses[:-1], *extra, responses[-1]]

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: SinkEnvelope) -> str:  # noqa: N802
        """Keep the message; answer for every recipient, in LMTP with a line each."""
        sender = "" if envelope.mail_from in {None, "<>"} else str(envelope.mail_from)
        content = envelope.original_content or b""
        self._keep(Delivery(sender, tuple(envelope.rcpt_tos), tuple(envelope.parameters), content))
        lines = len(envelope.rcpt_tos) if self._per_recipient else 1
        return "\r\n".join(["250 2.0.0 kept"] * lines)


class SinkController(Controller):
    """A thread that serves sessions on a loopback port."""

    def __init__(self, handler: Handler, port: int, *, lmtp: bool, smtputf8: bool) -> None:
        super().__init__(handler, hostname=LOOPBACK, port=port)
        self._session = LmtpSinkServer if lmtp else SinkServer
        self._smtputf8 = smtputf8

    def factory(self) -> SMTP:
        """Make the protocol object of one connection."""
        return self._session(self.handler, smtputf8=self._smtputf8)
