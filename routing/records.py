"""What a directory knows: hosted domains and the names in them.

A record holds all that its decision needs, so that one look-up answers: an alias carries its mailbox, a mailbox
carries the state of its domain and account.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from routing.address import Address
from routing.sender_rules import SenderRules


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox with everything that decides whether it may receive and send."""

    address: Address
    is_active: bool = True  # False: paused
    domain_active: bool = True
    account_active: bool = True

    @property
    def usable(self) -> bool:
        """True when mail can be delivered: neither paused, nor switched off, nor suspended."""
        return self.is_active and self.domain_active and self.account_active


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of a mailbox, perhaps on another domain of the same account."""

    mailbox: Mailbox
    is_active: bool = True
    can_receive: bool = True
    can_send: bool = False
    expires_at: int | None = None  # seconds since 1970 from which on it is off, whatever ends it; None: nothing does
    senders: SenderRules | None = None  # who may write to it; None: everyone

    def is_expired(self, at: float) -> bool:
        """True when it is off at the moment ``at``, in seconds since 1970: reserved, as a disabled one is."""
        return self.expires_at is not None and at >= self.expires_at


Name = Mailbox | Alias


def kept_name(address: Address, *, domain_active: bool = True, account_active: bool = True) -> Alias:
    """Return the record of a deleted name that its account keeps from others for a while.

    It leads to itself, which no name does, and is disabled: mail to it is refused, and no catch-all takes it.
    """
    nowhere = Mailbox(address, is_active=False, domain_active=domain_active, account_active=account_active)
    return Alias(nowhere, is_active=False, can_receive=False)


def is_kept(name: Name | None, address: Address) -> bool:
    """Return whether the record of an address is that of a deleted name."""
    return isinstance(name, Alias) and name.mailbox.address == address


@dataclass(frozen=True, slots=True)
class HostedDomain:
    """A domain whose control was proved once, with those of the asked names that exist in it."""

    name: str  # A-label
    is_active: bool = True  # False: switched off
    account_active: bool = True  # False: the account is suspended
    catch_all: Mailbox | None = None  # of an enabled catch-all, in whatever state
    system_mailbox: Mailbox | None = None
    oldest_mailbox: Mailbox | None = None  # the oldest that is not paused
    names: Mapping[str, Name] = field(default_factory=dict)  # by local part
    account: int = field(default=0, compare=False)  # whose it is, 0: not said. No decision about a name rests on it

    def with_names(self, names: Mapping[str, Name]) -> "HostedDomain":
        """Return this domain with these names instead of its own."""
        steward = (self.catch_all, self.system_mailbox, self.oldest_mailbox)
        return HostedDomain(self.name, self.is_active, self.account_active, *steward, names, self.account)
