"""The relay daemon, ``byname relay``: its loop in a thread, notifications, logging and signals.

The work is done in a thread that may hang in SQL or Redis for seconds; the main thread waits for signals and sends the
watchdog sign to the service manager. Ending it at any place loses nothing.
"""

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from math import inf
from signal import SIGHUP, SIGINT, SIGTERM
from time import monotonic

import structlog

from conf.service import notify
from conf.signals import SignalPipe
from store.cache.connection import open_pool
from store.cache.notify import OutboxSignal, subscribe
from store.errors import CacheUnavailable, StoreNotReady, StoreUnavailable
from store.relay.cache_audit import CacheMaintenance
from store.relay.counts import merge_counts
from store.relay.rebuild import Progress, rebuild
from store.relay.redis_target import RedisTarget
from store.relay.report import Report
from store.relay.source import SqlSource
from store.relay.status import RelayStatus
from store.relay.steps import Relay, Step, is_safe
from store.relay.target import Lifetimes
from store.sql.database import Database
from store.sql.notify import listen
from store.sql.pool_profiles import RELAY_READ, RELAY_WRITE
from store.wire_format.layout import WAKE_CHANNEL

POLL = 0.25  # seconds between steps without a notification
_TIMEOUT = 5.0  # seconds for an answer of Redis
_PIECE = 0.02  # seconds of an audit between two steps
_REMIND_EVERY = 60.0
_SIGN_OF_LIFE = 5.0
_STUCK = 60.0  # seconds without any progress after which the service manager may think us dead
_END_WITHIN = 5.0
_BETWEEN_REBUILDS = 1.0  # seconds; with two primaries, each with a relay, they would follow on one another for ever

_FAILURES = (StoreUnavailable, StoreNotReady, CacheUnavailable)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Site:
    """The settings of the relay: store, cache, and the lifetimes of lease and grace."""

    store_url: str
    cache_url: str
    lifetimes: Lifetimes


def serve(load: Callable[[], Site], status: RelayStatus) -> int:
    """Relay until SIGTERM or SIGINT, then return 0; 1 when the work ended by itself, which is a bug.

    ``load`` reads the settings, at start and on SIGHUP; when it raises on SIGHUP the old ones stay. ``status`` records
    every step.
    """
    site = load()
    with SignalPipe(SIGTERM, SIGINT, SIGHUP) as signals:
        worker = Worker(site, signals.wake, status)
        worker.start()
        notify("READY=1")
        log.info("started", role="relay")
        while worker.is_alive():
            received = signals.wait(_SIGN_OF_LIFE)
            if monotonic() - worker.alive_at < _STUCK:
                notify("WATCHDOG=1")
            if received & {SIGTERM, SIGINT}:
                notify("STOPPING=1")
                worker.stop()
                log.info("stopping", role="relay")
                return 0
            if SIGHUP in received:
                _reload(worker, load)
    return 1


def _reload(worker: "Worker", load: Callable[[], Site]) -> None:
    try:
        worker.site = load()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the new settings, the old ones still serve
        log.error("reload-failed", role="relay", reason=str(error))  # noqa: TRY400
    else:
        log.info("reloaded", role="relay")


