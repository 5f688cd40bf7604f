"""A verdict and what led to it, in sentences. Pure.

What is shown of a question is what was typed; control and direction characters in it are replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from routing.domain import unicode_domain
from routing.explain import Comparison, Explanation
from routing.explain_steps import Step
from routing.header_refused import REASONS

_LONGEST = 120  # characters of what was typed, in a sentence
_LONGEST_FIELD = 400  # of a field of a header, as a step

_RECIPIENT: Mapping[str, str] = MappingProxyType(
    {
        "deliver": "Mail to {asked} is delivered to {mailbox}.",
        "not-ours": "Mail to {asked} is not decided here: no domain of this system is meant.",
        "reject": "Mail to {asked} is refused.",
        "defer": "Mail to {asked} has to wait: the sending server is asked to try again.",
    }
)
_SENDER: Mapping[str, str] = MappingProxyType(
    {
        "allow": "{login} may send as {asked}.",
        "reject": "{login} may not send as {asked}.",
        "defer": "Whether {login} may send as {asked} cannot be told now: the mail program is asked to try again.",
    }
)
_MESSAGE: Mapping[str, str] = MappingProxyType(
    {
        "allow": "{login} may send this message.",
        "reject": "{login} may not send this message.",
        "defer": "Whether {login} may send this message cannot be told now: the mail program is asked to try again.",
    }
)

# rule: why. A reason for which there is nothing here is told by the reply alone.
_RECIPIENT_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "mailbox": "It is the address of the mailbox itself.",
        "alias": "It is an alias of this mailbox.",
        "catch-all": "Nobody has this name, and the catch-all of the domain takes it.",
        "postmaster": "Every domain has a postmaster, whatever else is switched off.",
        "no-postmaster": "There is no mailbox yet that could take the mail of postmaster.",
        "system-address": "It is a system address, which the domain's system mailbox takes.",
        "mailbox-paused": "The mailbox is paused.",
        "alias-disabled": "The alias is disabled. Its name stays reserved, so no catch-all takes it.",
        "alias-receive-off": "The alias does not receive. Its name stays reserved, so no catch-all takes it.",
        "sender-not-listed": "The alias takes mail from those listed only, and this sender is not.",
        "sender-blocked": "This sender is blocked at the alias.",
        "name-kept": "The name was deleted. Its account keeps it from others for a while, so no catch-all takes it.",
        "domain-off": "The domain is switched off.",
        "account-suspended": "The account is suspended.",
        "unknown": "Nobody has this name, and no catch-all takes it.",
        "detail-routes": "What follows the delimiter holds a character that mail servers may route on.",
        "bad-syntax": "It is not written like an address.",
        "no-evidence": "Neither the cache nor the database can tell.",
        "not-hosted": "The domain is not hosted here.",
        "no-domain": "There is no domain name in it.",
    }
)
_SENDER_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "owned": "It is the login's own address, or an alias of it with sending on.",
        "login-malformed": "The login is not a mail address.",
        "login-unknown": "There is no mailbox of this name; aliases cannot log in.",
        "login-paused": "The mailbox of the login is paused.",
        "login-domain-off": "The domain of the login is switched off.",
        "login-suspended": "The account of the login is suspended.",
        "sender-not-owned": "The address is not one of this login's.",
        "sender-disabled": "The alias is disabled, or its domain is switched off.",
        "sender-detail": "The part after the delimiter is not plain ASCII, or holds a character that routes.",
        "cannot-send-as": "Sending is switched off for this alias.",
        "bad-syntax": "The sender is not written like an address.",
        "no-evidence": "Neither the cache nor the database can tell.",
    }
)
# verdict: what the client hears when the address is let pass.
_MTA_REPLY: Mapping[str, str] = MappingProxyType(
    {
        "deliver": "250, the mail server's own words",
        "allow": "250, the mail server's own words",
        "not-ours": "left to the mail server, which refuses to relay it or passes it on",
    }
)
_LOOKED_UP = (
    ("name ", "The name "),
    ("domain ", "The domain "),
    ("catch-all of ", "The catch-all of "),
    ("system mailbox of ", "The mailbox chosen for system mail of "),
    ("oldest mailbox of ", "The oldest mailbox of "),
    ("field ", "The field "),
    ("directory", "Cache and database"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An explanation as a page shows it.

    Attributes:
        good: whether the mail goes through.
        sentence: what happens.
        reason: why, if that can be said in a sentence.
        steps: what was looked up, and found, and mattered.
        others: the rest of it.
        reply: the SMTP reply, or what the mail server does by itself.
        delivered_to: what the message shows beside that it was written to another address than the mailbox's own.
        agreement: whether cache and database say the same.
        agrees: False: they differ.
    """

    good: bool
    sentence: str
    reason: str | None
    steps: list[Step]
    others: list[Step]
    reply: str
    delivered_to: str | None
    agreement: str
    agrees: bool


