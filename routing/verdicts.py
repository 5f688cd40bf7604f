"""The answers of the core. Whether an answer is final or temporary is part of its type."""

from dataclasses import dataclass, field

from routing.address import Address
from routing.replies import Reply
from routing.sender_rules import SenderRules


@dataclass(frozen=True, slots=True)
class Gate:
    """What an alias that does not take mail from everyone asks of a message's header (routing.writers)."""

    rules: SenderRules
    may_send: bool  # the alias itself: only then is there mail of it that can bounce
    is_fresh: bool = field(default=True, compare=False)  # False: known under grace, which refuses nothing


@dataclass(frozen=True, slots=True)
class Deliver:
    """The name written to leads to a mailbox."""

    written: Address  # canonical, detail included
    mailbox: Address
    detail: str | None = None
    rule: str = "mailbox"
    gate: Gate | None = None  # None: whoever wrote it

    @property
    def target(self) -> Address:
        """The mailbox address with the detail that was written."""
        if self.detail is None:
            return self.mailbox
        return Address(f"{self.mailbox.local}{self.detail}", self.mailbox.domain)

    @property
    def delivered_to(self) -> Address | None:
        """The value for Delivered-To; None when the mailbox itself was written to (docs/design.md, section 3)."""
        return None if self.written == self.mailbox else self.written

    @property
    def alias(self) -> Address | None:
        """The alias that was written to, without a detail; None where that was no alias."""
        if self.rule != "alias" or self.detail is None:
            return self.written if self.rule == "alias" else None
        return Address(self.written.local.removesuffix(self.detail), self.written.domain)


@dataclass(frozen=True, slots=True)
class Allow:
    """The login may send as the address."""

    rule: str = "owned"


@dataclass(frozen=True, slots=True)
class NotOurs:
    """The domain is not hosted here, or is no domain at all: continue and touch nothing."""

    rule: str = "not-hosted"
    is_fresh: bool = field(default=True, compare=False)  # False: known under grace, which refuses nothing


@dataclass(frozen=True, slots=True)
class Reject:
    """A permanent refusal, on positive evidence."""

    reply: Reply
    rule: str
    alias: Address | None = field(default=None, compare=False)  # that was written to, without a detail, if it was one


@dataclass(frozen=True, slots=True)
class Defer:
    """A temporary refusal: the evidence is missing, or the state will pass."""

    reply: Reply
    rule: str


RecipientVerdict = Deliver | Reject | Defer | NotOurs
SenderVerdict = Allow | Reject | Defer
Verdict = RecipientVerdict | SenderVerdict
