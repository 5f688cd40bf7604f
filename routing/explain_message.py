"""What would be said of a whole message: a submitted one with the checks that a site may add, or one from outside.

The same functions judge as in a milter, in the same order, and each check that is on leaves a step that says what it
found. One that only logs (``log``) refuses nothing here either.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from routing.address import Address, AddressSyntaxError, parse_path, split_detail
from routing.allowed_senders import EnvelopeSender
from routing.auth_results import AuthResults
from routing.bounce import Report
from routing.calendar import Invitations, judge_invitations
from routing.colleague import MOST_NAMES, NOTICE, VALUE, OutsideMail, is_colleague, shown_name
from routing.directory import Directory
from routing.explain import Explanation, envelope_sender, explain_recipient, explanation
from routing.explain_steps import Step
from routing.guard import check_header, is_author_field, plain_name
from routing.lookalike import Skeleton, judge_lookalikes
from routing.mime_parts import MimeParts
from routing.people import NameKey
from routing.policy import Policy, Switch
from routing.raw_message import RawMessage
from routing.spoof import claimed_addresses, judge_claims
from routing.trust import TrustClaims, judge_trust
from routing.verdicts import Allow, Defer, Deliver, Reject
from routing.writers import Writers, judge_writers

_PIECE = 64 * 1024  # octets; what an MTA hands a milter at once

Refusal = Reject | Defer | None


def explain_submitted(directory: Directory, policy: Policy, login: str, message: RawMessage, at: float) -> Explanation:
    """Explain what a logged-in sender would be told about a message."""
    steps = _author_steps(message)
    verdict = check_header(directory, policy, login, message.fields, at)
    checks: tuple[tuple[str, Switch, Callable[[], Refusal]], ...] = (
        ("forged_trust", policy.forged_trust, lambda: _trust(directory, policy, login, message, at)),
        ("foreign_organizer", policy.foreign_organizer, lambda: _invitations(directory, policy, login, message, at)),
    )
    for name, level, judge in checks:
        if isinstance(verdict, Allow) and level != "off":
            refusal = judge()
            steps.append(Step(f"check {name} ({level})", "nothing" if refusal is None else str(refusal.reply)))
            verdict = refusal if refusal is not None and level == "refuse" else verdict
    return explanation(verdict, tuple(steps))


def _author_steps(message: RawMessage) -> list[Step]:
    """Return what the author fields of a message are."""
    fields = [field for field in message.fields if is_author_field(field.name)]
    return [Step(f"field {each.name}", each.value.decode("utf-8", "backslashreplace").strip()) for each in fields]


def _trust(directory: Directory, policy: Policy, login: str, message: RawMessage, at: float) -> Refusal:
    """Judge the claims of the header. A trace of our own needs the key, which is the milter's: it passes here."""
    claims = TrustClaims(policy.authserv_ids)
    for field in message.fields:
        claims.add(field.name, field.value)
    return judge_trust(directory, policy, login, claims, at)


def _invitations(directory: Directory, policy: Policy, login: str, message: RawMessage, at: float) -> Refusal:
    found = Invitations()
    parts = MimeParts(found.reader_for)
    for field in message.fields:
        if (plain := plain_name(field.name)).startswith("content-"):
            parts.feed(plain.encode("ascii") + b":" + field.value + b"\r\n")
    parts.feed(b"\r\n")
    for at in range(0, len(message.body), _PIECE):
        parts.feed(message.body[at : at + _PIECE])
    parts.end()
    return judge_invitations(directory, policy, login, parts, found, at)


@dataclass(frozen=True, slots=True)
class Eyes:
    """What sees that names look alike; None where a setting needs none of it."""

    skeleton: Skeleton | None = None
    name_key: NameKey | None = None


def explain_incoming(
    directory: Directory,
    policy: Policy,
    text: str,
    message: RawMessage,
    eyes: Eyes,
    at: float,
    sender: str | None = None,
) -> Explanation:
    """Explain what would happen to a message from outside to ``text`` alone: the recipient first, then its author.

    ``sender`` is the envelope sender; without it the message's Return-Path says it, or nobody.
    """
    sender = _return_path(message) if sender is None else sender
    found, written = explain_recipient(directory, policy, text, at, sender), _written(text)
    if found.mailbox is None or written is None:
        return found
    values = [field.value for field in message.fields if plain_name(field.name) == "from"]
    claimed = [address for value in values for address in claimed_addresses(value)]
    steps = [*found.steps, *_author_steps(message)]
    for check, refusal in _judged(directory, policy, claimed, written.domain, eyes):
        steps.append(Step(f"check inbound_spoof ({check})", "nothing" if refusal is None else str(refusal.reply)))
        if refusal is not None:
            return explanation(refusal, tuple(steps))
    if policy.colleague_names == "mark":
        shown = [name for value in values[:MOST_NAMES] if (name := shown_name(value, eyes.name_key))]
        mailbox = Address(split_detail(found.mailbox.local, policy.recipient_delimiter)[0], found.mailbox.domain)
        is_marked = is_colleague(directory, OutsideMail(shown, claimed, [written.domain], [mailbox]), at)
        steps.append(Step("check colleague_names", f"{NOTICE}: {VALUE}" if is_marked else "nothing"))
    if found.gate is not None:
        refusal = _by_rules(policy, Deliver(written, written, gate=found.gate), message, sender)
        steps.append(Step("check senders", "nothing" if refusal is None else str(refusal.reply)))
        if refusal is not None:
            return explanation(refusal, tuple(steps))
    return replace(found, steps=tuple(steps))


def _return_path(message: RawMessage) -> str | None:
    """Return the envelope sender that a delivery agent wrote on top of a message."""
    values = [
        each.value.decode("utf-8", "replace") for each in message.fields if plain_name(each.name) == "return-path"
    ]
    return values[0].strip() if values else None


def _by_rules(policy: Policy, deliver: Deliver, message: RawMessage, sender: str | None) -> Refusal:
    """Judge the header, and of a message without a sender the body, by the rules of an alias."""
    envelope = EnvelopeSender(None) if sender is None else envelope_sender(sender)
    wrote = Writers(AuthResults(policy.authserv_ids), envelope, report=Report() if envelope.is_null else None)
    for each in message.fields:
        wrote.add(each.name, each.value)
    if wrote.report is not None:
        wrote.report.body(message.body)
    return judge_writers(policy, deliver, wrote)


def _judged(
    directory: Directory, policy: Policy, claimed: Sequence[Address], domain: str, eyes: Eyes
) -> Iterator[tuple[str, Refusal]]:
    """Yield each check of the author that is on, and what it says."""
    if policy.inbound_spoof in {"header", "lookalike"}:
        yield "header", judge_claims(directory, claimed)
    if policy.inbound_spoof == "lookalike" and eyes.skeleton is not None:
        yield "lookalike", judge_lookalikes(directory, claimed, [domain], eyes.skeleton)


def _written(text: str) -> Address | None:
    try:
        return parse_path(text)
    except AddressSyntaxError:
        return None
