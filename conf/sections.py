"""The sections of the settings: each key with its type, its default and its rule (docs/settings.md)."""

import re
from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, model_validator

from conf.listen import parse_host_port, parse_nameserver, parse_socket
from conf.map_file import parse_map_file

_LOCAL_PART = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_HOST_NAME = re.compile(r"[^\s@.,:;/\\\"'()<>\[\]\x00-\x20\x7f]+(?:\.[^\s@.,:;/\\\"'()<>\[\]\x00-\x20\x7f]+)+")


class Secret:
    """Marks a key whose value is never shown, and which may be given as the path of a file, ``<key>_file``."""


def _checked(accepts: Callable[[str], object], rule: str) -> AfterValidator:
    """Return a validator that keeps the text if ``accepts`` says so, and else states the rule."""

    def check(text: str) -> str:
        if not accepts(text):
            raise ValueError(rule)
        return text

    return AfterValidator(check)


def _parsed(parse: Callable[[str], object]) -> AfterValidator:
    """Return a validator that keeps the text if ``parse`` raises no ValueError, whose message is the rule."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


def _starts(*schemes: str) -> Callable[[str], bool]:
    return lambda text: text.startswith(schemes) and not re.search(r"[\x00-\x20\x7f]", text)


def _starts_with_slash(text: str) -> bool:
    return text.startswith("/")


def _is_address(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(at and local and not re.search(r"[\x00-\x20\x7f<>]", local) and _HOST_NAME.fullmatch(domain))


def _unique_local_parts(names: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(_LOCAL_PART.fullmatch, names)):
        raise ValueError("must be local parts in lower case, without an @")
    if "postmaster" not in names:
        raise ValueError("must name postmaster among them (RFC 5321 section 4.5.1)")
    return tuple(dict.fromkeys(names))


def _three_different(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    if len(prefixes) != 3 or len(set(prefixes)) != 3:
        raise ValueError("must have three different prefixes: account, message, operator")
    return prefixes


StoreUrl = Annotated[
    str,
    _checked(
        _starts("sqlite:////", "postgresql://", "postgresql+psycopg://"),
        "must be sqlite:// and an absolute path (sqlite:////var/lib/byname/byname.db), or postgresql://...",
    ),
]
CacheUrl = Annotated[
    str,
    _checked(
        _starts("redis://", "rediss://", "unix://", "redis+sentinel://", "redis+cluster://"),
        "must start with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://",
    ),
]
ReplicaUrl = Annotated[
    str, _checked(_starts("redis://", "rediss://", "unix://"), "must start with redis://, rediss:// or unix://")
]
AbsolutePath = Annotated[str, _checked(_starts_with_slash, "must be the absolute path of a file")]
HttpUrl = Annotated[str, _checked(_starts("https://", "http://"), "must start with https:// or http://")]
_HTTP_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?:[0-9]{1,5}|\*))?"
HttpHost = Annotated[str, _checked(re.compile(_HTTP_HOST).fullmatch, "must be host, host:port or host:*")]
Origin = Annotated[
    str, _checked(re.compile(rf"https?://{_HTTP_HOST}").fullmatch, "must be http:// or https:// and a host, no path")
]
ListenSocket = Annotated[str, _parsed(parse_socket)]
MapFileName = Annotated[str, _parsed(parse_map_file)]
HostPort = Annotated[str, _parsed(parse_host_port)]
DomainName = Annotated[str, _checked(_HOST_NAME.fullmatch, "must be a domain name")]
MailAddress = Annotated[str, _checked(_is_address, "must be an address, local@domain")]
DnsServer = Annotated[str, _parsed(parse_nameserver)]
DnsLabels = Annotated[
    str, _checked(re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,3}").fullmatch, "must be a DNS label")
]
Delimiter = Annotated[str, _checked(re.compile(r"[+\-_=#]?").fullmatch, "must be one of + - _ = # or empty")]
TokenPrefix = Annotated[
    str, _checked(re.compile(r"[A-Za-z0-9_-]{1,20}").fullmatch, "must be 1 to 20 of A-Z a-z 0-9 _ -")
]
HmacKey = Annotated[str, _checked(lambda text: len(text) >= 32, "must have at least 32 characters")]
TokenPrefixes = Annotated[tuple[TokenPrefix, ...], Strict(False), AfterValidator(_three_different)]
LocalParts = Annotated[tuple[str, ...], Strict(False), AfterValidator(_unique_local_parts)]
Seconds = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """What all sections share: frozen, no unknown keys, no silent change of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class StoreSettings(Section):
    """Where accounts, domains, mailboxes and aliases are kept."""

    url: Annotated[StoreUrl, Secret(), Field(repr=False)] = "sqlite:////var/lib/byname/byname.db"


