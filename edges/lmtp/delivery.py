"""Handing a message over: a copy to each mailbox in turn, and a reply for each recipient, in their order.

Nothing is accepted before the mail store has accepted it. What goes wrong here, or in the store, is a 4xx for those
recipients whom it concerns, and the others go on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from edges.lmtp.arrival import arrived_at
from edges.lmtp.backend import StoreFailed
from edges.lmtp.command import Path
from edges.lmtp.copy import CopyTransaction, Message
from edges.lmtp.pool import Pool
from edges.lmtp.replies import passed_on
from routing.address import Address, is_null_path, parse_path
from routing.allowed_senders import EnvelopeSender
from routing.auth_results import AuthResults
from routing.bounce import Report
from routing.delivery import Recipient, copy_for
from routing.directory import Directory
from routing.policy import Policy
from routing.recipient import EXPIRED, resolve
from routing.replies import Reply, reply
from routing.verdicts import Deliver, Reject
from routing.writers import Writers, judge_writers
from store.counting.tally import Tally

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LmtpSite:
    """What the edge decides and delivers with: replaced as a whole when settings are read again."""

    directory: Directory
    policy: Policy
    store: Pool
    key: bytes | None = None  # vouches for our own Delivered-To fields
    max_age: float = 1.0  # seconds after which a decision is made again before the copy is handed over
    wall_clock: Callable[[], float] = time.time  # the moment of a decision: aliases expire
    counts: Tally | None = None  # of mails to aliases; None: nothing is counted


@dataclass(frozen=True, slots=True)
class Accepted:
    """A recipient that got a 250."""

    recipient: Recipient
    deliver: Deliver
    decided_at: float  # time.monotonic()
    is_expired: bool = False  # by now; it gets what came before that (edges.lmtp.arrival)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender and accepted recipients of one message."""

    sender: Path
    recipients: Sequence[Accepted]
    utf8_promised: bool = False  # SMTPUTF8 was offered to the MTA

    def wrote(self) -> EnvelopeSender:
        """Return the sender, for aliases that ask who writes. What is malformed came past no MAIL."""
        return EnvelopeSender(parse_path(self.sender.raw), is_null_path(self.sender.raw))

    def new_writers(self, policy: Policy) -> Writers | None:
        """Return what collects who wrote the message; None where no recipient asks."""
        if all(item.deliver.gate is None for item in self.recipients):
            return None
        sender = self.wrote()
        results = AuthResults(policy.authserv_ids, own_hops=1)  # the MTA that hands it on has put its own on top
        return Writers(results, sender, report=Report() if sender.is_null else None)

    def by_mailbox(self) -> dict[Address, list[int]]:
        """Return the indexes of the recipients of each mailbox, which gets one copy."""
        groups: dict[Address, list[int]] = {}
        for index, item in enumerate(self.recipients):
            groups.setdefault(item.deliver.mailbox, []).append(index)
        return groups


class Answers:
    """Replies on their way to the MTA: each is sent as soon as those before it are known."""

    def __init__(self, recipients: Sequence[Accepted], send: Callable[[Reply], None]) -> None:
        self._recipients = recipients
        self._send = send
        self._known: dict[int, Reply] = {}
        self._next = 0

    def settle(self, known: dict[int, Reply]) -> None:
        """Log and keep the replies of some recipients, by their index, and send what can be sent.

        Raises:
            PeerGone: the MTA is.
        """
        self._known |= known
        for index, answer in known.items():
            _log_delivery(self._recipients[index].deliver, answer)
        while self._next in self._known:
            self._send(self._known.pop(self._next))
            self._next += 1


def hand_over_all(
    site: LmtpSite, envelope: Envelope, message: Message | str, answers: Answers, check_client: Callable[[], None]
) -> None:
    """Deliver a copy to each mailbox and settle every recipient's reply; a message that is a slug is refused with it.

    Raises:
        PeerGone: the client does not wait for its replies any more; it will send everything again.
    """
    if isinstance(message, str):
        answers.settle(_same(dict(enumerate(envelope.recipients)), message))
        return
    handover = MessageDelivery(site, envelope, message)
    for mailbox, group in envelope.by_mailbox().items():
        check_client()
        answers.settle(handover.hand_over(mailbox, group))


