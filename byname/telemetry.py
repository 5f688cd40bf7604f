"""Telemetry of a running daemon over HTTP: ``/metrics`` for Prometheus, ``/readyz`` with reasons, ``/livez``.

All daemons of a host share one setting, ``[metrics] listen``, so each role has its own port, counted from that one. A
port that cannot be had costs the metrics, never the mail.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import MappingProxyType

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest

from byname.collector import settle
from byname.wiring.directory import decision_directory, health
from conf.listen import InetSocket, parse_host_port
from conf.settings import Settings
from routing.directory import Directory

PORT_OF_ROLE: Mapping[str, int] = MappingProxyType(
    {"inbound": 0, "submission": 1, "local": 2, "maps": 3, "lmtp": 4, "relay": 5, "api": 6, "internal": 7}
)  # to be added to the port of [metrics] listen

Health = Callable[[], Mapping[str, str]]  # "ok" or a reason, by what the daemon needs; one "ok" makes it ready

_PATIENCE = 5.0  # seconds for a client to send its request
_PLAIN = "text/plain; charset=utf-8"

log = structlog.get_logger()


@contextmanager
def observed_directory(
    settings: Settings,
    sql: Directory,
    role: str,
    registry: CollectorRegistry | None = None,
    also: Health = dict,
) -> Iterator[Directory]:
    """Open what the decisions of a daemon ask, and serve its telemetry, for the length of a block.

    ``sql`` is the directory in the store; ``registry`` may hold more metrics of the daemon; ``also`` is what else its
    readiness says.

    Raises:
        StoreNotReady: ``cache.url`` is none.
    """
    registry = registry or new_registry()
    directory = decision_directory(settings, sql, registry)
    directory_health = health(directory)
    with serving(settings, role, registry, lambda: {**directory_health(), **also()}):
        yield directory


def new_registry() -> CollectorRegistry:
    """Return a registry with the metrics of this process (memory, CPU, open files)."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


@contextmanager
def serving(settings: Settings, role: str, registry: CollectorRegistry, health: Health) -> Iterator[None]:
    """Serve ``registry`` and ``health`` for the length of a block, if ``[metrics] listen`` is set.

    The block is a daemon's work: what its start has made is no more looked through for garbage.
    """
    settle()
    server = _opened(settings, role, registry, health)
    if server is None:
        yield
        return
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def address_for(listen: str, role: str) -> InetSocket:
    """Return where the daemon of ``role`` serves when ``[metrics] listen`` is ``listen``."""
    first = parse_host_port(listen)
    return InetSocket(first.host, first.port + PORT_OF_ROLE[role])


def _opened(settings: Settings, role: str, registry: CollectorRegistry, health: Health) -> "_Server | None":
    if settings.metrics.listen is None:
        return None
    where = address_for(settings.metrics.listen, role)
    try:
        return _Server(where, registry, health)
    except (OSError, OverflowError) as error:
        log.warning("metrics-unavailable", host=where.host, port=where.port, reason=str(error))
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, where: InetSocket, registry: CollectorRegistry, health: Health) -> None:
        self.registry = registry
        self.health = health
        if ":" in where.host:
            self.address_family = socket.AF_INET6
        super().__init__((where.host, where.port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking the resolver for our own name, as HTTPServer does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, *_: object) -> None:
        """Log a client that went away, or a bug, as one line."""
        log.warning("metrics-request-failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE
    server_version = "byname"
    sys_version = ""

    def do_GET(self) -> None:
        page = {"/metrics": self._metrics, "/readyz": self._ready, "/livez": self._live}.get(
            self.path.partition("?")[0]
        )
        self._send(*(page() if page else (404, _PLAIN, b"there are /metrics, /readyz and /livez\n")))

    def log_message(self, *_: object) -> None:
        """Log nothing: a scrape every few seconds is no event."""

    def _metrics(self) -> tuple[int, str, bytes]:
        return 200, CONTENT_TYPE_LATEST, generate_latest(self.server.registry)

    def _ready(self) -> tuple[int, str, bytes]:
        found = self.server.health()
        text = "".join(f"{name}: {state}\n" for name, state in found.items())
        return 200 if "ok" in found.values() else 503, _PLAIN, text.encode()

    def _live(self) -> tuple[int, str, bytes]:
        return 200, _PLAIN, b"ok\n"

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
