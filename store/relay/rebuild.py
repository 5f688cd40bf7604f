"""Rebuild of the whole cache from SQL, audit of it, and loading of single domains."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from store.errors import CacheUnavailable
from store.relay.cover import under_cover
from store.relay.reconcile import Reconciler, version_of
from store.relay.report import Report
from store.relay.source import Change, Pending, Source
from store.relay.sync import Sync
from store.relay.target import Basis, Outdated, State, Target
from store.sql.outbox import Clock, new_nonce
from store.sql.snapshot import Part, Snapshot
from store.wire_format.layout import tombstone

_LOST = "the cache was emptied or replaced during the rebuild"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is: names done, of how many about."""

    done: int
    total: int  # 0: nobody counted them
    report: Report


class BuiltElsewhere(CacheUnavailable):
    """The rebuild was overtaken: another relay rebuilds the cache, or Redis was emptied or replaced meanwhile."""


def rebuild(
    source: Source,
    target: Target,
    build: str | None = None,
    *,
    counts: bool = False,
    first: Callable[[], None] | None = None,
) -> Iterator[Progress]:
    """Bring everything from SQL to Redis, piece by piece. Until the end there is no lease.

    Names that are there and right stay in sight all the while. With a ``build``, the one that is no good, nothing is
    done when there was another since. ``counts``: first count the names, which many millions take seconds for.
    ``first``: replaces the database before it is read, however long that takes; nobody can give the lease meanwhile.

    Raises:
        BuiltElsewhere: begin again later, if that is needed then.
        StoreUnavailable, StoreNotReady, CacheUnavailable: it could not be finished.
    """
    token = new_nonce()
    try:
        run_id = target.begin(token, target.state().build if build is None else build)
        if run_id is None:
            raise BuiltElsewhere("another relay is rebuilding the cache")
        if first is not None:
            under_cover(first, lambda: _go_on(target, token))
        yield from _rebuild(source, target, token, run_id, counts)
    except Outdated as error:
        raise BuiltElsewhere(str(error)) from error


def _rebuild(source: Source, target: Target, token: str, run_id: str, counts: bool) -> Iterator[Progress]:
    before, seen = target.writes, target.state()
    known = source.pending(1, seen.version)
    epoch = known.clock.epoch if _is_the_one(seen, known, run_id) else source.advance(seen.version).epoch
    progress, basis = None, Basis(token)
    with source.snapshot() as snapshot:
        clock = snapshot.clock
        total = snapshot.count() if counts else 0
        for progress in _everything(snapshot, Reconciler(target, basis, clock, repairs=True), total):
            _go_on(target, token)
            yield progress
    if progress is not None and progress.report.newer:
        epoch = _outrun(source, progress.report) or epoch
        with source.snapshot() as snapshot:
            clock = snapshot.clock
            reconciler = Reconciler(target, basis, clock, repairs=True, suspects=progress.report.newer)
            for again in _second_look(snapshot, reconciler, progress):
                _go_on(target, token)
                yield again
    clock = replace(clock, epoch=epoch)  # ours: that of another rebuild, since, makes this one void
    if not target.finish(token, run_id, clock, known.stored, seen.applied + target.writes - before):
        raise BuiltElsewhere(_LOST)


def _is_the_one(seen: State, known: Pending, run_id: str) -> bool:
    """Return whether this run of this Redis is the one that the outbox's marks are for, and knows the database.

    Else there is to be a new epoch. The former Redis may live on beside this one, with a relay of its own, which marks
    what only that one has: by its epoch it is found out before its lease, or ours, is renewed.
    """
    is_known = known.nonce == seen.nonce and known.clock.version >= seen.version
    return is_known and seen.epoch == known.clock.epoch and seen.built_run == run_id


def _go_on(target: Target, token: str) -> None:
    if not target.go_on(token):
        raise BuiltElsewhere(_LOST)


def _outrun(source: Source, report: Report) -> str | None:
    """See that the versions to come are greater than any in the cache, which may come from a lost state of SQL.

    Return the epoch, if that took a new one.
    """
    highest = max(version_of(raw) for fields in report.newer.values() for raw in fields.values())
    if source.pending(1, highest).clock.version < highest:
        return source.advance(highest).epoch
    return None


