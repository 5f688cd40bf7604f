"""A Redis Cluster of three nodes on loopback, each with a third of the slots, and a fourth that one of them may get."""

from typing import Any

from byname.sandbox.ports import LOOPBACK
from byname.sandbox.redis_cluster import join
from byname.sandbox.waiting import wait_until
from store.cache.cluster import SLOT
from tests.store.redis_server import RedisServer, free_port

_OPTIONS = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0")


def node(*options: str, program: str = "redis-server") -> RedisServer:
    """Return a node that knows no other yet."""
    return RedisServer(*_OPTIONS, "--cluster-port", str(free_port()), *options, program=program)


class RedisCluster:
    """Three primaries without replicas; ``url`` leads to the one that serves our slot."""

    def __init__(self, program: str = "redis-server") -> None:
        self.nodes = [node("--cluster-require-full-coverage", "no", program=program) for _ in range(3)]

    def start(self) -> None:
        for server in self.nodes:
            server.start()
        join([f"{LOOPBACK}:{server.port}" for server in self.nodes], self.nodes)

    def remove(self) -> None:
        for server in self.nodes:
            server.remove()

    @property
    def url(self) -> str:
        """All nodes, those first that do not serve our slot."""
        ports = [server.port for server in (*self.others, self.serving)]
        return f"redis+cluster://{','.join(f'{LOOPBACK}:{port}' for port in ports)}"

    @property
    def serving(self) -> RedisServer:
        """The node that serves our slot."""
        port = self._port_serving(self.nodes[0])
        return next(server for server in self.nodes if server.port == port)

    @property
    def others(self) -> list[RedisServer]:
        return [server for server in self.nodes if server is not self.serving]

    def id_of(self, server: RedisServer) -> str:
        return str(server.admin.execute_command("CLUSTER", "MYID"), "ascii")

    def begin_to_move(self, source: RedisServer, target: RedisServer) -> None:
        """Let the slot be on its way; its keys stay where they are."""
        slot(target, "IMPORTING", self.id_of(source))
        slot(source, "MIGRATING", self.id_of(target))

    def move_keys(self, source: RedisServer, target: RedisServer, *keys: Any) -> None:
        """Move some keys of a slot that is on its way."""
        source.admin.execute_command("MIGRATE", LOOPBACK, target.port, "", 0, 5000, "KEYS", *keys)

    def keys(self, server: RedisServer) -> list[bytes]:
        """The keys of the slot that a node has."""
        found: list[bytes] = server.admin.execute_command("CLUSTER", "GETKEYSINSLOT", SLOT, 1000)
        return sorted(found)

    def end_move(self, source: RedisServer, target: RedisServer) -> None:
        """Give the slot to the target, and wait until all nodes know."""
        for server in (target, source):
            slot(server, "NODE", self.id_of(target))
        wait_until(lambda: all(self._port_serving(server) == target.port for server in self.nodes), 10, "a moved slot")

    def add_replica(self, replica: RedisServer) -> None:
        """Let a node join and follow the one that serves our slot; wait until all know."""
        primary = self.serving
        bus = primary.admin.config_get("cluster-port")["cluster-port"]
        replica.admin.execute_command("CLUSTER", "MEET", LOOPBACK, primary.port, bus)
        name = self.id_of(primary)
        wait_until(lambda: name.encode() in replica.admin.execute_command("CLUSTER", "NODES"), 10, "a known primary")
        replica.admin.execute_command("CLUSTER", "REPLICATE", name)
        wait_until(lambda: follows(replica), 10, "a replica")
        wait_until(lambda: all(replica.port in self._ports(each)[1:] for each in self.nodes), 10, "a known replica")

    def take_over(self, replica: RedisServer, primary: RedisServer) -> None:
        """Let a replica take its primary's place, and wait until all know, and that one follows it."""
        replica.admin.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")  # asks nobody, who may not know it yet
        wait_until(lambda: all(self._port_serving(server) == replica.port for server in self.nodes), 10, "a failover")
        wait_until(lambda: follows(primary), 10, "a former primary that follows")

    def _port_serving(self, asked: RedisServer) -> int:
        return self._ports(asked)[0]

    def _ports(self, asked: RedisServer) -> list[int]:
        """Return the ports of the node that serves our slot and of its replicas, as one node knows them."""
        slots = asked.admin.execute_command("CLUSTER", "SLOTS")
        return next([int(place[1]) for place in places] for first, last, *places in slots if first <= SLOT <= last)


def follows(server: RedisServer) -> bool:
    """Return whether a node is a replica that has a link to its primary."""
    return bool(server.admin.info("replication").get("master_link_status") == "up")


def slot(server: RedisServer, *words: str) -> None:
    """Say something of our slot to a node: CLUSTER SETSLOT."""
    server.admin.execute_command("CLUSTER", "SETSLOT", SLOT, *words)
