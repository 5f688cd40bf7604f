"""The store and the cache: whether they answer, agree, and have the same time."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from byname.doctor.facts import CacheFact, ClockFact, DatabaseFact, DomainFact, MapFileFact, Unknown
from byname.doctor.probes.system import sqlite_file
from byname.wiring.dns import dns_expected
from conf.settings import Settings
from routing.address import Address
from routing.directory import Directory, LookupFailed
from store.batches import batches
from store.cache.directory import RedisDirectory
from store.dns.records import CheckedRecord
from store.errors import CacheUnavailable, StoreNotReady, StoreUnavailable
from store.relay.tools import CacheTools, tools
from store.services import map_files
from store.services.domain_checks import requirements
from store.services.domains import list_all
from store.services.sampling import some_names
from store.services.views import Domain
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.server_clock import server_time

_COMPARED = 300  # names
_LOOKED_UP = 2000  # names of ours, for tables of Postfix's
_CHECKED = 500  # domains whose records are looked at
_AT_ONCE = 50
_LOOKS, _PAUSE = 3, 0.3  # a difference counts that was there each time; seconds between
_TROUBLE = (StoreNotReady, StoreUnavailable)


@dataclass(frozen=True, slots=True)
class Stored:
    """What was learned of the store and the cache."""

    database: DatabaseFact | Unknown
    domains: tuple[DomainFact, ...] | Unknown
    names: tuple[str, ...]  # some addresses, and ``@domain`` for each domain
    cache: CacheFact | Unknown | None
    clocks: tuple[ClockFact, ...]
    map_files: tuple[MapFileFact, ...] | Unknown = ()


def stored(settings: Settings) -> Stored:
    """Look at the store, and the cache where there is one."""
    if _is_not_for_us(settings.store.url):
        return _without(Unknown("this user may not read the database; run byname doctor as root"), settings)
    try:
        database = Database.open(settings.store.url)
    except StoreNotReady as error:
        return _without(DatabaseFact(str(error)), settings)
    with closing(database):
        try:
            database.check()
            return _looked_at(settings, database)
        except StoreNotReady as error:
            return _without(DatabaseFact(str(error), is_behind=True), settings)
        except StoreUnavailable as error:
            return _without(DatabaseFact(str(error)), settings)


def _is_not_for_us(url: str) -> bool:
    """Tell whether it is a file that this user may not read; that says nothing about the daemons."""
    path = sqlite_file(url)
    try:
        return path is not None and path.exists() and not os.access(path, os.R_OK)
    except PermissionError:  # not even look for
        return True


def _without(database: DatabaseFact | Unknown, settings: Settings) -> Stored:
    reason = Unknown("the database does not answer, or is of another version")
    if isinstance(database, Unknown):
        reason = database
    return Stored(database, reason, (), None if settings.cache.url is None else reason, (), reason)


def _looked_at(settings: Settings, database: Database) -> Stored:
    with database.read() as tx:
        found = [domain for domain in list_all(tx) if domain.verified_at is not None]
        facts = tuple(_with_records(found, requirements.known(tx, found[:_CHECKED], dns_expected(settings))))
        names = some_names(tx, _LOOKED_UP)
        files = tuple(MapFileFact(one.name, one.in_step, one.problem) for one in map_files.list_all(tx))
        before, theirs = time.time(), server_time(tx)
    clocks = [] if theirs is None else [ClockFact("PostgreSQL", theirs.timestamp() - before)]
    cache: CacheFact | Unknown | None = None
    if settings.cache.url is not None:
        cache = _cache(settings.cache.url, database, names[:_COMPARED], clocks)
    known = (*map(str, names), *(f"@{domain.name}" for domain in found))
    return Stored(DatabaseFact(None), facts, known, cache, tuple(clocks), files)


def _with_records(domains: list[Domain], records: dict[int, tuple[CheckedRecord, ...]]) -> Iterator[DomainFact]:
    for one in domains:
        wrong = (str(record.purpose) for record in records.get(one.id, ()) if record.state in {"missing", "wrong"})
        proof = one.proof
        yield DomainFact(
            one.name, one.proof_lapsed, proof.missing_since, proof.last_checked_at, tuple(dict.fromkeys(wrong))
        )


def _cache(url: str, database: Database, names: list[Address], clocks: list[ClockFact]) -> CacheFact:
    try:
        with tools(database, url) as opened:
            before = time.time()
            clocks.append(ClockFact("Redis", opened.clock() - before))
            return _compared(opened, url, database, names)
    except (*_TROUBLE, CacheUnavailable) as error:
        return CacheFact(str(error))


def _compared(opened: CacheTools, url: str, database: Database, names: list[Address]) -> CacheFact:
    state = opened.state()
    different: set[Address] = set()
    if state.lease is not None:
        with closing(RedisDirectory.open(url)) as cache:
            different = _differing(cache, SqlDirectory(database), names)
    return CacheFact(
        None,
        state.lease,
        state.built,
        state.policy,
        state.waiting,
        state.oldest_waiting,
        len(names),
        tuple(sorted(map(str, different))),
    )


def _differing(cache: Directory, sql: Directory, names: list[Address]) -> set[Address]:
    """Return the names about which the two differ, each time that they are asked: changes are always on their way."""
    left = set(names)
    for number in range(_LOOKS):
        if number:
            time.sleep(_PAUSE)
        left = {name for batch in batches(sorted(left, key=str), _AT_ONCE) for name in _unlike(cache, sql, set(batch))}
        if not left:
            break
    return left


def _unlike(cache: Directory, sql: Directory, names: set[Address]) -> set[Address]:
    for _ in range(_LOOKS):
        try:
            one, other = cache.lookup(names), sql.lookup(names)
        except LookupFailed:  # late, on a busy machine; where it stays so other checks say it
            continue
        return {name for name in names if one.get(name.domain) != other.get(name.domain)}
    return set()