class MessageDelivery:
    """One complete message on its way to its mailboxes."""

    def __init__(self, site: LmtpSite, envelope: Envelope, message: Message) -> None:
        self._site = site
        self._envelope = envelope
        self._message = message
        self._arrived_at = arrived_at(message.header.received, site.wall_clock())

    def hand_over(self, mailbox: Address, group: Sequence[int]) -> dict[int, Reply]:
        """Deliver one copy and return the replies of its recipients. Never raises."""
        members = {index: self._envelope.recipients[index] for index in group}
        try:
            answers = {index: late for index, item in members.items() if (late := self._refused_late(item))}
            standing = {index: item for index, item in members.items() if index not in answers}
            return answers | (self._delivered(mailbox, standing) if standing else {})
        except Exception:  # a bug must cost a 451, neither the mail nor the other recipients
            log.exception("lmtp-bug")
            return {index: reply("delivery-bug", address=item.deliver.written) for index, item in members.items()}

    def _refused_late(self, item: Accepted) -> Reply | None:
        """Return why a recipient that was accepted gets no copy after all."""
        name = item.deliver.delivered_to
        if name is not None and self._message.findings.loops(name):
            return reply("too-many-hops", address=name)
        return self._decided_otherwise(item) or self._refused_by_header(item)

    def _decided_otherwise(self, item: Accepted) -> Reply | None:
        """Decide again what is old, and what had expired when it came here."""
        if not item.is_expired and time.monotonic() - item.decided_at <= self._site.max_age:
            return None
        written, sender = item.deliver.written, self._envelope.wrote
        again = resolve(self._site.directory, self._site.policy, written, self._arrived_at, sender)
        if item.is_expired and isinstance(again, Reject) and again.rule == EXPIRED:
            return again.reply
        return None if again == item.deliver else reply("decision-changed")

    def _refused_by_header(self, item: Accepted) -> Reply | None:
        writers = self._message.writers
        refusal = judge_writers(self._site.policy, item.deliver, writers) if writers else None
        if isinstance(refusal, Reject) and refusal.alias and self._site.counts:
            self._site.counts.refused(refusal.alias, refusal.rule, self._envelope.sender.raw)
        return None if refusal is None else refusal.reply

    def _delivered(self, mailbox: Address, members: dict[int, Accepted]) -> dict[int, Reply]:
        copy = copy_for(mailbox, [item.recipient for item in members.values()], self._message.findings.vouched)
        envelope = self._envelope
        transaction = CopyTransaction(
            self._message, envelope.sender, copy, self._site.key, utf8_promised=envelope.utf8_promised
        )
        try:
            answer = self._site.store.deliver(transaction)
        except StoreFailed as error:
            log.warning("store-failed", mailbox=str(mailbox), reason=str(error))
            return _same(members, "store-unavailable")
        except OSError as error:
            log.warning("spool-failed", reason=str(error))
            return _same(members, "spool-failed")
        if 200 <= answer.code < 300:
            self._count(members)
        hidden = (copy.target, mailbox)
        return {index: passed_on(answer, hidden, item.deliver.written) for index, item in members.items()}

    def _count(self, members: dict[int, Accepted]) -> None:
        """Count a copy that the store has taken, once for each alias that it was written to."""
        if self._site.counts is not None:
            for alias in {item.deliver.alias for item in members.values()}:
                if alias is not None:
                    self._site.counts.accepted(alias, self._envelope.sender.raw)


def _same(members: dict[int, Accepted], slug: str) -> dict[int, Reply]:
    return {index: reply(slug, address=item.deliver.written) for index, item in members.items()}


def log_refusal(rcpt: str, rule: str, answer: Reply) -> None:
    """Write the log line of a recipient that was refused at RCPT."""
    log.info("delivery", rcpt=rcpt, verdict="defer" if answer.is_temporary else "reject", rule=rule, reply=str(answer))


def _log_delivery(deliver: Deliver, answer: Reply) -> None:
    known = {"rcpt": str(deliver.written), "rule": deliver.rule, "mailbox": str(deliver.target)}
    log.info("delivery", **known, verdict="deliver", reply=str(answer))
