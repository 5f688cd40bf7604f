"""What the checks go by: everything that was seen, as values. What could not be seen is Unknown, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from byname.postfix.machine import Postfix
from conf.settings import Settings

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be learned, and why."""

    reason: str


class CannotTell(Exception):
    """A check needs a fact that could not be learned; the message says why not."""


class DoesNotApply(Exception):
    """A check looks at something that this site does not have."""


class SocketState(StrEnum):
    """What was found where a daemon of Byname should listen."""

    LISTENING = "listening"
    SILENT = "silent"  # a socket that nobody listens on, or a closed port
    MISSING = "missing"
    HIDDEN = "hidden"  # we are not allowed to look


@dataclass(frozen=True, slots=True)
class SocketFact:
    """One listener of Byname."""

    setting: str  # milter.inbound
    unit: str  # of systemd
    place: str  # as the settings write it
    state: SocketState
    barred_by: str | None = None  # the folder or socket that keeps Postfix's user out; None: nothing does
    is_behind_chroot: bool = False  # a chrooted service of Postfix that asks it cannot see it


@dataclass(frozen=True, slots=True)
class DatabaseFact:
    """Whether the store answers and is of this version."""

    problem: str | None  # None: it does, and is
    is_behind: bool = False  # of another version, or not there


@dataclass(frozen=True, slots=True)
class DomainFact:
    """A hosted domain, and what the last check of its DNS found."""

    name: str
    proof_lapsed: bool = False
    missing_since: datetime | None = None
    last_checked_at: datetime | None = None
    wrong_records: tuple[str, ...] = ()  # for what they are: mx, spf, ...


@dataclass(frozen=True, slots=True)
class MapFileFact:
    """A file of hosted domains that a Postfix reads itself, here or on another machine."""

    name: str  # host:path
    in_step: bool
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class CacheFact:
    """Redis beside the store."""

    problem: str | None = None  # why it does not answer; then nothing else is known of it
    lease: float | None = None  # seconds that are left; None: nobody vouches for the cache
    is_built: bool = False
    policy: str = ""  # maxmemory-policy
    waiting: int = 0  # changes that are not in the cache
    oldest_waiting: float | None = None  # seconds
    compared: int = 0  # names that were looked up in both
    different: tuple[str, ...] = ()  # those of them about which the cache and the store differ


@dataclass(frozen=True, slots=True)
class ClockFact:
    """The clock of another program beside ours."""

    of: str  # Redis, PostgreSQL
    ahead: float  # seconds that it is ahead of ours


@dataclass(frozen=True, slots=True)
class DiskFact:
    """A file system that must not fill up."""

    what: str
    path: str
    free: int  # bytes
    total: int


@dataclass(frozen=True, slots=True)
class FileFact:
    """A settings file, or one that holds a secret."""

    path: str
    mode: int  # permission bits
    holds_secret: bool


@dataclass(frozen=True, slots=True)
class MailStoreFact:
    """The LMTP server behind us: what it offers, or why it does not answer."""

    place: str
    problem: str | None
    offers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProcessFact:
    """A running daemon of Byname."""

    pid: int
    command: str  # milter --role inbound
    started: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything. A field is None where the site has no such thing."""

    settings: Settings
    now: datetime
    postfix: Postfix | Unknown
    sockets: tuple[SocketFact, ...]
    database: DatabaseFact | Unknown
    domains: tuple[DomainFact, ...] | Unknown
    shadowed: Mapping[str, tuple[str, ...]] | Unknown  # a map of virtual_alias_maps, to names of ours that it has
    cache: CacheFact | Unknown | None
    clocks: tuple[ClockFact, ...]
    disks: tuple[DiskFact, ...]
    files: tuple[FileFact, ...]
    mail_store: MailStoreFact | None
    processes: tuple[ProcessFact, ...]
    installed: float | None  # when this version was installed, seconds since 1970
    api_listens: bool = True
    map_files: tuple[MapFileFact, ...] | Unknown = ()


def known(fact: Value | Unknown | None) -> Value:
    """Return a fact that is there.

    Raises:
        CannotTell: it could not be learned.
        DoesNotApply: there is no such thing here.
    """
    if isinstance(fact, Unknown):
        raise CannotTell(fact.reason)
    if fact is None:
        raise DoesNotApply
    return fact
