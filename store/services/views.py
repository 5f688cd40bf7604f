"""What the services return: frozen values with the fields of docs/api.md, "Objects"."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

NOT_AUDITED: Mapping[str, bool] = MappingProxyType({"audited": False})  # of a field that the audit log leaves out


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account's plan allows now."""

    aliases_per_mailbox: int


@dataclass(frozen=True, slots=True)
class AccountUsage:
    """What an account has."""

    domains: int
    mailboxes: int
    aliases: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account."""

    id: int
    name: str
    plan: str
    is_trial: bool
    is_active: bool  # False: suspended
    first_payment_at: datetime | None
    limits: Limits
    usage: AccountUsage
    random_alias_domain_id: int | None = None  # where aliases with names of chance are made; None: the mailbox's domain
    remember_senders_days: int = 0  # for how long it is remembered who wrote to its aliases; 0: not at all
    keep_deleted_days: int = 0  # for how long deleted names are kept from other mailboxes; 0: they are free at once


@dataclass(frozen=True, slots=True)
class AccountHead:
    """What an account is called, on which plan it is, and whether it is suspended."""

    id: int
    name: str
    plan: str
    is_active: bool  # False: suspended


@dataclass(frozen=True, slots=True)
class CatchAll:
    """A domain's catch-all; the destination stays known while it is off."""

    enabled: bool
    destination: str | None


@dataclass(frozen=True, slots=True)
class DomainProof:
    """What became of a domain's proof by DNS."""

    seen_at: datetime | None  # None: the token was never seen; an operator's word may stand in its place
    missing_since: datetime | None
    warned_at: datetime | None
    lapses_at: datetime | None  # while it is missing: not before then
    parked_at: datetime | None  # proved, while another account has the name
    last_checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain. ``account``, ``system_mailbox`` and ``proof`` are for people, beside docs/api.md, "Objects"."""

    id: int
    name: str  # A-labels
    unicode_name: str
    status: str  # pending_dns, active or suspended (switched off)
    is_active: bool
    verified_at: datetime | None
    proof_lapsed: bool
    catch_all: CatchAll
    system_mailbox_id: int | None
    created_at: datetime
    account: str
    system_mailbox: str | None
    proof: DomainProof


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox."""

    id: int
    address: str
    local_part: str
    domain_id: int
    display_name: str
    is_active: bool  # False: paused
    alias_count: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RemovedMailbox:
    """A mailbox that is gone, and the aliases that went with it."""

    mailbox: Mailbox
    aliases: list[str]


@dataclass(frozen=True, slots=True)
class Senders:
    """From whom an alias takes mail (store.services.sender_lists)."""

    mode: str  # everyone, listed (only these) or except (everyone but these)
    entries: tuple[str, ...] = ()  # addresses, domains, and .domain for all names below one
    require_authenticated: bool = False


EVERYONE = Senders("everyone")


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias. ``mailbox`` is the mailbox's address, for people, beside the id of docs/api.md, "Objects"."""

    id: int
    address: str
    local_part: str
    domain_id: int
    domain: str
    mailbox_id: int
    can_receive: bool
    can_send: bool
    is_active: bool
    note: str | None
    created_at: datetime
    updated_at: datetime
    mailbox: str
    senders: Senders = EVERYONE
    expires_at: datetime | None = None
    expires_after: int | None = None  # mails
    expires_when_idle: int | None = None  # days
    # From when on it is off, by what comes first (store.services.expiry), and whether it is.
    ends_at: datetime | None = field(default=None, metadata=NOT_AUDITED)
    expired: bool = field(default=False, metadata=NOT_AUDITED)
    # What came through it (store.services.statistics): no part of what a change leaves behind.
    last_mail_at: datetime | None = field(default=None, metadata=NOT_AUDITED)
    mails_30d: int = field(default=0, metadata=NOT_AUDITED)
    refused_30d: int = field(default=0, metadata=NOT_AUDITED)


@dataclass(frozen=True, slots=True)
class FreeName:
    """A name that a mailbox may have."""

    address: str
    was_its_own: bool  # deleted, and kept for it since


@dataclass(frozen=True, slots=True)
class KeptName:
    """A deleted name that its account keeps from other mailboxes."""

    id: int
    address: str
    local_part: str
    domain_id: int
    domain: str
    mailbox_id: int | None  # may have it again; None: nobody may before it is free
    mailbox: str | None  # its address
    deleted_at: datetime
    kept_until: datetime


@dataclass(frozen=True, slots=True)
class Admin:
    """A person who looks after one account, or as an operator after all."""

    id: int
    address: str
    account_id: int | None  # None: an operator
    account: str | None
    role: str  # admin or viewer
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """How many aliases a mailbox has, and how many it may have."""

    used: int
    limit: int
