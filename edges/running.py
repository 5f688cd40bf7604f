"""A server as a process of its own: it serves in a thread, and the main thread waits for signals."""

import threading
from collections.abc import Callable
from signal import SIGHUP, SIGINT, SIGTERM

import structlog

from conf.placement import on_one_processor
from conf.signals import SignalPipe
from edges.serving import ThreadedServer

_LOOK = 5.0  # seconds between looks at a server that runs

log = structlog.get_logger()


def serve_until_signalled(server: ThreadedServer, role: str, reload: Callable[[], None]) -> bool:
    """Serve until SIGTERM or SIGINT; return False when the server ended by itself. For the main thread.

    On SIGHUP ``reload`` is called; when it raises, whatever is wrong with the new settings, the old ones still serve.
    """
    with SignalPipe(SIGTERM, SIGINT, SIGHUP) as signals:
        serving = threading.Thread(target=_serve, args=(server, role, signals), name=f"{role}-server")
        serving.start()
        while serving.is_alive():
            received = signals.wait(_LOOK)
            if received & {SIGTERM, SIGINT}:
                server.stop()
                serving.join()
                return True
            if SIGHUP in received:
                _reload(role, reload)
    return False


def _serve(server: ThreadedServer, role: str, signals: SignalPipe) -> None:
    on_one_processor(role)
    try:
        server.serve()
    finally:
        signals.wake()


def _reload(role: str, reload: Callable[[], None]) -> None:
    try:
        reload()
    except Exception as error:  # noqa: BLE001 - as above
        log.error("reload-failed", role=role, reason=str(error))  # noqa: TRY400
    else:
        log.info("reloaded", role=role)
