"""``byname api`` as a process: uvicorn in a thread, signals in the main thread, as with every daemon of Byname.

What a client sees at the end: the answer to what has begun, then a closed connection. Nothing new is accepted.
"""

import logging
import socket
import threading
from collections.abc import Callable
from signal import SIGHUP, SIGINT, SIGTERM

import structlog
import uvicorn
from fastapi import FastAPI

from admin_api.app import create_app
from admin_api.http.connections import ConnectionLimits, limited
from admin_api.site import ApiSite
from conf.service import notify
from conf.signals import SignalPipe

DRAIN_SECONDS = 9  # the service manager and the operator are promised ten
_SIGN_OF_LIFE = 5
_STARTING = 0.05
_LOOK = 5.0
_BACKLOG = 512

log = structlog.get_logger()


class ApiServer:
    """Serves a site on a socket that listens already, until :meth:`stop`.

    ``alive`` is called every five seconds by the event loop, as long as that turns.
    """

    def __init__(self, site: ApiSite, listener: socket.socket, alive: Callable[[], None] = lambda: None) -> None:
        self.app: FastAPI = create_app(site)
        # Headers and body are two writes: without this the second waits for the client's delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener = listener
        self._server = uvicorn.Server(_config(self.app, site.connection_limits, alive))

    @property
    def is_up(self) -> bool:
        """True once it accepts connections."""
        return self._server.started

    def replace_site(self, site: ApiSite) -> None:
        """Serve another site from now on; what has begun ends with the old one."""
        self.app.state.site = site

    def serve(self) -> None:
        """Accept and answer until :meth:`stop`; then let what has begun finish, for nine seconds at most."""
        self._server.run(sockets=[self._listener])

    def stop(self) -> None:
        """Ask :meth:`serve` to finish. Safe in another thread, and more than once."""
        self._server.should_exit = True


def serve_until_signalled(server: ApiServer, reload: Callable[[], None]) -> bool:
    """Serve until SIGTERM or SIGINT; return False when the server ended by itself. For the main thread.

    On SIGHUP ``reload`` is called; when it raises, whatever is wrong with the new settings, the old ones still serve.
    """
    with SignalPipe(SIGTERM, SIGINT, SIGHUP) as signals:
        serving = threading.Thread(target=_serve, args=(server, signals), name="api-server", daemon=True)
        serving.start()
        is_told = False
        while serving.is_alive():
            if server.is_up and not is_told:
                is_told = True
                notify("READY=1")
                log.info("started", role="api")
            received = signals.wait(_LOOK if is_told else _STARTING)
            if received & {SIGTERM, SIGINT}:
                _end(server, serving)
                return True
            if SIGHUP in received:
                _reload(reload)
    return False


def _end(server: ApiServer, serving: threading.Thread) -> None:
    notify("STOPPING=1")
    log.info("stopping", role="api")
    server.stop()
    serving.join(DRAIN_SECONDS + 0.5)  # its threads are daemons: one that hangs in the database does not hold us


def _serve(server: ApiServer, signals: SignalPipe) -> None:
    try:
        server.serve()
    finally:
        signals.wake()


def _reload(reload: Callable[[], None]) -> None:
    try:
        reload()
    except Exception as error:  # noqa: BLE001 - as above
        log.error("reload-failed", role="api", reason=str(error))  # noqa: TRY400
    else:
        log.info("reloaded", role="api")


def sign_of_life() -> None:
    """Tell the service manager that the event loop turns: what :class:`ApiServer` calls in a daemon."""
    notify("WATCHDOG=1")


def _config(app: FastAPI, limits: ConnectionLimits, alive: Callable[[], None]) -> uvicorn.Config:
    async def tell() -> None:
        alive()

    for talkative in ("uvicorn", "mcp", "httpx2"):
        logging.getLogger(talkative).setLevel(logging.WARNING)  # they say in many lines what we say in one
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=limited(limits),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        callback_notify=tell,
        timeout_notify=_SIGN_OF_LIFE,
    )
