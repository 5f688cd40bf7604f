"""The commands of an LMTP connection: legal order, and what each does."""

import socket
import time
from collections.abc import Callable, Mapping

import structlog

from edges.lmtp import replies as say
from edges.lmtp.arrival import LONGEST_QUEUED
from edges.lmtp.backend import Extensions, StoreFailed
from edges.lmtp.command import MOST_RECIPIENTS, CommandRefused, Path, mail_argument, rcpt_argument, split
from edges.lmtp.copy import understood
from edges.lmtp.delivery import Accepted, Answers, Envelope, LmtpSite, hand_over_all, log_refusal
from edges.lmtp.replies import on_wire
from edges.lmtp.spool import Spool
from edges.lmtp.wire import PeerGone, Wire
from routing.address import Address, AddressSyntaxError, is_null_path, parse_path
from routing.delivery import Recipient
from routing.recipient import EXPIRED, resolve
from routing.replies import Reply, reply
from routing.verdicts import Deliver, NotOurs, RecipientVerdict, Reject

_MIRRORED = ("SIZE", "8BITMIME", "SMTPUTF8", "DSN")

log = structlog.get_logger()


class Ended(Exception):
    """The connection is over, after this last reply."""

    def __init__(self, last: Reply) -> None:
        self.last = last
        super().__init__(str(last))


