"""Joining servers of Redis to a Redis Cluster, as an admin does it: ``redis-cli --cluster create``."""

import subprocess
from collections.abc import Iterable, Sequence

from byname.sandbox.errors import SandboxError
from byname.sandbox.redis import PrivateRedis
from byname.sandbox.waiting import wait_until

_WITHIN = 20.0  # seconds: a node takes no part for its first two


def join_command(addresses: Sequence[str], replicas: int) -> list[str]:
    """Return the line that joins servers to a cluster; it asks before it does."""
    return ["redis-cli", "--cluster", "create", *addresses, "--cluster-replicas", str(replicas)]


def join(addresses: Sequence[str], servers: Iterable[PrivateRedis], *, replicas: int = 0) -> None:
    """Join servers at ``addresses`` (host:port) to a cluster, and wait until each of them says that it is well.

    Raises:
        SandboxError: they do not join, or not in time.
    """
    command = [*join_command(addresses, replicas), "--cluster-yes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SandboxError(f"redis-cli --cluster create ended with {done.returncode}: {done.stdout}{done.stderr}")
    for server in servers:
        wait_until(lambda server=server: is_well(server), _WITHIN, f"a cluster, as seen by {server.folder}")  # type: ignore[misc]


def is_well(server: PrivateRedis) -> bool:
    """Return whether a node says that its cluster serves."""
    return "cluster_state:ok" in ask(server, "cluster", "info")


def ask(server: PrivateRedis, *command: str) -> str:
    """Send a command to a node over its unix socket; return the reply as ``redis-cli --raw`` prints it."""
    line = ["redis-cli", "-s", str(server.socket), "--raw", *command]
    return subprocess.run(line, capture_output=True, text=True, check=False).stdout


def serving(server: PrivateRedis, slot: int) -> str:
    """Return host:port of the primary that serves a slot, as a node knows it (CLUSTER NODES)."""
    for line in ask(server, "cluster", "nodes").splitlines():
        _, address, flags, *rest = line.split()
        ranges = [part.partition("-") for part in rest[5:] if not part.startswith("[")]
        if "master" in flags and any(int(first) <= slot <= int(last or first) for first, _, last in ranges):
            return address.partition("@")[0]
    raise SandboxError(f"no node serves slot {slot}")
