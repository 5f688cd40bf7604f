"""Why a verdict is what it is: the looked-up facts, the rule, and the reply an SMTP client would see."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from routing.address import Address, AddressSyntaxError, is_null_path, parse_path
from routing.allowed_senders import EnvelopeSender
from routing.directory import AffirmedFacts, Directory, LookupFailed
from routing.explain_steps import Seen, Step, recipient_steps, sender_steps, unanswered
from routing.policy import Policy
from routing.recipient import decide as decide_recipient
from routing.recipient import wanted as wanted_by_recipient
from routing.records import HostedDomain
from routing.replies import Reply, reply
from routing.sender import canonical_login
from routing.sender import decide as decide_sender
from routing.sender import wanted as wanted_by_sender
from routing.verdicts import Allow, Defer, Deliver, Gate, NotOurs, Reject, Verdict

Evidence = Literal["fresh", "grace"]

VERDICT_SLUGS: dict[type, str] = {
    Deliver: "deliver",
    Allow: "allow",
    NotOurs: "not-ours",
    Reject: "reject",
    Defer: "defer",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict with its reasons (docs/api.md, "Objects")."""

    verdict: str  # deliver, allow, not-ours, reject, defer
    rule: str
    reply: Reply | None  # None: the MTA goes on with its own 250
    mailbox: Address | None
    delivered_to: Address | None
    steps: tuple[Step, ...]
    gate: Gate | None = field(default=None, repr=False)  # what an alias asks of the header


@dataclass(frozen=True, slots=True)
class Comparison:
    """What decides, and beside it the answer of each backend by itself."""

    found: Explanation
    by_cache: Explanation | None  # None: there is no cache
    by_sql: Explanation
    evidence: Evidence | None = None  # of ``found``; None: nothing was asked, or nobody answered

    @property
    def agree(self) -> bool | None:
        """Whether cache and SQL say the same; None when one of them is not there or cannot tell."""
        if self.by_cache is None or "no-evidence" in {self.by_cache.rule, self.by_sql.rule}:
            return None
        return replace(self.by_cache, steps=()) == replace(self.by_sql, steps=())

    @property
    def answered_by(self) -> str | None:
        """Who gave the facts: ``cache``, ``sql``, ``grace`` (the cache without its lease); None: nobody."""
        if self.evidence != "fresh":
            return self.evidence
        return "sql" if self.by_cache is None or self.by_cache.rule == "no-evidence" else "cache"

    def as_object(self) -> dict[str, object]:
        """Return the explanation object of docs/api.md, "Objects"."""
        found = self.found
        return {
            "verdict": found.verdict,
            "rule": found.rule,
            "reply": found.reply,
            "mailbox": None if found.mailbox is None else str(found.mailbox),
            "delivered_to": None if found.delivered_to is None else str(found.delivered_to),
            "steps": found.steps,
            "cache": None if self.by_cache is None else self.by_cache.verdict,
            "sql": self.by_sql.verdict,
            "agree": self.agree,
        }


class EvidenceNoting:
    """A directory that passes questions on to another, and notes what kind of evidence the answers were."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.evidence: Evidence | None = None

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        """Answer as the other one does. Raises LookupFailed."""
        facts = self._directory.lookup(wanted)
        under_grace = self.evidence == "grace" or isinstance(facts, AffirmedFacts)
        self.evidence = "grace" if under_grace else "fresh"
        return facts


def compare(
    ask: Callable[[Directory], Explanation], deciding: Directory, cache: Directory | None, sql: Directory
) -> Comparison:
    """Put one question to what decides and to each backend."""
    noting = EvidenceNoting(deciding)
    found = ask(noting)
    return Comparison(found, None if cache is None else ask(cache), ask(sql), noting.evidence)


def explain_recipient(
    directory: Directory, policy: Policy, text: str, at: float, sender: str | None = None
) -> Explanation:
    """Explain what would happen to a mail for ``text``, an address as an SMTP client may type it.

    ``sender`` is the envelope sender; None: it is not said, and nobody is refused for who he is.
    """
    try:
        address = parse_path(text)
    except AddressSyntaxError as error:
        return explanation(Reject(reply("bad-recipient", reason=str(error)), "bad-syntax"), ())
    if address is None:
        return explanation(NotOurs("no-domain"), (Step(text, "no domain name in it"),))
    names = wanted_by_recipient(policy, address)
    try:
        facts = directory.lookup(names)
    except LookupFailed:
        return explanation(Defer(reply("no-evidence", address=address), "no-evidence"), (unanswered(),))
    verdict = decide_recipient(policy, address, facts, at, None if sender is None else lambda: envelope_sender(sender))
    return explanation(verdict, recipient_steps(policy, address, Seen(facts, at), verdict.rule))


def envelope_sender(text: str) -> EnvelopeSender:
    """Return who sends by MAIL, as an SMTP client may type it; what is malformed is nobody's address."""
    try:
        return EnvelopeSender(parse_path(text), is_null_path(text))
    except AddressSyntaxError:
        return EnvelopeSender(None)


def explain_sender(directory: Directory, policy: Policy, login: str, sender: str, at: float) -> Explanation:
    """Explain whether ``login`` may use ``sender`` as envelope sender."""
    user = canonical_login(policy, login)
    if user is None:
        return explanation(Reject(reply("login-malformed"), "login-malformed"), ())
    try:
        address = parse_path(sender)
    except AddressSyntaxError as error:
        return explanation(Reject(reply("bad-sender", reason=str(error)), "bad-syntax"), ())
    if address is None:
        return explanation(Reject(reply("sender-not-owned", address=sender, login=user), "sender-not-owned"), ())
    names = wanted_by_sender(policy, user, [address])
    try:
        facts = directory.lookup(names)
    except LookupFailed:
        return explanation(Defer(reply("sender-no-evidence", address=address), "no-evidence"), (unanswered(),))
    verdict = decide_sender(policy, user, [address], facts, at)
    return explanation(verdict, sender_steps(policy, user, address, Seen(facts, at), verdict.rule))


def explanation(verdict: Verdict, steps: tuple[Step, ...]) -> Explanation:
    """Put a verdict and the steps that led to it into the form that people and scripts read."""
    deliver = verdict if isinstance(verdict, Deliver) else None
    refusal = verdict.reply if isinstance(verdict, Reject | Defer) else None
    return Explanation(
        verdict=VERDICT_SLUGS[type(verdict)],
        rule=verdict.rule,
        reply=refusal,
        mailbox=deliver.target if deliver else None,
        delivered_to=deliver.delivered_to if deliver else None,
        steps=steps,
        gate=deliver.gate if deliver else None,
    )