def of_recipient(comparison: Comparison, asked: str) -> Answer:
    """Return what happens to a mail for ``asked``."""
    found = comparison.found
    mailbox = "the postmaster of this mail system" if found.mailbox is None else in_unicode(str(found.mailbox))
    sentence = _RECIPIENT[found.verdict].format(asked=plain(asked), mailbox=mailbox)
    return _answer(comparison, sentence, _RECIPIENT_REASONS.get(found.rule))


def of_sender(comparison: Comparison, login: str, asked: str) -> Answer:
    """Return whether a login may send as ``asked``."""
    sentence = _SENDER[comparison.found.verdict].format(login=plain(login), asked=plain(asked))
    return _answer(comparison, sentence, _SENDER_REASONS.get(comparison.found.rule))


def of_message(comparison: Comparison, login: str) -> Answer:
    """Return whether a login may send a message with a certain header."""
    found = comparison.found
    sentence = _MESSAGE[found.verdict].format(login=plain(login))
    reason = f"{_sentence(REASONS[found.rule])}." if found.rule in REASONS else _SENDER_REASONS.get(found.rule)
    if found.rule == "owned":
        reason = "Every author that it names is the login's own address, or an alias of it with sending on."
    return _answer(comparison, sentence, reason)


def plain(text: str) -> str:
    """Return what was typed for use in a sentence: one line, not long, and nothing in it that hides or turns text."""
    return _visible(text.strip(), _LONGEST)


def _visible(text: str, longest: int) -> str:
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    spaced = (" " if char in "\r\n\t" else char for char in cut)
    return in_unicode("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in spaced))


def in_unicode(text: str) -> str:
    """Return a text with the domains in it as people read them."""
    return " ".join(_word(word) for word in text.split(" "))


def _word(word: str) -> str:
    if "xn--" not in word:
        return word
    local, at, domain = word.rpartition("@")
    bare = domain.rstrip(";:,()<>")
    return local + at + unicode_domain(bare) + domain[len(bare) :]


def _answer(comparison: Comparison, sentence: str, reason: str | None) -> Answer:
    found = comparison.found
    steps = [(step.mattered, _in_words(step)) for step in found.steps]
    return Answer(
        good=found.verdict in {"deliver", "allow"},
        sentence=sentence,
        reason=reason,
        steps=[step for mattered, step in steps if mattered],
        others=[step for mattered, step in steps if not mattered],
        reply=_MTA_REPLY[found.verdict] if found.reply is None else str(found.reply),
        delivered_to=None if found.delivered_to is None else str(found.delivered_to),
        agreement=_agreement(comparison),
        agrees=comparison.agree is not False,
    )


def _in_words(step: Step) -> Step:
    looked_up = step.looked_up
    for begins, words in _LOOKED_UP:
        if looked_up.startswith(begins):
            looked_up = words + looked_up.removeprefix(begins)
            break
    found = "nobody has it" if step.found == "none" and step.looked_up.startswith("name ") else step.found
    return Step(_visible(looked_up, _LONGEST_FIELD), _visible(found, _LONGEST_FIELD), step.mattered)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _agreement(comparison: Comparison) -> str:
    if comparison.by_cache is None:
        return "There is no cache here: the mail server asks the database itself."
    if comparison.agree is None:
        return "Whether the mail server's cache agrees with the database cannot be told: one of them does not answer."
    if comparison.agree:
        return "The mail server's cache agrees with the database."
    by_cache, by_sql = _in_short(comparison.by_cache), _in_short(comparison.by_sql)
    return (
        f"The mail server's cache says {by_cache}, the database {by_sql}. A change may be on its way; if this stays,"
        " tell the operator of this service."
    )


def _in_short(found: Explanation) -> str:
    where = "" if found.mailbox is None else f" to {in_unicode(str(found.mailbox))}"
    return f"“{found.verdict}{where}” ({found.rule})"
