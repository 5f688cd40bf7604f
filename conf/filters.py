"""The section of the settings for filters: the ManageSieve server that has the scripts, and what rules may do."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from conf.listen import Socket, UnixSocket, parse_host_port, parse_socket
from conf.sections import AbsolutePath, Count, Secret, Section

_TARGET = re.compile(r"[^\s@<>\"\\\x00-\x20\x7f]*@?[^\s@.,:;/\\\"'()<>\[\]]+(?:\.[^\s@.,:;/\\\"'()<>\[\]]+)+")
_LONGEST_NAME = 100  # characters; a server may refuse a name longer than 128 (RFC 5804 section 1.6)


def managesieve_place(text: str) -> Socket:
    """Read ``host:port`` or ``unix:/path``.

    Raises:
        ValueError: it is neither; the message is the rule.
    """
    try:
        return parse_socket(text) if text.startswith("unix:") else parse_host_port(text)
    except ValueError:
        raise ValueError("must be host:port or unix:/path") from None


def _checked_place(text: str) -> str:
    managesieve_place(text)
    return text


def _checked_name(text: str) -> str:
    if not (0 < len(text) <= _LONGEST_NAME and text.isprintable() and "/" not in text and text == text.strip()):
        raise ValueError(f"must be 1 to {_LONGEST_NAME} printable characters without a slash")
    return text


def _target(text: str) -> str:
    if text != "*" and not _TARGET.fullmatch(text):
        raise ValueError("must be an address, a domain, or * for every address")
    return text


ForwardTarget = Annotated[str, AfterValidator(_target)]
ManageSievePlace = Annotated[str, AfterValidator(_checked_place)]
ScriptName = Annotated[str, AfterValidator(_checked_name)]


class FiltersSettings(Section):
    """Where the scripts written from rules are installed, as whom, how long that may take, and what rules may do."""

    managesieve: ManageSievePlace | None = None
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    ca: AbsolutePath | None = None  # None: the system's authorities
    master_user: str | None = None
    master_password: Annotated[str | None, Secret(), Field(repr=False)] = None
    script: ScriptName = "byname"
    connect_timeout: Count = 5  # seconds
    answer_timeout: Count = 20  # seconds for one answer, and three times as long for one mailbox
    recheck_minutes: Count = 60
    separator: Literal[".", "/"] = "."
    forward: Annotated[tuple[ForwardTarget, ...], Strict(False)] = ()
    max_rules: Count = 200
    max_script_bytes: Count = 262_144

    @property
    def place(self) -> Socket | None:
        """Where the ManageSieve server listens."""
        return None if self.managesieve is None else managesieve_place(self.managesieve)

    @model_validator(mode="after")
    def _in_plain_text_only_on_this_machine(self) -> Self:
        place = self.place
        if self.tls == "none" and place is not None and not _is_local(place):
            raise ValueError("filters.tls must be starttls or implicit: filters.managesieve is not on this machine")
        if self.tls != "none" and isinstance(place, UnixSocket):
            raise ValueError("filters.tls must be none: filters.managesieve is a unix socket")
        return self

    @model_validator(mode="after")
    def _a_server_has_a_login(self) -> Self:
        if self.managesieve is not None and not (self.master_user and self.master_password):
            raise ValueError("filters.master_user and filters.master_password must be set with filters.managesieve")
        return self


def _is_local(place: Socket) -> bool:
    if isinstance(place, UnixSocket) or place.host == "localhost":
        return True
    try:
        return ip_address(place.host).is_loopback
    except ValueError:
        return False
