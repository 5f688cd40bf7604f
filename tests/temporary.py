"""Where the tests' temporary folders are: in memory, where there is room, for the machine's disk is no part of a test.

SQLite, PostgreSQL and Postfix wait for the disk again and again, a few milliseconds each time; in memory for nothing.
Whoever sets TMPDIR has the last word.
"""

import os
import shutil
import tempfile
from pathlib import Path

_IN_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30  # bytes


def use_memory() -> None:
    """Have tempfile, and all processes that are started from here, make their folders in memory, if that will do."""
    if "TMPDIR" not in os.environ and _will_do(_IN_MEMORY):
        os.environ["TMPDIR"] = str(_IN_MEMORY)
        tempfile.tempdir = None  # it may have chosen already


def _will_do(folder: Path) -> bool:
    """Return whether a folder has room, and programs in it may be run."""
    try:
        has_room = shutil.disk_usage(folder).free >= _ROOM
        return has_room and os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_NOEXEC
    except OSError:
        return False
