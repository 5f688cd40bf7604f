"""``[cache] url``, taken apart. Pure; what is wrong raises a ValueError, whose text never shows a part of the URL."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

Place = tuple[str, int]  # host and port

_TLS_OPTIONS = frozenset(
    {"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"}
)
_OPTIONS = {
    "redis": frozenset({"db"}),
    "rediss": frozenset({"db"}) | _TLS_OPTIONS,
    "unix": frozenset({"db"}),
    "redis+sentinel": frozenset({"db", "ssl", "sentinel_username", "sentinel_password"}) | _TLS_OPTIONS,
    "redis+cluster": frozenset({"ssl"}) | _TLS_OPTIONS,
}
_DATABASE_AT = {"redis": 1, "rediss": 1, "redis+sentinel": 2}  # which part of the path is the number of a database
_SEVERAL = ("redis+sentinel://", "redis+cluster://")  # hosts
_YES, _NO = frozenset({"yes", "true", "1"}), frozenset({"no", "false", "0"})


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A URL of :mod:`store.cache.connection`. Each of its methods raises ValueError for a part that is wrong."""

    _parts: SplitResult  # without the hosts, where there may be several
    options: Mapping[str, str]  # after the ``?``
    _hosts: Sequence[str] = ()

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take a URL apart. Raises ValueError: it begins otherwise, or has an option that is not known there."""
        parts, hosts = _without_hosts(url) if url.startswith(_SEVERAL) else (urlsplit(url), ())
        if parts.scheme not in _OPTIONS:
            raise ValueError("must start with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")
        options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if options.keys() - _OPTIONS[parts.scheme]:
            known = ", ".join(sorted(_OPTIONS[parts.scheme]))
            raise ValueError(f"has an option after the ? that is none of: {known}")
        return cls(parts, options, hosts)

    @property
    def scheme(self) -> str:
        """What stands before ``://``."""
        return self._parts.scheme

    @property
    def login(self) -> dict[str, str | None]:
        """User name and password, as redis-py's connections call them."""
        return {"username": _unquoted(self._parts.username), "password": _unquoted(self._parts.password)}

    @property
    def is_secured(self) -> bool:
        """Whether TLS is wanted."""
        return self.scheme == "rediss" or self._flag("ssl", default=False)

    def tls(self) -> dict[str, Any]:
        """Return the options of a secured connection, as redis-py calls them; none where there is no TLS."""
        if not self.is_secured:
            return {}
        given: dict[str, Any] = {name: value for name, value in self.options.items() if name in _TLS_OPTIONS}
        if given.get("ssl_cert_reqs", "required") not in {"required", "none"}:
            raise ValueError("must have ssl_cert_reqs=required or none")
        return given | {"ssl_check_hostname": self._flag("ssl_check_hostname", default=True)}

    def database(self) -> int:
        """Return the number of the database, 0 without one."""
        if self.scheme == "redis+cluster":
            return self._only_database()
        at, segments = _DATABASE_AT.get(self.scheme), self._parts.path.split("/")
        if at is not None and len(segments) > at + 1:
            raise ValueError("has more in its path than the number of a database")
        in_path = segments[at] if at is not None and len(segments) > at else ""
        text = self.options.get("db", in_path) or "0"
        if not re.fullmatch(r"[0-9]{1,5}", text):
            raise ValueError("must have a number as database")
        return int(text)

    def socket(self) -> str:
        """Return the path of a unix socket."""
        path = self._parts.path
        if not path.startswith("/") or path.endswith("/"):
            raise ValueError("must name a socket with three slashes and its path: unix:///path")
        return unquote(path)

    def service(self) -> str:
        """Return what the sentinels call the Redis."""
        service = self._parts.path.split("/")[1] if "/" in self._parts.path else ""
        if not service:
            raise ValueError("must name the service after the sentinels: redis+sentinel://host:26379/service")
        return unquote(service)

    def place(self, port: int) -> Place:
        """Return the host, with ``port`` where the URL names none."""
        return _place(self._parts, port)

    def places(self, port: int) -> list[Place]:
        """Return the hosts between the commas."""
        return [_place(urlsplit(f"//{host}"), port) for host in self._hosts]

    def _only_database(self) -> int:
        if self._parts.path not in {"", "/", "/0"}:
            raise ValueError("must name no database after the nodes: a Redis Cluster has none but 0")
        return 0

    def _flag(self, name: str, *, default: bool) -> bool:
        text = self.options.get(name, "yes" if default else "no").lower()
        if text not in _YES | _NO:
            raise ValueError(f"must have {name}=yes or no")
        return text in _YES


def _without_hosts(url: str) -> tuple[SplitResult, Sequence[str]]:
    """Return a URL without its hosts, and these: several IPv6 addresses at once are none for :mod:`urllib`."""
    scheme, _, rest = url.partition("://")
    place = re.split("[/?#]", rest, maxsplit=1)[0]
    login, at, hosts = place.rpartition("@")
    return urlsplit(f"{scheme}://{login}{at}{rest[len(place) :]}"), hosts.split(",")


def _place(parts: SplitResult, default: int) -> Place:
    try:
        port = parts.port
    except ValueError:  # its own message shows the text
        raise ValueError("must have a port from 1 to 65535") from None
    if not parts.hostname:
        raise ValueError("must name a host")
    return parts.hostname, port or default


def _unquoted(text: str | None) -> str | None:
    return unquote(text) if text else None
