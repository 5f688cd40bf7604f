"""The section of the settings for mail programs: the servers that people are told to type into them."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from conf.listen import InetSocket, parse_host_port
from conf.sections import AbsolutePath, HostPort, HttpUrl, Section

Encryption = Literal["SSL/TLS", "STARTTLS"]
IMAP_PORT = 143  # begins in plain text and goes on with STARTTLS; any other speaks TLS from the start (RFC 8314)

_PORT_ALONE = re.compile(r":[0-9]{1,5}")


def _host_or_port(text: str) -> str:
    parse_host_port(f"host{text}" if _PORT_ALONE.fullmatch(text) else text)
    return text


PortOrHostPort = Annotated[str, AfterValidator(_host_or_port)]


@dataclass(frozen=True, slots=True)
class Server:
    """A server as a mail program asks for it."""

    host: str
    port: int
    encryption: Encryption


def imap_server(text: str) -> Server:
    """Return the IMAP server of a ``host:port``."""
    at = parse_host_port(text)
    return Server(at.host, at.port, "STARTTLS" if at.port == IMAP_PORT else "SSL/TLS")


class ClientsSettings(Section):
    """Where mail programs read and send mail. ``:587`` is that port of the host of ``imap``."""

    imap: HostPort | None = None
    submission: PortOrHostPort | None = None
    submissions: PortOrHostPort | None = None
    webmail: HttpUrl | None = None
    profile_certificate: AbsolutePath | None = None
    profile_key: AbsolutePath | None = None

    @property
    def imap_server(self) -> Server | None:
        """Where mail is read."""
        return None if self.imap is None else imap_server(self.imap)

    @property
    def submission_server(self) -> Server | None:
        """Where mail is sent, in plain text until STARTTLS (RFC 6409)."""
        return self._sending(self.submission, "STARTTLS")

    @property
    def submissions_server(self) -> Server | None:
        """Where mail is sent, in TLS from the start (RFC 8314)."""
        return self._sending(self.submissions, "SSL/TLS")

    def _sending(self, text: str | None, encryption: Encryption) -> Server | None:
        if text is None:
            return None
        at = self._completed(text)
        return Server(at.host, at.port, encryption)

    def _completed(self, text: str) -> InetSocket:
        host = parse_host_port(self.imap).host if self.imap else ""
        return parse_host_port(f"{host}{text}" if text.startswith(":") else text)

    @model_validator(mode="after")
    def _certificate_has_a_key(self) -> Self:
        if (self.profile_certificate is None) != (self.profile_key is None):
            raise ValueError("clients.profile_certificate and clients.profile_key must be set together")
        return self

    @model_validator(mode="after")
    def _ports_have_a_host(self) -> Self:
        for key in ("submission", "submissions"):
            text = getattr(self, key)
            if text is not None and text.startswith(":") and self.imap is None:
                raise ValueError(f"clients.{key} must have a host: clients.imap, whose host {text} takes, is not set")
        return self