class CacheSettings(Section):
    """The Redis in front of the store, and for how many seconds its word holds when the store is silent."""

    url: Annotated[CacheUrl | None, Secret(), Field(repr=False)] = None
    replica: Annotated[ReplicaUrl | None, Secret(), Field(repr=False)] = None
    grace: Seconds = 900
    sender_grace: Seconds = 300

    @model_validator(mode="after")
    def _has_a_primary(self) -> Self:
        if self.replica is not None and self.url is None:
            raise ValueError("cache.replica must have its primary beside it: cache.url")
        return self


class MilterSettings(Section):
    """Where the milters of each role listen, and whether they act or only log."""

    inbound: ListenSocket = "unix:/run/byname/inbound.sock"
    submission: ListenSocket = "unix:/run/byname/submission.sock"
    local: ListenSocket | None = None
    internal: ListenSocket | None = None
    mode: Literal["enforce", "monitor"] = "enforce"


class MapsSettings(Section):
    """Where the Postfix socketmap server listens, and the file of hosted domains that Postfix may read instead."""

    listen: ListenSocket = "unix:/run/byname/maps.sock"
    export: MapFileName | None = None


class LmtpSettings(Section):
    """Where the LMTP edge listens, and the store's LMTP behind it."""

    listen: ListenSocket | None = None
    backend: ListenSocket | None = None


class ApiSettings(Section):
    """The REST API: its address, its limits, and the prefixes of account, message and operator tokens."""

    listen: HostPort = "127.0.0.1:8080"
    base_url: HttpUrl | None = None
    rate: Count = 50  # requests a second
    burst: Count = 200
    stall_timeout: Count = 30  # seconds
    max_connections: Count = 500
    token_prefixes: TokenPrefixes = ("bn_ops_", "bn_msg_", "bn_opr_")


class McpSettings(Section):
    """Tools for agents at /mcp of the API, and which hosts and origins a request may name beside the API's own."""

    enabled: bool = False
    allowed_hosts: Annotated[tuple[HttpHost, ...], Strict(False)] = ()
    allowed_origins: Annotated[tuple[Origin, ...], Strict(False)] = ()


class RoutingSettings(Section):
    """How recipients are decided where the rules leave a choice."""

    delivery: Literal["milter", "agent"] | None = None  # None: by rule, see Settings.delivery
    recipient_delimiter: Delimiter = "+"
    max_stripped_fields: Count = 50
    suspended: Literal["defer", "reject"] = "defer"
    system_addresses: LocalParts = ("postmaster", "abuse", "hostmaster", "mailer-daemon")
    postmaster: MailAddress | None = None


class SendersSettings(Section):
    """How senders are decided where the rules leave a choice."""

    display_name_addresses: Literal["own", "hosted", "any"] = "own"
    default_domain: DomainName | None = None
    inbound_spoof: Literal["off", "envelope", "header", "lookalike"] = "off"
    colleague_names: Literal["off", "mark"] = "off"
    forged_trust: Literal["off", "log", "refuse"] = "off"
    authserv_ids: Annotated[tuple[DomainName, ...], Strict(False)] = ()
    foreign_organizer: Literal["off", "log", "refuse"] = "off"


class SendingSettings(Section):
    """The Message API: the mail server's internal listener, the key that its milter knows, and the limits."""

    listener: HostPort | None = None
    key: Annotated[HmacKey | None, Secret(), Field(repr=False)] = None
    per_day: Count = 500  # messages of a mailbox
    max_bytes: Count = 36_000_000  # of a request


class SentCopySettings(Section):
    """Copies of programs' mail in the mailboxes' own folders: the IMAP server, and who logs in for everybody."""

    imap: HostPort | None = None
    authority: AbsolutePath | None = None
    master: Annotated[str, Field(min_length=1)] | None = None
    password: Annotated[str | None, Secret(), Field(repr=False)] = None
    folder: Annotated[str, Field(min_length=1)] = "Sent"

    @model_validator(mode="after")
    def _somebody_logs_in(self) -> Self:
        if self.imap is not None and (self.master is None or self.password is None):
            raise ValueError("sent_copy.imap must have somebody who logs in: sent_copy.master and sent_copy.password")
        return self


class TraceSettings(Section):
    """The key that vouches for our own Delivered-To fields."""

    key: Annotated[HmacKey | None, Secret(), Field(repr=False)] = None


class DnsSettings(Section):
    """How domains are checked, and what their owners are told to publish."""

    nameservers: Annotated[tuple[DnsServer, ...], Strict(False)] = ()
    mx_hosts: Annotated[tuple[DomainName, ...], Strict(False)] = ()
    spf_include: DomainName | None = None
    dkim_selector: DnsLabels = "byname"
    recheck_hours: Count = 24


class StatisticsSettings(Section):
    """Counting mails to aliases in the milters and the LMTP edge."""

    enabled: bool = True


class MetricsSettings(Section):
    """Where Prometheus may read."""

    listen: HostPort | None = None


class AuditSettings(Section):
    """For how long it is kept who changed what."""

    keep_days: Annotated[int, Field(ge=0, le=36_500)] = 0  # 0: for ever


class LogSettings(Section):
    """The form of log lines."""

    format: Literal["text", "json"] = "text"
