"""Connection pools for Redis, made from ``[cache] url``.

    redis://[user:password@]host[:port][/db]         rediss:// the same over TLS
    unix://[user:password@]/path/to/socket[?db=0]
    redis+sentinel://[user:password@]host[:port][,host[:port]...]/service[/db][?sentinel_password=...][&ssl=yes]
    redis+cluster://[user:password@]host[:port][,host[:port]...][?ssl=yes]

Options after the ``?``: db, ssl_ca_certs, ssl_ca_path, ssl_certfile, ssl_keyfile, ssl_cert_reqs (required, none),
ssl_check_hostname. TLS checks the server's certificate and name by default.

redis-py's conveniences are off: its retries, which would exceed any deadline; its client-side cache, which refuses
Redis below 7.4 (docs/facts.md, "Redis"); RESP3 and CLIENT SETINFO, round trips that a reader with few rights may not
even make.

Known gap: the name of the host is resolved by the system, which takes as long as it likes; whoever needs a deadline
asks through :mod:`store.cache.deadline`.
"""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from store.cache.cluster import Asked, ClusterConnection, ClusterMode, Nodes, SecureClusterConnection, asked_over
from store.cache.redis_url import Place, RedisUrl
from store.dead_peers import SOCKET_OPTIONS
from store.errors import StoreNotReady
from store.wire_format.lease import run_id_of

_PORT, _SENTINEL_PORT = 6379, 26379
_OVER_TCP: dict[str, Any] = {"socket_keepalive": True, "socket_keepalive_options": SOCKET_OPTIONS}


def open_pool(url: str, *, timeout: float, connections: int, is_replica: bool = False) -> redis.ConnectionPool:
    """Return a pool for the Redis at ``url``, of raw connections that know their server's run id. Connects to nothing.

    Args:
        url: as above.
        timeout: seconds that any one step, connecting or a reply, may take.
        connections: the most that may be open; one more than that is an error of the pool, not a wait.
        is_replica: who asks there only reads, so it may be a replica in a Redis Cluster.

    Raises:
        StoreNotReady: the URL is none. The message does not show it, for it may hold a password.
    """
    try:
        return _pool(RedisUrl.parse(url), timeout, connections, is_replica=is_replica)
    except (ValueError, redis.RedisError) as error:
        raise StoreNotReady(f"cache.url {error}") from None


def _pool(url: RedisUrl, timeout: float, connections: int, *, is_replica: bool) -> redis.ConnectionPool:
    common = url.login | {"db": url.database(), "max_connections": connections} | _socket_options(timeout)
    if url.scheme == "redis+cluster":
        return _through_nodes(url, common | {"redis_connect_func": _note_run})
    common["redis_connect_func"] = _log_in_to_replica if is_replica else _log_in
    if url.scheme == "redis+sentinel":
        return _through_sentinels(url, common)
    return redis.ConnectionPool(**common, **_address(url), **url.tls())


def _socket_options(timeout: float) -> dict[str, Any]:
    """Return the options of every connection, also of those that only ask for the way."""
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
    }


def _note_run(connection: Any) -> bool:
    """Log in, and note for this very socket which run of which server is at its other end, as ``connection.run_id``.

    What is read there counts only with a lease for that run (:mod:`store.wire_format.lease`). Return whether it is a
    node of a Redis Cluster.
    """
    connection.on_connect()
    connection.send_command("INFO", "server", check_health=False)
    info = connection.read_response()
    connection.run_id = run_id_of(info)
    return isinstance(info, bytes) and b"_mode:cluster" in info  # redis_mode, or Valkey's server_mode


def _log_in(connection: Any) -> None:
    """Log in to a single Redis.

    Raises:
        ClusterMode: this node may lose our slot to another one any time, which nobody who holds on to it would find.
    """
    if _note_run(connection):
        raise ClusterMode("a node of a Redis Cluster")


def _log_in_to_replica(connection: Any) -> None:
    """Log in to a replica; in a cluster it sends readers to its primary unless they say that they only read."""
    if _note_run(connection):
        connection.send_command("READONLY", check_health=False)
        connection.read_response()


def _address(url: RedisUrl) -> dict[str, Any]:
    if url.scheme == "unix":
        return {"connection_class": redis.UnixDomainSocketConnection, "path": url.socket()}
    host, port = url.place(_PORT)
    kind = redis.SSLConnection if url.is_secured else redis.Connection
    return {"connection_class": kind, "host": host, "port": port} | _OVER_TCP


def _through_sentinels(url: RedisUrl, common: dict[str, Any]) -> redis.ConnectionPool:
    service, places = url.service(), url.places(_SENTINEL_PORT)
    asking = _socket_options(
        common["socket_timeout"] / (len(places) + 1)
    )  # a dead sentinel must leave time for the next
    asking |= {"username": url.options.get("sentinel_username"), "password": url.options.get("sentinel_password")}
    secured = {"ssl": True, **url.tls()} if url.is_secured else {}
    sentinels: Any = Sentinel(places, sentinel_kwargs=asking | secured)  # type: ignore[no-untyped-call]
    pool: redis.ConnectionPool = sentinels.master_for(service, **_OVER_TCP, **common, **secured).connection_pool
    return pool


def _through_nodes(url: RedisUrl, common: dict[str, Any]) -> redis.ConnectionPool:
    secured = url.tls()
    # A dead node leaves half of the time to the next, and who answers is asked first from then on.
    asking = _socket_options(common["socket_timeout"] / 2) | url.login | secured
    plain, ours = (
        (redis.SSLConnection, SecureClusterConnection) if url.is_secured else (redis.Connection, ClusterConnection)
    )

    def ask(place: Place) -> Asked:
        return asked_over(plain(host=place[0], port=place[1], **asking))

    nodes = Nodes(url.places(_PORT), ask)
    return redis.ConnectionPool(connection_class=ours, nodes=nodes, **_OVER_TCP, **common, **secured)
