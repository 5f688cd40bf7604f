"""The file of a backup: a tar of the data and its manifest, put in place whole or not at all.

``tar xf`` opens it without Byname: ``byname.db`` is an SQLite database, ``byname.dump`` what ``pg_restore`` reads.
"""

import contextlib
import errno
import hashlib
import io
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO

from store.backup.manifest import SQLITE, Manifest, from_json, to_json
from store.errors import BadBackup

_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 65_536
_PIECE = 1 << 20
_PRIVATE = 0o600  # password hashes and the secrets of second factors
_NAME = re.compile(r"byname-[0-9]{8}T[0-9]{6}Z\.tar")  # by name is by time

Show = Callable[[int, int], None]  # is told how much is done, of how much; 0: nobody knows


class _Hashed:
    """A file that counts and hashes what is read of it."""

    def __init__(self, file: IO[bytes], size: int, show: Show) -> None:
        self._file, self._size, self._show = file, size, show
        self.digest, self.done = hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(size)
        self.digest.update(found)
        self.done += len(found)
        self._show(self.done, self._size)
        return found


def data_name(database: str) -> str:
    """Return the name of the data in the backup of such a database."""
    return "byname.db" if database == SQLITE else "byname.dump"


def file_in(target: Path, now: datetime) -> Path:
    """Return the file to write: ``target``, or one named after the moment in it, when that is a folder.

    Raises:
        BadBackup: there is no such folder.
    """
    if target.is_dir():
        return target / f"byname-{now:%Y%m%dT%H%M%SZ}.tar"
    if not target.parent.is_dir():
        raise BadBackup("there is no such folder; create it first", target.parent)
    return target


@contextmanager
def work_folder(beside: Path | None) -> Iterator[Path]:
    """Make a private folder, in ``beside`` or where temporary files go, for the length of a block.

    A full disk is said in plain words, and leaves nothing.

    Raises:
        OSError: of the folder; ENOSPC when there is no room.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".byname-backup-", dir=beside) as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise OSError(
                error.errno, "the disk is full; nothing was left behind", str(beside or tempfile.gettempdir())
            ) from error
        raise


def pack(data: Path, manifest: Manifest, file: Path, show: Show) -> Manifest:
    """Write the backup ``file`` (mode 0600) from ``data``, in a folder beside it. It appears whole, by a rename.

    ``size`` and ``sha256`` of the manifest are filled in, and it is returned.
    """
    made, size = data.with_name("made.tar"), data.stat().st_size
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar, data.open("rb") as content:
            hashed = _Hashed(content, size, show)
            tar.addfile(_member(data_name(manifest.database), size), hashed)
            manifest = replace(manifest, size=size, sha256=hashed.digest.hexdigest())
            text = to_json(manifest)
            tar.addfile(_member(_MANIFEST, len(text)), io.BytesIO(text))
        out.flush()
        os.fsync(out.fileno())
    made.rename(file)
    _sync(file.parent)
    return manifest


def read_manifest(file: Path) -> Manifest:
    """Return the manifest of a backup.

    Raises:
        BadBackup: the file is none, or not for this Byname.
        OSError: it cannot be opened.
    """
    with _opened(file) as tar:
        return _read_manifest(tar, file)


def unpack(file: Path, folder: Path, show: Show) -> Path:
    """Put the data of a backup into ``folder``, mode 0600, and return its path, once it is what the manifest says.

    Raises:
        BadBackup: it is not.
    """
    with _opened(file) as tar:
        manifest = _read_manifest(tar, file)
        content = _member_of(tar, data_name(manifest.database), file)
        data = folder / data_name(manifest.database)
        hashed = _Hashed(content, manifest.size, show)
        with os.fdopen(os.open(data, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "wb") as out:
            while piece := hashed.read(_PIECE):
                out.write(piece)
    if (hashed.done, hashed.digest.hexdigest()) != (manifest.size, manifest.sha256):
        raise BadBackup("what it holds is not what its manifest says: it is damaged", file)
    return data


def remove_older(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest ``keep`` backups that were named after their moment; return those removed."""
    found = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file())
    old = found[:-keep]
    for path in old:
        path.unlink(missing_ok=True)
    return old


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, mode="r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError):
        raise BadBackup("it is no backup of Byname's, or only a part of one", file) from None


def _read_manifest(tar: tarfile.TarFile, file: Path) -> Manifest:
    try:
        return from_json(_member_of(tar, _MANIFEST, file).read(_LARGEST_MANIFEST))
    except BadBackup as error:
        raise BadBackup(error.reason, error.file or file) from None


def _member_of(tar: tarfile.TarFile, name: str, file: Path) -> IO[bytes]:
    with contextlib.suppress(KeyError):
        content = tar.extractfile(name)
        if content is not None:
            return content
    raise BadBackup("it is no backup of Byname's, or only a part of one", file)


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, _PRIVATE
    return info


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
