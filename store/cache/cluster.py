"""The way to a Redis Cluster: which node serves the slot of our keys is asked anew for each connection.

All of Byname's keys have one hash tag (:mod:`store.wire_format.layout`), so one node has them all, and the rest of the
cluster is there to take its place. A node that does not serve the slot, or not any more, says so: MOVED; while it gives
the slot away, key by key, ASK or TRYAGAIN; when it has lost touch with most of the others for ``cluster-node-timeout``,
CLUSTERDOWN (redis.io, "Redis cluster specification"). That is no evidence and the end of the connection; the next one
asks anew. No redirection is followed: where ASK leads are only some of the keys.

redis-py's own client for clusters retries by itself and keeps no deadline, so only its connections are used.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import redis
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError

from store.cache.redis_url import Place
from store.wire_format import layout

SLOT: int = key_slot(layout.LEASE_KEY.encode())  # of all our keys

Asked = tuple[bytes, Any]  # the replies to CLUSTER INFO and CLUSTER SLOTS


class ClusterMode(redis.ConnectionError):
    """The server is a node of a Redis Cluster, and the URL is that of a single Redis."""


class NoCluster(redis.ConnectionError):
    """The server is a single Redis, and the URL is that of a Redis Cluster."""


class SlotMoved(redis.ConnectionError):
    """Another node serves the slot of our keys, or is about to."""


class ClusterDown(redis.ConnectionError):
    """The cluster serves nobody, or not our slot, or the node that was asked has lost touch with most of it."""


_MEANINGS: dict[type[Exception], type[redis.ConnectionError]] = {
    MovedError: SlotMoved,
    AskError: SlotMoved,
    TryAgainError: SlotMoved,
    ClusterDownError: ClusterDown,
}


def meaning(error: Exception) -> Exception:
    """Return what an error reply means, if it is one that a cluster's node answers in place of what was asked."""
    found = _MEANINGS.get(type(error))
    return error if found is None else found(str(error))


class Nodes:
    """The nodes that ``[cache] url`` names, asked one after the other; safe to share between threads."""

    def __init__(self, places: Sequence[Place], ask: Callable[[Place], Asked]) -> None:
        self._places = tuple(places)
        self._ask = ask

    def serving(self) -> Place:
        """Return which node serves our slot, as the first one says that is in touch with the cluster.

        Raises:
            redis.RedisError: none is; the most telling of their troubles.
        """
        troubles: list[redis.RedisError] = []
        for place in self._places:
            try:
                found = serving_in(self._ask(place), place[0])
            except redis.RedisError as error:
                troubles.append(error)
                continue
            self._places = (place, *(other for other in self._places if other != place))  # a dead one costs time
            return found
        raise _most_telling(troubles)


def asked_over(connection: Any) -> Asked:
    """Ask the node at the other end of a connection of redis-py, and close it. Raises redis.RedisError."""
    try:
        connection.connect()
        for what in ("INFO", "SLOTS"):
            connection.send_command("CLUSTER", what)
        return connection.read_response(), connection.read_response()
    except redis.exceptions.NoPermissionError:
        raise
    except redis.ResponseError as error:  # "This instance has cluster support disabled"
        raise NoCluster(str(error)) from error
    finally:
        connection.disconnect()


def serving_in(asked: Asked, host: str) -> Place:
    """Return which node serves our slot, by the answers of the node on ``host``, who may not know its own name.

    Raises:
        ClusterDown: none does, or the node has lost touch with most of the others, and so knows nothing for certain.
        redis.InvalidResponse: these are no answers of a node.
    """
    state, slots = asked
    try:
        if b"cluster_state:ok" not in state:
            raise ClusterDown("a node says that the cluster is down")
        for first, last, (name, port, *_), *_replicas in slots:
            if first <= SLOT <= last:
                return (name.decode() if name else host), int(port)
    except (TypeError, ValueError, AttributeError) as error:
        raise redis.InvalidResponse("no answer of a node") from error
    raise ClusterDown("no node serves the slot")


def _most_telling(troubles: Iterable[redis.RedisError]) -> redis.RedisError:
    """Return an answer rather than silence."""
    return max(troubles, key=lambda error: type(error) not in {redis.ConnectionError, redis.TimeoutError})


class ClusterConnection(redis.Connection):
    """A connection of redis-py to the node that serves our slot."""

    def __init__(self, *, nodes: Nodes, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._nodes = nodes

    def _connect(self) -> Any:
        self.host, self.port = self._nodes.serving()
        return super()._connect()  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Return a reply; a node that does not serve the slot is left.

        Raises:
            SlotMoved, ClusterDown.
        """
        try:
            return super().read_response(*args, **options)
        except redis.ResponseError as error:
            meant = meaning(error)
            if meant is error:
                raise
            self.disconnect()  # type: ignore[no-untyped-call]
            raise meant from error


class SecureClusterConnection(ClusterConnection, redis.SSLConnection):
    """The same over TLS."""
