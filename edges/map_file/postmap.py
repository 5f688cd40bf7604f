"""postmap(1): the only program that writes Postfix's files, as Postfix's own version of their library does.

A file is kept in one of two ways (measured, docs/facts.md, "Milter and Postfix"): lmdb is changed in place, which
running processes of Postfix see at once; a whole new file is put in the place of the old one, which they notice within
some ten seconds.
"""

import contextlib
import os
import shutil
import struct
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

from conf.map_file import MapFile, bad_setting

SETTLED = 15.0  # seconds after which every process of Postfix reads a file that was put in another's place
_CDB_HEADER = 2048  # octets: where each of 256 tables begins, and how long it is
_PATIENCE = 60.0  # seconds for one run
_PLACES = "/usr/sbin:/sbin:/usr/local/sbin"


class MapFileError(Exception):
    """The file could not be read or written; the message says why, and is for people."""


class Postmap:
    """One file, by postmap(1). For one thread."""

    def __init__(self, place: MapFile) -> None:
        self._place = place
        self._program = _program("postmap")

    @property
    def is_changed_in_place(self) -> bool:
        """Whether :meth:`add` and :meth:`remove` can be used; cdb knows no change."""
        return self._place.kind == "lmdb"

    def keys(self) -> set[str] | None:
        """Return what the file holds; None when there is none, or none that can be read."""
        try:
            if self._place.kind == "cdb":
                return cdb_keys(self._place.file.read_bytes())
            if not self._place.file.exists():  # postmap would wait for it
                return None
            return {line.partition("\t")[0] for line in self._run(["-s", str(self._place)]).splitlines()}
        except (MapFileError, OSError, ValueError):
            return None

    def add(self, keys: Collection[str]) -> None:
        """Put keys into the file as it is. Raises MapFileError: some of them may be in it."""
        self._run(["-i", "-r", str(self._place)], _lines(keys))

    def remove(self, keys: Collection[str]) -> None:
        """Take keys that are in the file out of it. Raises MapFileError: some of them may be gone."""
        self._run(["-d", "-", str(self._place)], "".join(f"{key}\n" for key in sorted(keys)))

    def replace(self, keys: Collection[str]) -> None:
        """Put a whole new file in the place of the one that is there. Raises MapFileError: the old one stays."""
        source = self._place.path.with_name(f".{self._place.path.name}.new")
        made = source.with_name(f"{source.name}.{self._place.kind}")
        try:
            made.unlink(missing_ok=True)  # of one that was killed; postmap would not write over half a file
            source.write_text(_lines(keys), encoding="utf-8")
            self._run([f"{self._place.kind}:{source}"])
            _sync(made)
            made.replace(self._place.file)
        except OSError as error:
            raise MapFileError(f"{self._place.file}: {error.strerror or error}") from error
        finally:
            for left in (source, made):
                with contextlib.suppress(OSError):
                    left.unlink()

    def _run(self, words: Sequence[str], given: str = "") -> str:
        try:
            done = subprocess.run(
                [self._program, *words],
                input=given.encode(),
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
                umask=0o022,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MapFileError(f"postmap: {error}") from error
        if done.returncode:
            raise MapFileError(_words(done.stderr) or f"postmap ended with {done.returncode}")
        return done.stdout.decode(errors="surrogateescape")


def cdb_keys(octets: bytes) -> set[str]:
    """Return the keys of a cdb file, whose parts postmap does not list: https://cr.yp.to/cdb/cdb.txt.

    Raises:
        ValueError: it is none, or not all of one.
    """
    try:
        tables = list(struct.iter_unpack("<II", octets[:_CDB_HEADER]))
        end = max(start + 8 * slots for start, slots in tables)
        first = min(start for start, _ in tables)
        found, at = set[str](), _CDB_HEADER
        while at < first:
            key, value = struct.unpack_from("<II", octets, at)
            found.add(octets[at + 8 : at + 8 + key].decode())
            at += 8 + key + value
    except struct.error as error:
        raise ValueError(str(error)) from error
    if len(tables) != 256 or end != len(octets) or at != first:
        raise ValueError("not a whole cdb file")
    return found


def require_kind(place: MapFile) -> None:
    """Return if this machine's Postfix knows the kind of file.

    Raises:
        ConfigError: it does not, or there is no Postfix, or it cannot be asked.
    """
    _program("postmap")
    done = subprocess.run([_program("postconf"), "-m"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise bad_setting(f"Postfix cannot be asked which files it knows: {_words(done.stderr.encode())}")
    if place.kind not in done.stdout.split():
        raise bad_setting(f"this Postfix does not know {place.kind}: install postfix-{place.kind}")


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_PLACES}")
    if found is None:
        raise bad_setting(f"{name} is not installed: it comes with Postfix, which must be on this machine")
    return found


def _lines(keys: Collection[str]) -> str:
    return "".join(f"{key} {key}\n" for key in sorted(keys))


def _words(stderr: bytes) -> str:
    """Return the last line of what postmap said, without its name and the severity."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].partition("postmap: ")[2].removeprefix("fatal: ") or lines[-1] if lines else ""


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
