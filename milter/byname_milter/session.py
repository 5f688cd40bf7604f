"""One SMTP connection, seen through the events of libmilter.

Changes are collected and applied once, at end of message.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

import Milter

from byname_milter import counting
from byname_milter.actions import change, strip_handovers
from byname_milter.decision_log import DecisionLog
from byname_milter.envelope import envelope_address, parameter
from byname_milter.form import findings, judge_form, names_left
from byname_milter.learned import Learned
from byname_milter.message import Message, decide_again
from byname_milter.mta import Mta, macro, readable, set_reply
from byname_milter.site import Site
from byname_milter.writing import RECIPIENTS_DIFFER, Refusals, judge_all, new_writers, one_answer
from routing.address import Address, AddressSyntaxError, is_null_path
from routing.allowed_senders import EnvelopeSender
from routing.bounce import Report
from routing.delivery import Recipient
from routing.directory import LookupFailed
from routing.handover import MOST_FIELDS
from routing.limits import TOO_MANY_FIELDS, TOO_MANY_NAMES, TOO_MANY_RECIPIENTS, judge_field_name, new_trace_fields
from routing.listed import judge_listed
from routing.recipient import resolve
from routing.replies import reply
from routing.sender import Role, admit
from routing.trace import Findings
from routing.verdicts import Defer, Deliver, Gate, NotOurs, Reject
from routing.writers import may_be_bounce

_UNREADABLE_LOGIN = "\ufffd"  # a login all the same, and one that nobody owns
_CHANGED = Defer(reply("decision-changed"), "decision-changed")


class Session:
    """What every role does: decide about recipients, replace names by mailboxes, write Delivered-To."""

    role: ClassVar[Role]
    wants_end_of_header: ClassVar[bool] = False
    wants_body: bool = False
    reads_reports: ClassVar[bool] = True  # mail without a sender may be a bounce of an alias's own
    sees_header: bool = False  # as negotiated; so is the body where ``wants_body``
    can_skip: bool = False  # the MTA stops sending the body when asked to (SMFIP_SKIP)
    refuses_recipients: ClassVar[bool] = True
    after_field: int = Milter.CONTINUE

    def __init__(
        self,
        mta: Mta,
        current_site: Callable[[], Site],
        closed: Callable[[], None],
        decisions: DecisionLog,
        learned: Learned | None = None,
    ) -> None:
        self.mta = mta
        self._current_site = current_site
        self._closed = closed
        self.site = current_site()
        self.message = Message()
        self.decisions = decisions
        self.learned = learned or Learned()
        self.wants_body = self.reads_reports and self.learned.wants_body

    def failed(self) -> None:
        """Note that a callback failed: this message is answered 451 whatever follows."""
        self.message.broken = True
        self.decisions.failed()

    # The events, in the order of the SMTP dialogue (byname_milter.callbacks).

    def connect(self, peer: object) -> None:
        """Remember who the client is, for the log. Asked for only where no macro holds the address."""
        self.decisions.client = str(peer[0] if isinstance(peer, tuple) else peer or "local")

    def mail(self, sender: str) -> int:
        """MAIL: a new transaction."""
        site = self._current_site()
        if site.strips == self.site.strips:  # else the header was not asked for when the connection began
            self.site = site
        self.message = Message(
            path=sender,
            login=self._login(),
            decided_at=time.monotonic(),
            trace_fields=new_trace_fields(self.site.policy),
        )
        self.decisions.client = readable(self.mta, "{client_addr}") or self.decisions.client
        refusal = admit(self.role, self.message.login)
        if refusal is not None:
            return self.refuse("sender", refusal, sender=sender)
        return self.enforce("sender", self.judge_sender(sender), sender=sender)

    def rcpt(self, recipient: str, parameters: Sequence[str]) -> int:
        """RCPT: decide at once; what is not decided is never answered 250."""
        try:
            address = envelope_address(recipient, macro(self.mta, "{rcpt_addr}"))
        except AddressSyntaxError as error:
            malformed = Reject(reply("bad-recipient", reason=str(error)), "bad-syntax")
            return self.refuse_recipient(recipient, malformed)
        verdict = resolve(self.site.directory, self.site.policy, address, self.site.wall_clock(), self._sender)
        if isinstance(verdict, NotOurs):
            verdict = self._held_against_file(address, verdict)
        if isinstance(verdict, Reject | Defer):
            counting.count_refused(self.site, self.message, verdict)
            return self.refuse_recipient(recipient, verdict)
        deliver = verdict if isinstance(verdict, Deliver) else None
        if deliver and self.refuses_recipients and names_left(self.site, self.message) <= 0:
            return self.refuse_recipient(recipient, TOO_MANY_RECIPIENTS)
        if self.learned.keeps_apart and not self._goes_with_others(verdict):
            apart = reply("one-recipient-apart", address=address or recipient)
            return self.refuse_recipient(recipient, Defer(apart, "one-recipient-apart"))
        envelope_recipient = Recipient(
            recipient, deliver, parameter(parameters, "NOTIFY"), parameter(parameters, "ORCPT")
        )
        self.message.accept(envelope_recipient, address, verdict)
        if deliver and deliver.gate:
            self._look_at_writers(deliver.gate)
        return Milter.CONTINUE

    def header(self, name: str, value: bytes) -> None:
        """Note what is to be removed, and a name that no field may have."""
        self.message.malformed = self.message.malformed or judge_field_name(name)
        self.message.trace_fields.add(name, value)
        if self.message.writers is not None:
            self.message.writers.add(name, value)
        if self.message.trace_fields.handovers > MOST_FIELDS:
            self.message.malformed = self.message.malformed or TOO_MANY_FIELDS

    def end_of_header(self) -> int:
        """Nothing is decided here, unless a role does."""
        return Milter.CONTINUE

    def body(self, octets: bytes) -> int:
        """A piece of the body, of at most 64 kB; only where ``wants_body``."""
        report = self.message.writers.report if self.message.writers else None
        if report is not None:
            report.body(octets)
        return Milter.SKIP if self.can_skip and (report is None or report.is_over) else Milter.CONTINUE

    def end_of_message(self) -> int:
        """Make every change of this message, or none and answer 451."""
        if self.message.broken:
            return Milter.TEMPFAIL
        found = findings(self.site, self.message)
        refusal = judge_form(self.site, self.message) or self._last_look(found)
        if refusal is not None:
            return self.refuse("end-of-message", refusal)
        strip_handovers(self.mta, self.message.trace_fields.handovers)
        if self.message.hosted:
            change(self.mta, self.site, self.message, found)
        for accepted in self.message.accepted:
            self.decisions.accepted(accepted, queue_id=self.queue_id, login=self.message.login)
        counting.count_accepted(self.site, self.message)
        self.message = Message()
        return Milter.CONTINUE

    def abort(self) -> None:
        """The transaction ended without a message: RSET, a new EHLO, a lost connection."""
        self.message = Message()

    def close(self) -> None:
        """The connection ended."""
        self._closed()

    # What a role adds.

    def judge_sender(self, _sender: str) -> Reject | Defer | None:
        """Return why the envelope sender is refused."""
        return None

    def refuse_recipient(self, recipient: str, refusal: Reject | Defer) -> int:
        """Refuse one recipient; the others of the message go on."""
        return self.refuse("recipient", refusal, rcpt=recipient)

    def refuse_some(self, refusals: Refusals) -> Reject | Defer | None:
        """Return the answer to a message that some of its recipients do not take.

        The LMTP edge refuses it for each of them. Without one, the client is told to come again, and is then told
        apart those who take it from those who do not: nothing is lost, and nobody is told wrong.
        """
        answer = one_answer(refusals, self.message)
        if not self.site.strips:
            return None if answer is None or answer.rule == "report-unread" else answer
        if answer is not None:
            return answer
        for each, _ in refusals:
            if each.address is not None:
                self.learned.keep_apart(self.message.path, each.address)
        return RECIPIENTS_DIFFER

    @property
    def wants_header(self) -> bool:
        """Whether the fields of a header matter: asked once, when the connection begins."""
        return self.site.strips or self.learned.wants_header

    def vouches(self) -> bool:
        """Return whether the author that the header shows is known by a login."""
        return False

    def still_allowed(self) -> bool:
        """Return whether the sender may still send, long after it was decided."""
        return True

    # What the callbacks are made of.

    @property
    def queue_id(self) -> str | None:
        """What the MTA calls the message, once it has a name for it."""
        return readable(self.mta, "i")

    def enforce(self, stage: str, refusal: Reject | Defer | None, **facts: str) -> int:
        """Make a sender's refusal; in monitor mode only log and count it.

        Only the verdict of the guard on a sender may be monitored: a recipient or a missing login never is.
        """
        if refusal is None:
            self.decisions.allowed(stage)
            return Milter.CONTINUE
        if not self.site.monitor:
            return self.refuse(stage, refusal, **facts)
        self.decisions.would_refuse(stage, refusal, queue_id=self.queue_id, **facts, login=self.message.login)
        return Milter.CONTINUE

    def refuse(self, stage: str, refusal: Reject | Defer, **facts: str) -> int:
        """Log a refusal, hand its reply to the MTA and return the milter's answer."""
        self.decisions.refusal(stage, refusal, queue_id=self.queue_id, **facts, login=self.message.login)
        set_reply(self.mta, refusal.reply)
        return Milter.REJECT if isinstance(refusal, Reject) else Milter.TEMPFAIL

    def _login(self) -> str | None:
        try:
            return macro(self.mta, "{auth_authen}")
        except AddressSyntaxError:
            return _UNREADABLE_LOGIN

    def _last_look(self, found: Findings) -> Reject | Defer | None:
        if names_left(self.site, self.message) < 0:
            return TOO_MANY_NAMES
        for name in self.message.names:
            if found.loops(name):
                return Reject(reply("too-many-hops", address=name), "too-many-hops")
        return self._judge_writers() if self._holds() else _CHANGED

    def _sender(self) -> EnvelopeSender:
        """Return the envelope sender, for an alias that asks who writes."""
        if self.message.envelope_sender is None:
            raw, address = self.message.path, None
            with contextlib.suppress(AddressSyntaxError):  # then it is nobody's address
                address = envelope_address(raw, macro(self.mta, "{mail_addr}"))
            self.message.envelope_sender = EnvelopeSender(address, is_null_path(raw))
        return self.message.envelope_sender

    def _held_against_file(self, address: Address | None, verdict: NotOurs) -> NotOurs | Reject | Defer:
        """Refuse what the MTA takes for hosted by a file that lags behind (routing.listed)."""
        if address is None or self.site.listed is None:
            return verdict
        return judge_listed(address, verdict, self.site.listed(address.domain), self.role)

    def _goes_with_others(self, verdict: Deliver | NotOurs) -> bool:
        """Return whether a recipient can be in one message with those before him (byname_milter.learned)."""
        name = verdict.written if isinstance(verdict, Deliver) and verdict.gate else None
        is_apart = name is not None and self.learned.is_apart(self.message.path, name)
        if not self.message.accepted:
            self.message.is_apart = is_apart
        return is_apart == self.message.is_apart

    def _look_at_writers(self, gate: Gate) -> None:
        """Ask for what a recipient's rules look at; of this connection, if it was negotiated so, else of later ones."""
        self.learned.need_header()
        writers = self.message.writers or new_writers(self.site, self._sender())
        if self.reads_reports and self.site.strips and may_be_bounce(gate, self._sender()):  # else the edge reads it
            self.learned.need_body()
            writers.report = writers.report or (Report() if self.wants_body else None)
        self.message.writers = writers

    def _judge_writers(self) -> Reject | Defer | None:
        """Hold the header against the rules of each recipient that has some (docs/design.md, section 5)."""
        if self.message.writers is None or not (self.sees_header or self.site.strips):
            return None  # the header was not asked for, as it need not be where there is the LMTP edge
        self.message.writers.is_submitted = self.vouches()
        refusals = judge_all(self.site.policy, self.message)
        answer = self.refuse_some(refusals) if refusals else None
        if isinstance(answer, Reject):
            for _, refusal in refusals:
                counting.count_refused(self.site, self.message, refusal)
        return answer

    def _holds(self) -> bool:
        """Decide again what is older than a second (a long body); a difference is 451 (docs/design.md, section 5)."""
        if time.monotonic() - self.message.decided_at <= self.site.max_age:
            return True
        try:
            again = decide_again(self.site, self.message.accepted, self._sender)
            same = all(verdict == item.verdict for item, verdict in again)
            return same and (self.site.monitor or self.still_allowed())
        except LookupFailed:
            return False
