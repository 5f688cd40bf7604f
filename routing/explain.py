"""Why a verdict is what it is: the looked-up facts, the rule, and the reply an SMTP client would see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from routing.address import Address, AddressSyntaxError, parse_path
from routing.directory import Directory, LookupFailed
from routing.policy import Policy
from routing.recipient import decide as decide_recipient
from routing.recipient import wanted as wanted_by_recipient
from routing.records import Alias, HostedDomain, Mailbox, Name
from routing.replies import Reply, reply
from routing.sender import canonical_login
from routing.sender import decide as decide_sender
from routing.sender import wanted as wanted_by_sender
from routing.verdicts import Allow, Defer, Deliver, NotOurs, Reject, Verdict

VERDICT_SLUGS: dict[type, str] = {
    Deliver: "deliver",
    Allow: "allow",
    NotOurs: "not-ours",
    Reject: "reject",
    Defer: "defer",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked up, and what was found, both for people to read."""

    looked_up: str
    found: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict with its reasons (docs/api.md, "Objects")."""

    verdict: str  # deliver, allow, not-ours, reject, defer
    rule: str
    reply: Reply | None  # None: the MTA goes on with its own 250
    mailbox: Address | None
    delivered_to: Address | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What decides, and beside it the answer of each backend by itself."""

    found: Explanation
    by_cache: Explanation | None  # None: there is no cache
    by_sql: Explanation

    @property
    def agree(self) -> bool | None:
        """Whether cache and SQL say the same; None when one of them is not there or cannot tell."""
        if self.by_cache is None or "no-evidence" in {self.by_cache.rule, self.by_sql.rule}:
            return None
        return replace(self.by_cache, steps=()) == replace(self.by_sql, steps=())

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


def compare(
    ask: Callable[[Directory], Explanation], deciding: Directory, cache: Directory | None, sql: Directory
) -> Comparison:
    """Put one question to what decides and to each backend."""
    return Comparison(ask(deciding), None if cache is None else ask(cache), ask(sql))


def explain_recipient(directory: Directory, policy: Policy, text: str) -> Explanation:
    """Explain what would happen to a mail for ``text``, an address as an SMTP client may type it."""
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
        return explanation(Defer(reply("no-evidence", address=address), "no-evidence"), (_unanswered(),))
    return explanation(decide_recipient(policy, address, facts), _recipient_steps(address, names, facts))


def explain_sender(directory: Directory, policy: Policy, login: str, sender: str) -> Explanation:
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
        return explanation(Defer(reply("sender-no-evidence", address=address), "no-evidence"), (_unanswered(),))
    return explanation(decide_sender(policy, user, [address], facts), _name_steps(names, facts))


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
    )


def _unanswered() -> Step:
    return Step("directory", "no answer")


def _recipient_steps(address: Address, names: set[Address], facts: Mapping[str, HostedDomain]) -> tuple[Step, ...]:
    domain = facts.get(address.domain)
    if domain is None:
        return (Step(f"domain {address.domain}", "not hosted"),)
    return (
        Step(f"domain {address.domain}", _domain_text(domain)),
        *_name_steps(names, facts),
        Step(f"catch-all of {address.domain}", _mailbox_text(domain.catch_all)),
        Step(f"system mailbox of {address.domain}", _mailbox_text(domain.system_mailbox)),
        Step(f"oldest mailbox of {address.domain}", _mailbox_text(domain.oldest_mailbox)),
    )


def _name_steps(names: set[Address], facts: Mapping[str, HostedDomain]) -> tuple[Step, ...]:
    return tuple(_name_step(name, facts) for name in sorted(names, key=str, reverse=True))


def _name_step(name: Address, facts: Mapping[str, HostedDomain]) -> Step:
    domain = facts.get(name.domain)
    return Step(f"name {name}", "not hosted" if domain is None else _name_text(domain.names.get(name.local)))


def _domain_text(domain: HostedDomain) -> str:
    state = "hosted" if domain.is_active else "hosted, switched off"
    return state if domain.account_active else f"{state}, account suspended"


def _name_text(name: Name | None) -> str:
    if not isinstance(name, Alias):
        return _mailbox_text(name)
    flags = [
        "active" if name.is_active else "disabled",
        f"receive {'on' if name.can_receive else 'off'}",
        f"send {'on' if name.can_send else 'off'}",
    ]
    return f"alias of {_mailbox_text(name.mailbox)}; {', '.join(flags)}"


def _mailbox_text(mailbox: Mailbox | None) -> str:
    if mailbox is None:
        return "none"
    states = [
        "active" if mailbox.is_active else "paused",
        *([] if mailbox.domain_active else ["domain switched off"]),
        *([] if mailbox.account_active else ["account suspended"]),
    ]
    return f"mailbox {mailbox.address} ({', '.join(states)})"