class Worker:
    """The relay's loop in a thread."""

    def __init__(self, site: Site, at_end: Callable[[], None], status: RelayStatus, poll: float = POLL) -> None:
        self.site = site  # replaced on SIGHUP
        self.alive_at = monotonic()
        self._status = status
        self._poll = poll
        self._at_end = at_end
        self._outbox_signal = OutboxSignal()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._logged: dict[str, str] = {}
        self._reminded_at = -inf
        self._rebuilt_at = -inf

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it for some seconds."""
        self._stopped.set()
        self._outbox_signal.notify()
        self._thread.join(_END_WITHIN)

    def is_alive(self) -> bool:
        """False when the loop has ended."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._serve(self.site)
        except Exception:
            log.exception("relay-failed")
        finally:
            self._at_end()

    def _serve(self, site: Site) -> None:
        """Relay for one site, until there is another or the end."""
        ended = threading.Event()
        database = Database.open(site.store_url, reading=RELAY_READ, writing=RELAY_WRITE)
        target = RedisTarget(open_pool(site.cache_url, timeout=_TIMEOUT, connections=4))
        with closing(database), closing(target), self._status.over(database):
            on_notify = self._outbox_signal.notify
            for wait, place in ((listen, (site.store_url,)), (subscribe, (site.cache_url, WAKE_CHANNEL))):
                threading.Thread(target=wait, args=(*place, on_notify, ended), daemon=True).start()
            counting = (database, site.cache_url, ended)
            threading.Thread(target=merge_counts, name="counts", args=counting, daemon=True).start()
            try:
                self._loop(site, database, target)
            finally:
                ended.set()

    def _loop(self, site: Site, database: Database, target: RedisTarget) -> None:
        source, file = SqlSource(database), database.identity()
        relay, maintenance = Relay(source, target, site.lifetimes), CacheMaintenance(source, target)
        while not self._stopped.is_set() and self.site is site and database.identity() == file:
            self.alive_at = monotonic()
            self._outbox_signal.begin()
            try:
                go_on = self._once(relay, maintenance, source, target)
            except _FAILURES as error:
                maintenance.give_up()
                self._status.failed(str(error))
                self._log_change("trouble", str(error), log.warning)
                go_on = False
            if not go_on and not self._stopped.is_set():
                self._outbox_signal.wait(self._poll)

    def _once(self, relay: Relay, maintenance: CacheMaintenance, source: SqlSource, target: RedisTarget) -> bool:
        """Do a step, and what is due besides; return whether there is more to do at once."""
        begun = monotonic()
        step = relay.step()
        self._outbox_signal.looked(step.version)
        self._status.stepped(step, begun)
        self._log_change("trouble", "", log.info)
        self._judge(step)
        if step.distrust is not None:
            maintenance.give_up()
            self._rebuild(step, source, target)
            return True
        is_pending = self._outbox_signal.is_pending
        audited = maintenance.work(_PIECE, step.state.version, is_pending) if step.is_all else None
        if audited is not None:
            self._status.audited(audited.report)
            _log_audit(audited)
        return not step.is_all or maintenance.is_busy

    def _rebuild(self, step: Step, source: SqlSource, target: RedisTarget) -> None:
        if self._stopped.wait(max(0.0, self._rebuilt_at + _BETWEEN_REBUILDS - monotonic())):
            return
        log.warning("cache-rebuild-started", reason=step.distrust)
        started, report = monotonic(), Report()
        for progress in rebuild(source, target, step.state.build):
            report = progress.report
            self.alive_at = monotonic()
            if self._stopped.is_set():
                return
        self._rebuilt_at = monotonic()
        self._status.rebuilt(report)
        log.info("cache-rebuilt", domains=report.domains, names=report.names, seconds=round(monotonic() - started, 3))

    def _judge(self, step: Step) -> None:
        policy = step.state.policy
        if policy != "noeviction" and monotonic() - self._reminded_at > _REMIND_EVERY:
            self._reminded_at = monotonic()
            must = "set maxmemory-policy noeviction"
            log.error("cache-policy-wrong", policy=policy, lease="given" if is_safe(policy) else "refused", hint=must)
        if step.is_all:
            self._log_change("lease", "given" if step.is_leased else "not given", log.info)

    def _log_change(self, what: str, state: str, how: Callable[..., object]) -> None:
        """Log a state when it changes, not each time."""
        if self._logged.get(what, "") != state:
            self._logged[what] = state
            how(f"relay-{what}", state=state or "over")


def _log_audit(progress: Progress) -> None:
    report = progress.report
    how = log.warning if report.repaired or report.differences else log.info
    how("cache-audited", names=report.names, differences=len(report.differences), repaired=report.repaired)