def audit(source: Source, target: Target, *, repairs: bool, gently: bool = False) -> Iterator[Progress]:
    """Compare all of SQL with all of Redis, piece by piece, and put right what differs, if it ``repairs``.

    What seemed newer than SQL is looked at a second time: it is, or it is damaged. ``gently``: in pieces of some
    milliseconds, without a total.

    Raises:
        StoreUnavailable, StoreNotReady, CacheUnavailable.
    """
    progress, basis = None, basis_of(target.state())
    with source.snapshot() as snapshot:
        look = _looking(source, target, basis.build, snapshot.clock)
        reconciler = Reconciler(target, basis, snapshot.clock, repairs=repairs, look=look)
        for progress in _everything(snapshot, reconciler, 0 if gently else snapshot.count(), gently=gently):
            yield progress
    if progress is None or not progress.report.newer:
        return
    basis = basis_of(target.state())
    with source.snapshot() as snapshot:
        look = _looking(source, target, basis.build, snapshot.clock)
        suspects = progress.report.newer
        reconciler = Reconciler(target, basis, snapshot.clock, repairs=repairs, suspects=suspects, look=look)
        yield from _second_look(snapshot, reconciler, progress)


def _looking(source: Source, target: Target, build: str, clock: Clock) -> Callable[[], Basis]:
    """Return what an audit looks at before it writes: a restore may have taken its snapshot out of the history.

    What Redis holds may then be of another one, and right.
    """

    def look() -> Basis:
        basis = basis_of(target.state())
        if basis.build != build:
            raise Outdated("the cache was built anew")
        _check_knows(source, clock)
        return basis

    return look


def _check_knows(source: Source, clock: Clock) -> None:
    """Raise Outdated where SQL no longer knows what it showed before."""
    found = source.pending(1, clock.version)
    if found.clock != clock and found.nonce != clock.nonce:
        raise Outdated("the database was restored")


def basis_of(state: State) -> Basis:
    """Return what may be written now, by someone who has seen ``state`` and reads SQL after that."""
    return Basis(state.build, state.applied, state.now_ms)


def looked(source: Source, target: Target) -> tuple[Basis, Clock]:
    """Return what may be written now, and what SQL shows, which knows all that the cache has seen.

    Raises:
        Outdated: it does not.
        StoreUnavailable, StoreNotReady, CacheUnavailable.
    """
    state = target.state()
    found = source.pending(1, state.version)
    if found.nonce != state.nonce:
        raise Outdated("the database was restored")
    return basis_of(state), found.clock


def load(source: Source, target: Target, basis: Basis, clock: Clock, domains: set[str]) -> bool:
    """Put the hashes of some domains in, whole; one that is not hosted is noted as gone.

    Without that note its changes, from the time when it was hosted, would ask for it for ever. Return False where it
    cannot be noted, for there is no list of hosted domains. ``clock`` is what SQL showed when it was looked at for
    ``basis``: after a restore, what is loaded would be the first that the cache sees of the new history, and hide that
    it still holds what is lost.

    Raises:
        StoreUnavailable, StoreNotReady, CacheUnavailable.
    """
    with source.snapshot() as snapshot:
        _check_knows(source, clock)
        sync = Sync(Reconciler(target, basis, snapshot.clock, repairs=True))
        hosted: list[str] = []
        for report in sync.domains(_noted(_of(snapshot, domains), hosted)):
            del report
        clock, value = snapshot.clock, tombstone(snapshot.clock.version)
        gone = [Change(0, clock.nonce, name, "", value) for name in sorted(domains.difference(hosted))]
        return not gone or "rebuild" not in target.apply(basis, gone).outcomes


def _of(snapshot: Snapshot, domains: set[str]) -> Iterator[Part]:
    for name in sorted(domains):
        yield from snapshot.domain(name)


def _everything(snapshot: Snapshot, reconciler: Reconciler, total: int, *, gently: bool = False) -> Iterator[Progress]:
    sync = Sync(reconciler, gently=gently)
    hosted: list[str] = []
    for report in sync.domains(_noted(snapshot.parts(gently=gently), hosted)):
        yield Progress(report.names, total, report)
    for report in sync.listing(hosted):
        yield Progress(report.names, total, report)


def _noted(parts: Iterator[Part], hosted: list[str]) -> Iterator[Part]:
    for part in parts:
        if part.is_first:
            hosted.append(part.domain.name)
        yield part


def _second_look(snapshot: Snapshot, reconciler: Reconciler, first: Progress) -> Iterator[Progress]:
    """Compare again what seemed newer than SQL. What still does, unchanged, is damaged."""
    for report in _again(Sync(reconciler), snapshot, first.report):
        yield _progress(first, report)


def _again(sync: Sync, snapshot: Snapshot, first: Report) -> Iterator[Report]:
    yield from sync.domains(_of(snapshot, first.newer.keys() - {""}))
    if "" in first.newer:
        yield from sync.listing([part.domain.name for part in snapshot.parts() if part.is_first])


def _progress(first: Progress, second: Report) -> Progress:
    """Return the first pass with what the second adds."""
    report = first.report
    report.repaired += second.repaired
    report.differences += second.differences
    second.repaired, second.differences = 0, []
    return Progress(first.done, first.total, report)
