"""The servers that ``[store] url`` names, in the order in which they are tried.

libpq tries them from the first one on, for each connection anew, and one that is gone costs each its
``connect_timeout``. So the one that served last is tried first, and one that a connection was lost to last. Only where
the order says nothing: a single one of them takes changes, and that one is asked for (``target_session_attrs``).
"""

from collections.abc import Mapping
from typing import Any

Place = tuple[str, str]  # host and port

_PORT = "5432"
_ONE_OF_ALL = frozenset({"primary", "read-write"})


class Servers:
    """What is known of them; shared by the pools of a process, safe between threads."""

    def __init__(self) -> None:
        self._served: Place | None = None
        self._lost: Place | None = None

    def served(self, place: Place) -> None:
        """Note that a connection to a server was made."""
        self._served = place
        if self._lost == place:
            self._lost = None

    def lost(self, place: Place) -> None:
        """Note that a connection to a server was lost."""
        self._lost = place
        if self._served == place:
            self._served = None

    def ordered(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return libpq's parameters, lists of hosts and ports in the order in which they are to be tried."""
        found = dict(parameters)
        hosts = str(found.get("host", "")).split(",")
        ports = str(found.get("port", "," * (len(hosts) - 1))).split(",")
        is_free = found.get("target_session_attrs") in _ONE_OF_ALL and "hostaddr" not in found
        if not is_free or len(hosts) < 2 or len(ports) != len(hosts):
            return found
        places = sorted(zip(hosts, ports, strict=True), key=self._rank)
        return found | {"host": ",".join(host for host, _ in places), "port": ",".join(port for _, port in places)}

    def _rank(self, place: Place) -> int:
        host, port = place
        known = (host, port or _PORT)
        return 0 if known == self._served else 2 if known == self._lost else 1
