"""Addresses as settings write them: ``unix:/path``, ``inet:port@host``, ``host:port`` for HTTP, ``ip`` or ``ip:port``.

The first two are libmilter's own forms (smfi_setconn), so what is configured here can be handed to it as it is.
"""

import ipaddress
import re
from dataclasses import dataclass

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_INET = re.compile(rf"inet:(?P<port>[0-9]{{1,5}})@(?P<host>{_HOST})")
_HOST_PORT = re.compile(rf"(?P<host>{_HOST}|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{{1,5}})")
_SWAPPED = re.compile(rf"inet:(?P<host>{_HOST}):(?P<port>[0-9]{{1,5}})")
DNS_PORT = 53
_LONGEST_PATH = 107  # bytes, unix(7): sun_path holds 108 with its closing NUL


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A socket in the file system."""

    path: str  # absolute


@dataclass(frozen=True, slots=True)
class InetSocket:
    """A TCP port on one address."""

    host: str  # a name or an address, IPv6 without brackets
    port: int


Socket = UnixSocket | InetSocket


def parse_socket(text: str) -> Socket:
    """Read ``unix:/path`` or ``inet:port@host``.

    Raises:
        ValueError: it is neither; the message is a rule for the person who wrote it, without the text itself.
    """
    if text.startswith("unix:"):
        return UnixSocket(_socket_path(text.removeprefix("unix:")))
    if match := _INET.fullmatch(text):
        return InetSocket(match["host"], _port(match["port"]))
    if match := _SWAPPED.fullmatch(text):
        raise ValueError(f"must have the port first, inet:{match['port']}@{match['host']}")
    if text.startswith("/"):
        raise ValueError("must start with unix: when it is a path")
    raise ValueError("must be unix:/path or inet:port@host")


def parse_host_port(text: str) -> InetSocket:
    """Read ``host:port``; an IPv6 address stands in square brackets.

    Raises:
        ValueError: as for :func:`parse_socket`.
    """
    match = _HOST_PORT.fullmatch(text)
    if not match:
        raise ValueError("must be host:port")
    return InetSocket(match["host"].strip("[]"), _port(match["port"]))


def is_loopback(host: str) -> bool:
    """Return whether what is said to ``host``, a name or an address, never leaves this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def parse_nameserver(text: str) -> InetSocket:
    """Read the address of a DNS server: ``ip``, ``ip:port`` or ``[ipv6]:port``; port 53 by default.

    Raises:
        ValueError: as for :func:`parse_socket`.
    """
    match = _HOST_PORT.fullmatch(text)
    host, port = (match["host"], _port(match["port"])) if match else (text, DNS_PORT)
    try:
        return InetSocket(str(ipaddress.ip_address(host.strip("[]") if match else host)), port)
    except ValueError:
        raise ValueError("must be an IP address") from None


def _socket_path(path: str) -> str:
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise ValueError("must be unix: and the absolute path of a socket")
    if len(path.encode("utf-8", "surrogateescape")) > _LONGEST_PATH:
        raise ValueError(f"must be a path of at most {_LONGEST_PATH} bytes")
    return path


def _port(digits: str) -> int:
    if not 1 <= int(digits) <= 65535:
        raise ValueError("must have a port from 1 to 65535")
    return int(digits)
