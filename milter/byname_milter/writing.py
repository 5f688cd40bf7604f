"""The recipients of a message held against who wrote it, and the one answer that a milter can give for all of them."""

from collections.abc import Sequence

from byname_milter.message import Accepted, Message
from byname_milter.site import Site
from routing.allowed_senders import EnvelopeSender
from routing.auth_results import AuthResults
from routing.delivery import Recipient
from routing.policy import Policy
from routing.replies import reply
from routing.verdicts import Defer, Deliver, Reject
from routing.writers import Writers, judge_writers, may_be_bounce

Refusals = Sequence[tuple[Accepted, Reject | Defer]]

RECIPIENTS_DIFFER = Defer(reply("recipients-differ"), "recipients-differ")


def new_writers(site: Site, sender: EnvelopeSender) -> Writers:
    """Return what collects who wrote a message."""
    return Writers(AuthResults(site.policy.authserv_ids), sender)


def judge_all(policy: Policy, message: Message) -> Refusals:
    """Return the recipients that do not take this message, and why."""
    wrote = message.writers
    if wrote is None:
        return []
    judged = [(each, _judged(policy, each.verdict, wrote)) for each in message.accepted if _asks(each)]
    return [(each, refusal) for each, refusal in judged if refusal is not None]


def one_answer(refusals: Refusals, message: Message) -> Reject | Defer | None:
    """Return what all the recipients of a message say alike, None where some take it."""
    if len(refusals) < len(message.accepted):
        return None
    return next((refusal for _, refusal in refusals if isinstance(refusal, Defer)), refusals[0][1])


def leave_untouched(message: Message, refused: Accepted) -> None:
    """Let a recipient that cannot be refused stand as it was written, for the delivery agent to bounce."""
    message.accepted.remove(refused)
    message.hosted -= 1
    message.untouched.append(Recipient(refused.recipient.raw, None))


def _asks(accepted: Accepted) -> bool:
    return isinstance(accepted.verdict, Deliver) and accepted.verdict.gate is not None


def _judged(policy: Policy, verdict: object, wrote: Writers) -> Reject | Defer | None:
    if not isinstance(verdict, Deliver) or verdict.gate is None:
        return None
    refusal = judge_writers(policy, verdict, wrote)
    if refusal is None or wrote.report is not None or not may_be_bounce(verdict.gate, wrote.sender):
        return refusal
    return Defer(reply("report-unread", address=verdict.written), "report-unread")
