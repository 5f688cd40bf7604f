"""The milter process: signals, open sessions, shutdown.

libmilter runs in a thread that is not the main one, so that Python's own signal handlers work (docs/facts.md, "Milter
and Postfix"): SIGTERM ends, SIGHUP reads the settings again. On SIGTERM the socket goes first, then open sessions may
finish, then libmilter stops, because ``milter.stop()`` answers 451 to whatever is still open.
"""

import threading
import time
from collections.abc import Callable
from signal import SIGHUP, SIGINT, SIGTERM

import Milter
import structlog
from prometheus_client import CollectorRegistry

from byname_milter.decision_log import DecisionLog
from byname_milter.decision_metrics import DecisionMetrics
from byname_milter.inbound import InboundHeaderSession, InboundSession
from byname_milter.inbound_wall import InboundWallSession
from byname_milter.internal import InternalSession
from byname_milter.learned import Learned
from byname_milter.libmilter import LibmilterThread, register
from byname_milter.listening import claimed, close_to_newcomers, open_socket
from byname_milter.local import LocalSession
from byname_milter.mta import Mta
from byname_milter.session import Session
from byname_milter.site import Site
from byname_milter.submission import SubmissionSession
from byname_milter.submission_wall import SubmissionWallSession
from conf.service import notify
from conf.signals import SignalPipe
from routing.policy import Policy
from routing.sender import Role

SESSIONS: dict[Role, type[Session]] = {
    Role.INBOUND: InboundSession,
    Role.SUBMISSION: SubmissionSession,
    Role.LOCAL: LocalSession,
    Role.INTERNAL: InternalSession,
}

_DRAIN = 10.0  # seconds for open sessions after SIGTERM
_TICK = 0.2  # seconds between looks at the sessions that still drain
_SIGN_OF_LIFE = 5.0  # seconds between messages to systemd's watchdog
_CUT_SHORT = 6.0  # seconds for libmilter to answer 451 to sessions still open; it looks every 5


def serve(role: str, socket: str, load: Callable[[], Site], registry: CollectorRegistry) -> int:
    """Run the milter of one role on ``socket`` until SIGTERM or SIGINT.

    ``load`` reads the settings, at start and on SIGHUP; when it raises on SIGHUP the old settings stay.
    ``registry`` takes the metrics. Returns 0, or 1 when libmilter ended by itself.

    Raises:
        SocketBusy: another process has the socket or port.
        ListenError: it cannot be listened on.
    """
    return Server(Role(role), socket, load, registry).run()


def _inbound_session(policy: Policy) -> type[Session]:
    if policy.inbound_spoof == "lookalike" or policy.colleague_names == "mark":
        return InboundWallSession
    return InboundHeaderSession if policy.inbound_spoof == "header" else InboundSession


class Server:
    """One listener of one role."""

    def __init__(self, role: Role, socket: str, load: Callable[[], Site], registry: CollectorRegistry) -> None:
        self._role = role
        self._socket = socket
        self._load = load
        self._site = load()
        self._learned = Learned()
        self._sessions = 0
        self._counting = threading.Lock()
        self._metrics = DecisionMetrics(role, registry)
        self._log = structlog.get_logger().bind()  # once: a bare one is made anew for every line

    def run(self) -> int:
        """Serve until it is asked to end; see :func:`serve`."""
        with claimed(self._socket), SignalPipe(SIGTERM, SIGINT, SIGHUP) as signals:
            register(f"byname-{self._role}", self._open_session)
            open_socket(self._socket)
            libmilter = LibmilterThread(str(self._role), at_end=signals.wake)
            libmilter.start()
            notify("READY=1")
            self._log.info("started", role=str(self._role), socket=self._socket)
            asked_to_end = self._watch(libmilter, signals)
            self._end(libmilter)
        return 0 if asked_to_end else 1

    def _open_session(self, mta: Mta) -> Session:
        with self._counting:
            self._sessions += 1
        return self._session_class()(
            mta, lambda: self._site, self._session_closed, DecisionLog(self._metrics, self._log), self._learned
        )

    def _session_class(self) -> type[Session]:
        """Asking for the end of the header costs a round trip, so inbound does it only where it is looked at."""
        policy = self._site.policy
        if self._role is Role.SUBMISSION and {policy.forged_trust, policy.foreign_organizer} != {"off"}:
            return SubmissionWallSession
        if self._role is Role.INBOUND:
            return _inbound_session(policy)
        return SESSIONS[self._role]

    def _session_closed(self) -> None:
        with self._counting:
            self._sessions -= 1

    def _watch(self, libmilter: LibmilterThread, signals: SignalPipe) -> bool:
        """Wait for the end; return whether it was asked for.

        libmilter has a signal thread of its own, and now and then the kernel hands it our SIGTERM: then it stops, and
        that is an end that was asked for too.
        """
        while libmilter.is_alive():
            received = signals.wait(_SIGN_OF_LIFE)
            notify("WATCHDOG=1")
            if received & {SIGTERM, SIGINT}:
                return True
            if SIGHUP in received:
                self._reload()
        if libmilter.failed:
            self._log.error("libmilter-ended", role=str(self._role))
        return not libmilter.failed

    def _reload(self) -> None:
        try:
            self._site = self._load()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the new settings, the old ones still serve
            self._log.error("reload-failed", role=str(self._role), reason=str(error))
        else:
            self._log.info("reloaded", role=str(self._role), would_reject=self._metrics.would_reject.take())

    def _end(self, libmilter: LibmilterThread) -> None:
        notify("STOPPING=1")
        close_to_newcomers(self._socket)
        give_up_at = time.monotonic() + _DRAIN
        while self._sessions > 0 and time.monotonic() < give_up_at:
            time.sleep(_TICK)
        cut_short, would_reject = self._sessions, self._metrics.would_reject.take()
        self._log.info("stopping", role=str(self._role), sessions_cut_short=cut_short, would_reject=would_reject)
        if (
            self._sessions and libmilter.is_alive()
        ):  # else the end of the process ends it: stop() waits up to 5 s, and with it a restart
            Milter.stop()
            libmilter.join(_CUT_SHORT)
