"""The temporary folder that a rig lives in."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a folder with a short path that every user may pass through, and remove it afterwards.

    Short, since the path of a unix socket holds 107 bytes at most; passable, since Postfix's and Dovecot's processes
    reach their sockets as users of their own.
    """
    folder = Path(tempfile.mkdtemp(prefix="bn-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
