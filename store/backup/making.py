"""Making a backup."""

from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from store.backup import archive, postgresql, sqlite
from store.backup.archive import Show
from store.backup.manifest import FORMAT, POSTGRESQL, SQLITE, Manifest
from store.clock import rfc3339
from store.errors import StoreNotReady
from store.migrations import migrate
from store.sql.backend import backend
from store.sql.revisions import REVISIONS
from store.sql.sqlite import Sqlite


def make(url: str, file: Path, now: datetime, show: Show) -> Manifest:
    """Write all of the store at ``url`` into ``file``, which appears whole at the end, or not at all.

    What is written to the store meanwhile is in it or not, but never by half.

    Raises:
        StoreNotReady: there is no store, it is newer than this Byname, or a program is missing.
        StoreUnavailable: it does not answer.
        BadBackup: the copy is damaged, and so is the store.
        OSError: of the file; ENOSPC when there is no room for it.
    """
    revision = migrate.revision(url)
    if revision not in REVISIONS:
        raise StoreNotReady(
            "the database has no tables yet; run: byname db upgrade" if revision is None else
            f"the database is at revision {revision!a}, which this Byname does not know: this Byname is older than the"
            " database; install the newer version"
        )  # fmt: skip
    place = backend(url)
    kind = SQLITE if isinstance(place, Sqlite) else POSTGRESQL
    tool = None
    with archive.work_folder(file.parent) as folder:
        data = folder / archive.data_name(kind)
        if isinstance(place, Sqlite):
            with sqlite.translated():
                sqlite.copy(place.path, data, show)
        else:
            tool = postgresql.dump(url, data, show)
        manifest = Manifest(FORMAT, version("byname"), revision, kind, rfc3339(now), 0, "", tool)
        return archive.pack(data, manifest, file, show)
