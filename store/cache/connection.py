"""Connection pools for Redis, made from ``[cache] url``.

    redis://[user:password@]host[:port][/db]         rediss:// the same over TLS
    unix://[user:password@]/path/to/socket[?db=0]
    redis+sentinel://[user:password@]host[:port][,host[:port]...]/service[/db][?sentinel_password=...][&ssl=yes]

Options after the ``?``: db, ssl_ca_certs, ssl_ca_path, ssl_certfile, ssl_keyfile, ssl_cert_reqs (required, none),
ssl_check_hostname. TLS checks the server's certificate and name by default.

redis-py's conveniences are off: its retries, which would exceed any deadline; its client-side cache, which refuses
Redis below 7.4 (docs/facts.md, "Redis"); RESP3 and CLIENT SETINFO, round trips that a reader with few rights may not
even make.

Known gap: the name of the host is resolved by the system, which takes as long as it likes; whoever needs a deadline
asks through :mod:`store.cache.deadline`.
"""

import re
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from store.errors import StoreNotReady
from store.wire_format.lease import run_id_of

_TLS_OPTIONS = frozenset(
    {"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"}
)
_OPTIONS = {
    "redis": frozenset({"db"}),
    "rediss": frozenset({"db"}) | _TLS_OPTIONS,
    "unix": frozenset({"db"}),
    "redis+sentinel": frozenset({"db", "ssl", "sentinel_username", "sentinel_password"}) | _TLS_OPTIONS,
}
_SENTINEL_PORT = 26379
_YES, _NO = frozenset({"yes", "true", "1"}), frozenset({"no", "false", "0"})


class ClusterMode(redis.ConnectionError):
    """The server is a node of a Redis Cluster, which spreads keys that Byname must read and write in one step."""


def open_pool(url: str, *, timeout: float, connections: int) -> redis.ConnectionPool:
    """Return a pool for the Redis at ``url``, of raw connections that know their server's run id. Connects to nothing.

    Args:
        url: as above.
        patience: seconds that any one step, connecting or a reply, may take.
        connections: the most that may be open; one more than that is an error of the pool, not a wait.

    Raises:
        StoreNotReady: the URL is none. The message does not show it, for it may hold a password.
    """
    try:
        parts = urlsplit(url)
        options = _options(parts)
        common = _common(parts, options, timeout) | {"max_connections": connections}
        if parts.scheme == "redis+sentinel":
            return _through_sentinels(parts, options, common)
        return redis.ConnectionPool(**common, **_address(parts), **_tls(parts.scheme == "rediss", options))
    except (ValueError, redis.RedisError) as error:
        raise StoreNotReady(f"cache.url {error}") from None


def _common(parts: SplitResult, options: dict[str, str], timeout: float) -> dict[str, Any]:
    return {
        "username": _unquoted(parts.username),
        "password": _unquoted(parts.password),
        "db": _database(parts, options),
        "redis_connect_func": _log_in,
        **_socket_options(timeout),
    }


def _socket_options(timeout: float) -> dict[str, Any]:
    """Return the options of every connection, also of those to the sentinels."""
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
    }


def _log_in(connection: Any) -> None:
    """Log in, and note for this very socket which run of which server is at its other end, as ``connection.run_id``.

    What is read there counts only with a lease for that run (:mod:`store.wire_format.lease`).

    Raises:
        ClusterMode: said once, here, instead of a CROSSSLOT to every look-up.
    """
    connection.on_connect()
    connection.send_command("INFO", "server", check_health=False)
    info = connection.read_response()
    connection.run_id = run_id_of(info)
    if isinstance(info, bytes) and b"_mode:cluster" in info:
        raise ClusterMode("a Redis Cluster")  # redis_mode, or Valkey's server_mode


def _options(parts: SplitResult) -> dict[str, str]:
    if parts.scheme not in _OPTIONS:
        raise ValueError("must start with redis://, rediss://, unix:// or redis+sentinel://")
    options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    unknown = options.keys() - _OPTIONS[parts.scheme]
    if unknown:
        known = ", ".join(sorted(_OPTIONS[parts.scheme]))
        raise ValueError(f"has an option after the ? that is none of: {known}")
    return options


def _address(parts: SplitResult) -> dict[str, Any]:
    if parts.scheme == "unix":
        if not parts.path.startswith("/") or parts.path.endswith("/"):
            raise ValueError("must name a socket with three slashes and its path: unix:///path")
        return {"connection_class": redis.UnixDomainSocketConnection, "path": unquote(parts.path)}
    host, port = _host_and_port(parts, 6379)
    kind = redis.SSLConnection if parts.scheme == "rediss" else redis.Connection
    return {"connection_class": kind, "host": host, "port": port, "socket_keepalive": True}


def _through_sentinels(parts: SplitResult, options: dict[str, str], common: dict[str, Any]) -> redis.ConnectionPool:
    service = parts.path.split("/")[1] if parts.path.count("/") else ""
    if not service:
        raise ValueError("must name the service after the sentinels: redis+sentinel://host:26379/service")
    hosts = [urlsplit(f"//{host}") for host in parts.netloc.rpartition("@")[2].split(",")]
    sentinel_options = _socket_options(
        common["socket_timeout"] / (len(hosts) + 1)
    )  # a dead sentinel must leave time for the next
    sentinel_options |= {"username": options.get("sentinel_username"), "password": options.get("sentinel_password")}
    tls = _flag(options, "ssl", default=False)
    secured = {"ssl": True, **_tls(tls, options)} if tls else {}
    places = [_host_and_port(host, _SENTINEL_PORT) for host in hosts]
    sentinels: Any = Sentinel(places, sentinel_kwargs=sentinel_options | secured)  # type: ignore[no-untyped-call]
    pool: redis.ConnectionPool = sentinels.master_for(
        unquote(service), socket_keepalive=True, **common, **secured
    ).connection_pool
    return pool


def _tls(wanted: bool, options: dict[str, str]) -> dict[str, Any]:
    if not wanted:
        return {}
    given: dict[str, Any] = {name: value for name, value in options.items() if name in _TLS_OPTIONS}
    if given.get("ssl_cert_reqs", "required") not in {"required", "none"}:
        raise ValueError("must have ssl_cert_reqs=required or none")
    return given | {"ssl_check_hostname": _flag(options, "ssl_check_hostname", default=True)}


def _flag(options: dict[str, str], name: str, *, default: bool) -> bool:
    text = options.get(name, "yes" if default else "no").lower()
    if text not in _YES | _NO:
        raise ValueError(f"must have {name}=yes or no")
    return text in _YES


def _database(parts: SplitResult, options: dict[str, str]) -> int:
    at = {"redis": 1, "rediss": 1, "redis+sentinel": 2}.get(parts.scheme)
    segments = parts.path.split("/")
    if at is not None and len(segments) > at + 1:
        raise ValueError("has more in its path than the number of a database")
    in_path = segments[at] if at is not None and len(segments) > at else ""
    text = options.get("db", in_path) or "0"
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise ValueError("must have a number as database")
    return int(text)


def _host_and_port(parts: SplitResult, default: int) -> tuple[str, int]:
    try:
        port = parts.port
    except ValueError:  # its own message shows the text
        raise ValueError("must have a port from 1 to 65535") from None
    if not parts.hostname:
        raise ValueError("must name a host")
    return parts.hostname, port or default


def _unquoted(text: str | None) -> str | None:
    return unquote(text) if text else None
