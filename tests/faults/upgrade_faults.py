"""Another release comes machine by machine while mail flows, as rows: docs/upgrade.md, and the way back."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from byname.exits import ExitCode
from byname.sandbox.folders import short_folder
from byname.sandbox.processes import run_program
from byname.sandbox.waiting import wait_until
from store.migrations import migrate
from store.sql.backend import backend
from store.wire_format import layout
from tests.faults.cache_faults import LEASE
from tests.faults.cached_site_faults import run_statements
from tests.faults.many_world import ManyWorld
from tests.faults.names import FIRST
from tests.faults.release import UNDONE, Release, make_release
from tests.faults.timeline import Timeline
from tests.faults.world import World

_WITHIN = 30.0  # seconds
_SEEN = 3.0  # seconds of mail that a change is held against


def another_release(*, has_tables: bool) -> Callable[[World], AbstractContextManager[None]]:
    """Return what makes another release beforehand, and afterwards brings this one back everywhere.

    With tables of its own that is no way back for people, who have the mail flow on: here it has ceased.
    """

    @contextmanager
    def around(world: World) -> Iterator[None]:
        assert isinstance(world, ManyWorld)
        with short_folder() as folder:
            world.release = make_release(folder / "other", has_tables=has_tables)
            try:
                yield
            finally:
                _bring_back(world, world.release, has_tables=has_tables)

    return around


def _bring_back(world: ManyWorld, release: Release, *, has_tables: bool) -> None:
    if has_tables:
        migrate.patiently(backend(world.url), partial(run_statements, UNDONE))
    _replace(world, *world.daemons("relay"), *world.daemons("api"))
    for place in world.many.mail:
        world.restart_mail(place, how=signal.SIGKILL)
    with world.cache as cache:
        for key in cache.scan_iter(f"{release.prefix}*"):
            cache.unlink(key)
    world.lease_key = layout.LEASE_KEY
    world.wait_until_in_step()


@contextmanager
def upgraded_by_machine(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """New tables, then the daemons: relays first, then each mail machine, then the APIs; last what Redis holds."""
    release = world.release
    config = world.many.folder / "db.toml"
    with world.many.machine(world.many.plan.stores[0]).inside():
        release.command(config, "backup", str(world.many.folder / "backup.tar"))
        release.command(config, "db", "upgrade")
        release.command(config, "db", "check")
    first, second = world.daemons("relay")
    timeline.killed()
    _replace(world, first, release=release)
    _side_by_side(world, timeline, release, second)
    _replace(world, second, release=release)
    world.lease_key = release.lease_key
    for place in world.many.mail:
        world.restart_mail(place, environ=release.environ)
    _replace(world, *world.daemons("api"), release=release)
    _remove_former_keys(world)
    with timeline.still():  # the next change of a name would hide that one was missed
        yield


@contextmanager
def half_upgraded(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """New tables, the relay and one of two mail machines; the other one goes on as it was."""
    release, (first, *_) = world.release, world.many.mail
    config = world.many.folder / "db.toml"
    with world.many.machine(world.many.plan.stores[0]).inside():
        release.command(config, "db", "upgrade")
        for what in (("db", "check"), ("relay",)):
            refused = run_program([sys.executable, "-m", "byname", "--config", str(config), *what], None)
            assert refused.returncode == ExitCode.CONFIG, refused
            assert "this Byname is older than the database" in refused.stdout + refused.stderr
    _replace(world, *world.daemons("relay"), release=release)
    world.lease_key = release.lease_key
    wait_until(world.is_vouched_for, _WITHIN, "a lease of the other release")
    with timeline.still():  # the next change of a name would hide that one was missed
        world.restart_mail(first, environ=release.environ, how=signal.SIGKILL)
        yield


@contextmanager
def back_again(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """One machine of each kind gets a release without tables of its own, for a while, and then its former one."""
    release, place = world.release, world.many.plan.mail[-1]
    theirs = (world.daemons("relay")[-1], world.daemons("api")[-1])
    timeline.killed()
    _replace(world, *theirs, release=release)
    world.restart_mail(place, environ=release.environ)
    _side_by_side(world, timeline, release, world.daemons("relay")[0])
    _replace(world, *theirs)
    world.restart_mail(place)
    with timeline.still():
        yield


def _remove_former_keys(world: ManyWorld) -> None:
    """Remove what the former format has left, as docs/upgrade.md says it."""
    place = world.many.primary()
    redis = f"redis-cli -s {world.many.redis[place].socket}"
    world.many.run_at(place, "sh", "-c", f"{redis} --scan --pattern '{layout.PREFIX}*' | xargs -r {redis} unlink")
    with world.cache as cache:
        assert not list(cache.scan_iter(f"{layout.PREFIX}*"))


def _replace(world: ManyWorld, *names: str, release: Release | None = None) -> None:
    for name in names:
        world.end(name, how=signal.SIGTERM)
        world.begin(name, environ=release.environ if release else None)


def _side_by_side(world: ManyWorld, timeline: Timeline, release: Release, ours: str) -> None:
    """Let relays of both releases work; one of ``ours`` stops for a moment, in which the other marks all changes.

    By then it has counted more than any mark says, as repairs do: by no count will it find out what it has missed. Then
    no name changes for longer than a change may be unknown, so that mail shows what it knows.
    """
    _wait_for_both(world, release)
    relay = world.many.daemons[ours]
    relay.send(signal.SIGSTOP)
    with world.cache as cache:
        cache.hincrby(layout.STATE_KEY, "applied", 1000)
    before = {name: timeline.now(name) for name in FIRST}
    wait_until(lambda: all(timeline.now(name) != before[name] for name in FIRST), _WITHIN, "changes of all names")
    with timeline.still():
        wait_until(lambda: world.unapplied() == 0, _WITHIN, "marks of the other release")
        relay.send(signal.SIGCONT)
        time.sleep(LEASE + _SEEN)
        _wait_for_both(world, release)


def _wait_for_both(world: ManyWorld, release: Release) -> None:
    """Wait until each release has begun or ended a build of its own: each takes the lease from the other."""
    for prefix in (release.prefix, layout.PREFIX):
        before = _built(world, prefix)
        wait_until(lambda prefix=prefix, before=before: _built(world, prefix) != before, _WITHIN, f"a build: {prefix}")  # type: ignore[misc]


def _built(world: ManyWorld, prefix: str) -> bytes | None:
    """Return which build of the cache the relays of a release have."""
    with world.cache as cache:
        found = cache.hget(layout.STATE_KEY.replace(layout.PREFIX, prefix), "build")
        assert found is None or isinstance(found, bytes)
        return found
