"""The milter process: signals, open sessions, shutdown.

libmilter runs in a thread that is not the main one, so that Python's own signal handlers work (FACTS): SIGTERM ends,
SIGHUP reads the settings again. On SIGTERM the socket goes first, then open sessions may finish, then libmilter
stops, because ``milter.stop()`` answers 451 to whatever is still open.
"""

import signal
import threading
import time
from collections.abc import Callable

import Milter
import structlog

from byname_milter.libmilter import register, serve_forever
from byname_milter.listening import claimed, close_to_newcomers, open_socket
from byname_milter.session import InboundSession, Session
from byname_milter.site import Site
from byname_milter.submission import SubmissionSession
from conf.service import notify
from routing.sender import Role

SESSIONS: dict[Role, type[Session]] = {Role.INBOUND: InboundSession, Role.SUBMISSION: SubmissionSession}

_DRAIN = 10.0  # seconds for open sessions after SIGTERM
_TICK = 0.2  # seconds between looks at the sessions that still drain
_SIGN_OF_LIFE = 5.0  # seconds between messages to systemd's watchdog
_LAST_WAIT = 6.0  # seconds; libmilter takes up to 5 to stop


def serve(role: str, socket: str, load: Callable[[], Site]) -> int:
    """Run the milter of one role on ``socket`` until SIGTERM or SIGINT.

    ``load`` reads the settings, at start and on SIGHUP; when it raises on SIGHUP the old settings stay. Returns 0,
    or 1 when libmilter ended by itself.

    Raises:
        SocketBusy: another process has the socket or port.
        ListenError: it cannot be listened on.
    """
    return Server(Role(role), socket, load).run()


class Server:
    """One listener of one role."""

    def __init__(self, role: Role, socket: str, load: Callable[[], Site]) -> None:
        self._role = role
        self._socket = socket
        self._load = load
        self._site = load()
        self._sessions = 0
        self._counting = threading.Lock()
        self._wake = threading.Event()
        self._signals: set[int] = set()
        self._log = structlog.get_logger()

    def run(self) -> int:
        """Serve until told to end; see :func:`serve`."""
        with claimed(self._socket):
            register(f"byname-{self._role}", self._open_session)
            open_socket(self._socket)
            libmilter = threading.Thread(target=serve_forever, name="libmilter", daemon=True)
            libmilter.start()
            self._catch_signals()
            notify("READY=1")
            self._log.info("started", role=str(self._role), socket=self._socket)
            asked_to_end = self._watch(libmilter)
            self._end(libmilter)
        return 0 if asked_to_end else 1

    def _open_session(self) -> Session:
        with self._counting:
            self._sessions += 1
        return SESSIONS[self._role](lambda: self._site, self._session_closed)

    def _session_closed(self) -> None:
        with self._counting:
            self._sessions -= 1

    def _catch_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _frame: self._signalled(received))

    def _signalled(self, number: int) -> None:
        self._signals.add(number)
        self._wake.set()

    def _watch(self, libmilter: threading.Thread) -> bool:
        """Wait for the end; return whether it was asked for."""
        while libmilter.is_alive():
            self._wake.wait(_SIGN_OF_LIFE)
            self._wake.clear()
            notify("WATCHDOG=1")
            if self._signals & {signal.SIGTERM, signal.SIGINT}:
                return True
            if signal.SIGHUP in self._signals:
                self._signals.discard(signal.SIGHUP)
                self._reload()
        self._log.error("libmilter-ended", role=str(self._role))
        return False

    def _reload(self) -> None:
        try:
            self._site = self._load()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the new settings, the old ones still serve
            self._log.error("reload-failed", role=str(self._role), reason=str(error))
        else:
            self._log.info("reloaded", role=str(self._role))

    def _end(self, libmilter: threading.Thread) -> None:
        notify("STOPPING=1")
        close_to_newcomers(self._socket)
        give_up_at = time.monotonic() + _DRAIN
        while self._sessions > 0 and time.monotonic() < give_up_at:
            time.sleep(_TICK)
        self._log.info("stopping", role=str(self._role), sessions_cut_short=self._sessions)
        Milter.stop()
        libmilter.join(_LAST_WAIT)
