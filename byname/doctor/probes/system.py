"""The machine: disks, settings files, running daemons, the mailbox server, and tables of Postfix's with our names."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import byname
from byname.doctor.facts import DiskFact, FileFact, MailStoreFact, ProcessFact, Unknown
from byname.postfix.machine import Postfix, items
from byname.postfix.milters import socket_of
from byname.postfix.postconf import PostfixUnreadable, found_in
from conf.listen import InetSocket
from conf.settings import Settings, settings_files
from edges.lmtp.backend import StoreFailed, Timeouts
from edges.lmtp.pool import Pool

_DAEMONS = frozenset({"milter", "maps", "lmtp", "relay", "api"})
_PATIENT = Timeouts(connect=3, command=5)
_PROC = Path("/proc")


def disks(settings: Settings, postfix: Postfix | Unknown) -> Iterator[DiskFact]:
    """Yield the file systems of the store, where it is a file, and of Postfix's queue."""
    places = []
    if (database := sqlite_file(settings.store.url)) is not None:
        places.append(("the database", database.parent))
    if isinstance(postfix, Postfix):
        places.append(("Postfix's queue", postfix.queue))
    for what, path in places:
        try:
            found = os.statvfs(path)
        except OSError:
            continue  # other checks say so
        yield DiskFact(what, str(path), found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def sqlite_file(url: str) -> Path | None:
    """Return the file of a database that is one, ``sqlite:////path``."""
    kind, _, path = url.partition(":///")
    return Path(path) if kind == "sqlite" else None


def files(config: Path | None) -> Iterator[FileFact]:
    """Yield the settings files that are there."""
    for name, holds_secret in settings_files(config).items():
        try:
            yield FileFact(name, Path(name).stat().st_mode & 0o7777, holds_secret)
        except OSError:
            continue


def mail_store(settings: Settings, postfix: Postfix | Unknown) -> MailStoreFact | None:
    """Ask the mailbox server behind Byname, or behind Postfix's LMTP client, what it offers."""
    place = _mail_store_place(settings, postfix)
    if place is None:
        return None
    with closing(Pool(place, _PATIENT)) as pool:
        try:
            return MailStoreFact(place, None, frozenset(pool.offered()))
        except StoreFailed as error:
            return MailStoreFact(place, str(error))


def _mail_store_place(settings: Settings, postfix: Postfix | Unknown) -> str | None:
    if settings.edge_delivers or isinstance(postfix, Unknown):
        return settings.lmtp.backend
    kind, _, nexthop = postfix.value("virtual_transport").partition(":")
    at = socket_of(nexthop, postfix.queue) if kind == "lmtp" else None
    if at is None:
        return None
    return f"inet:{at.port}@{at.host}" if isinstance(at, InetSocket) else f"unix:{at.path}"


def processes() -> Iterator[ProcessFact]:
    """Yield the running daemons of Byname, as far as this user may see them."""
    for folder in _PROC.glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            command = _daemon(words)
            if command is not None:
                yield ProcessFact(int(folder.name), command, _started(folder))
        except OSError:
            continue  # it ended, or is not ours to see


def installed() -> float | None:
    """Return when the files of this version were put here: the change time of one, for packages keep the others."""
    return None if byname.__file__ is None else Path(byname.__file__).stat().st_ctime


def shadowed(names: Sequence[str], postfix: Postfix | Unknown) -> Mapping[str, tuple[str, ...]] | Unknown:
    """Return the tables of virtual_alias_maps with those of the names that they lead elsewhere."""
    if isinstance(postfix, Unknown):
        return postfix
    tables = items(postfix.value("virtual_alias_maps"))
    try:
        return {table: _led_elsewhere(table, names, postfix.folder) for table in tables} if names else {}
    except PostfixUnreadable as error:
        return Unknown(f"a table of virtual_alias_maps cannot be asked: {error}")


def _led_elsewhere(table: str, names: Sequence[str], folder: Path) -> tuple[str, ...]:
    found = found_in(table, names, folder)
    return tuple(name for name, target in found.items() if target.lower() != name)


def _daemon(words: Sequence[str]) -> str | None:
    """Return the command of a daemon, without the program and its options; None for any other process."""
    is_byname = any(Path(word).name == "byname" for word in words[:3])
    at = next((number for number, word in enumerate(words) if word in _DAEMONS), None)
    return " ".join(words[at:]).strip() if is_byname and at is not None else None


def _started(folder: Path) -> float:
    """Return when a process began, in seconds since 1970 (proc(5): field 22 of stat, btime of /proc/stat)."""
    ticks = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
    booted = re.search(r"^btime (\d+)$", (_PROC / "stat").read_text(), re.MULTILINE)
    return (int(booted[1]) if booted else 0) + ticks / os.sysconf("SC_CLK_TCK")