class Dialogue:
    """The state between commands: what the store offers, the sender, the recipients accepted so far."""

    def __init__(self, wire: Wire, current_site: Callable[[], LmtpSite], patience: float) -> None:
        """Receive messages over ``wire``, waiting ``patience`` seconds for each part of their data."""
        self._wire = wire
        self._current_site = current_site
        self._patience = patience
        self._site = current_site()
        self._offered: Extensions | None = None  # by the store, at the last LHLO
        self._sender: Path | None = None
        self._recipients: list[Accepted] = []
        self._refused: set[tuple[Address | None, str]] = set()  # aliases, and by which rule
        self._is_in_data = False

    @property
    def has_begun(self) -> bool:
        """True from MAIL to the replies of its message."""
        return self._sender is not None

    def handle(self, line: bytes) -> Reply | None:
        """Carry out one command line; return its reply, None when every reply has been sent already.

        Raises:
            Ended: this was the last command.
            PeerGone: the client went away.
        """
        verb, argument = split(line)
        action = _COMMANDS.get(verb)
        try:
            return say.FIXED.get(verb, say.UNKNOWN_COMMAND) if action is None else action(self, argument)
        except CommandRefused as refused:
            return refused.reply
        except (Ended, PeerGone):
            raise
        except Exception as error:  # a bug must cost a 451, not the connection
            log.exception("lmtp-bug", command=verb)
            if self._is_in_data:  # where a reply is expected for each recipient
                raise Ended(say.BROKEN) from error
            return say.BUG

    def lhlo(self, argument: str) -> Reply | None:
        """Greet, and offer what the store offers."""
        if not argument:
            return say.SYNTAX_OF_LHLO
        self._reset()
        self._site = self._current_site()
        try:
            self._offered = self._site.store.offered()
        except StoreFailed as error:
            log.warning("store-failed", reason=str(error))
            raise Ended(say.STORE_AWAY) from error
        mirrored = [f"{name} {self._offered[name]}".strip() for name in _MIRRORED if name in self._offered]
        lines = [socket.gethostname(), "PIPELINING", *mirrored]
        text = "".join(f"250-{line}\r\n" for line in lines)
        self._wire.send(f"{text}250 ENHANCEDSTATUSCODES\r\n".encode("ascii", "replace"))
        return None

    def mail(self, argument: str) -> Reply:
        """Begin a message."""
        if self._offered is None:
            return say.LHLO_FIRST
        if self._sender is not None:
            return say.MAIL_ALREADY
        sender = mail_argument(argument)
        if not is_null_path(sender.raw):
            _parsed(sender.raw, "bad-sender")
        limit = self._size_limit()
        if limit and int(sender.parameters.get("SIZE", "0")) > limit:
            return say.TOO_LARGE
        self._site = self._current_site()
        self._sender = sender
        return say.SENDER_OK

    def rcpt(self, argument: str) -> Reply:
        """Decide about a recipient (docs/design.md, section 3)."""
        if self._sender is None:
            return say.MAIL_FIRST
        path = rcpt_argument(argument)
        if len(self._recipients) >= MOST_RECIPIENTS:
            return say.TOO_MANY_RECIPIENTS
        try:
            address = _parsed(path.raw, "bad-recipient")
        except CommandRefused as refused:
            log_refusal(path.raw, "bad-syntax", refused.reply)
            raise
        return self._decide(path, address)

    def data(self, argument: str) -> Reply | None:
        """Take the message, hand over its copies, and pass on the replies."""
        if argument:
            return say.SYNTAX_OF_DATA
        if self._sender is None or not self._recipients:
            return say.MAIL_FIRST if self._sender is None else say.RCPT_FIRST
        envelope = Envelope(self._sender, tuple(self._recipients), "SMTPUTF8" in (self._offered or {}))
        self._is_in_data = True
        self._wire.send(say.GO_AHEAD)
        spool = Spool(self._size_limit())
        try:
            self._receive(spool)
            answers = Answers(envelope.recipients, lambda answer: self._wire.send(on_wire(answer)))
            message = understood(spool, self._site.key, envelope.new_writers(self._site.policy))
            hand_over_all(self._site, envelope, message, answers, self._wire.check_peer)
        finally:
            spool.close()
        self._is_in_data = False
        self._reset()
        return None

    def rset(self, _argument: str) -> Reply:
        """Forget the message."""
        self._reset()
        return say.OK

    def quit(self, _argument: str) -> Reply:
        """End the connection."""
        raise Ended(say.BYE)

    def _decide(self, path: Path, address: Address | None) -> Reply:
        asked_at = time.monotonic()
        verdict, is_expired = self._resolve(address)
        if isinstance(verdict, Deliver):
            envelope_recipient = Recipient(
                path.raw, verdict, path.parameters.get("NOTIFY"), path.parameters.get("ORCPT")
            )
            self._recipients.append(Accepted(envelope_recipient, verdict, asked_at, is_expired))
            return say.RECIPIENT_OK
        shown = str(address or path.raw.strip("<>"))
        # Without a domain of ours: the MTA sends hosted ones only, and absence is evidence (docs/design.md, section 6).
        answer = reply("not-hosted", address=shown) if isinstance(verdict, NotOurs) else verdict.reply
        log_refusal(shown, verdict.rule, answer)
        if isinstance(verdict, Reject):
            self._count_refused(verdict)
        return answer

    def _resolve(self, address: Address | None) -> tuple[RecipientVerdict, bool]:
        """Decide about a recipient; of an expired alias as of when the message may have come."""
        site, now = self._site, self._site.wall_clock()
        sender = Envelope(self._sender, ()).wrote if self._sender else None
        verdict = resolve(site.directory, site.policy, address, now, sender)
        if not isinstance(verdict, Reject) or verdict.rule != EXPIRED:
            return verdict, False
        before = resolve(site.directory, site.policy, address, now - LONGEST_QUEUED, sender)
        return (before, True) if isinstance(before, Deliver) else (verdict, False)

    def _count_refused(self, refusal: Reject) -> None:
        """Count a refusal once for each message and alias."""
        counts, key = self._site.counts, (refusal.alias, refusal.rule)
        if counts is not None and refusal.alias is not None and self._sender is not None and key not in self._refused:
            self._refused.add(key)
            counts.refused(refusal.alias, refusal.rule, self._sender.raw)

    def _receive(self, spool: Spool) -> None:
        while (rest := spool.feed(self._wire.read_data(self._patience))) is None:
            continue
        self._wire.unread(rest)

    def _reset(self) -> None:
        self._sender = None
        self._recipients = []
        self._refused = set()

    def _size_limit(self) -> int:
        """Return what the store takes at most, 0 when it does not say (RFC 1870 section 4)."""
        most = (self._offered or {}).get("SIZE", "")
        return int(most) if most.isascii() and most.isdigit() else 0


_COMMANDS: Mapping[str, Callable[[Dialogue, str], Reply | None]] = {
    "LHLO": Dialogue.lhlo,
    "MAIL": Dialogue.mail,
    "RCPT": Dialogue.rcpt,
    "DATA": Dialogue.data,
    "RSET": Dialogue.rset,
    "QUIT": Dialogue.quit,
}


def _parsed(raw: str, slug: str) -> Address | None:
    """Read a path.

    Raises:
        CommandRefused: it is malformed.
    """
    if is_null_path(raw):
        raise CommandRefused(reply(slug, reason="nothing between the brackets"))
    try:
        return parse_path(raw)
    except AddressSyntaxError as error:
        raise CommandRefused(reply(slug, reason=str(error))) from error
