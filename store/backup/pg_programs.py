"""PostgreSQL's own programs: which of those installed fits, and how it learns the place and the password.

What ``[store] url`` says goes into a service file of mode 0600 (libpq's "connection service file"), so nothing of it
stands on a command line; the password goes by the environment of the program, which its user alone can read.
"""

import errno
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from sqlalchemy import URL

from store.errors import StoreNotReady, StoreUnavailable
from store.sql.libpq import parameters

_DEBIAN = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_SERVICE = "byname"


def program(name: str, least: int) -> str:
    """Return the path of ``pg_dump`` or ``pg_restore`` of that major version, or of the next newer one installed.

    Raises:
        StoreNotReady: all are older, or there is none; the message names the package.
    """
    found = sorted(
        (int(path.parts[-3]), path) for path in _DEBIAN.glob(f"[0-9]*/bin/{name}") if path.parts[-3].isdigit()
    )
    for major, path in found:
        if major >= least:
            return str(path)
    on_path = shutil.which(name)
    newest = _version(on_path) if on_path else None
    if on_path and newest is not None and newest >= least:
        return on_path
    there = f"the newest one here is of {newest}" if newest is not None else "there is none here"
    raise StoreNotReady(
        f"{name} of PostgreSQL {least} or newer is needed, and {there}; install Debian's postgresql-client-{least}"
    )


def major_of(path: str) -> int:
    """Return the major version of a program."""
    return _version(path) or 0


def plain_environment() -> Mapping[str, str]:
    """Return the environment of a program that needs no database."""
    return {**os.environ, "LC_ALL": "C"}


def _version(path: str) -> int | None:
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = _VERSION.search(told)
    return int(found[1]) if found else None


@contextmanager
def environment(url: URL) -> Iterator[Mapping[str, str]]:
    """Return the environment in which a program reaches the database at ``url``, for the length of a block.

    Raises:
        StoreNotReady: the URL holds a line break.
    """
    values = dict(parameters(url))
    password = values.pop("password", None)
    lines = [f"[{_SERVICE}]", *(f"{key}={value}" for key, value in values.items())]
    if any("\n" in line or "\r" in line for line in lines):
        raise StoreNotReady("store.url holds a line break")
    with tempfile.NamedTemporaryFile("w", prefix=".byname-pg-", suffix=".conf") as service:  # mode 0600
        service.write("\n".join([*lines, ""]))
        service.flush()
        ours = {"PGSERVICEFILE": service.name, "PGSERVICE": _SERVICE, "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
        yield {**os.environ, **ours, **({"PGPASSWORD": password} if password else {})}


@contextmanager
def output(command: list[str], environ: Mapping[str, str]) -> Iterator[IO[bytes]]:
    """Run a program for the length of a block, and return what it writes to its standard output.

    Raises:
        OSError: it found the disk full.
        StoreNotReady, StoreUnavailable: it did not end well; the message holds nothing of the URL.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environ
        )
        try:
            with cast("IO[bytes]", process.stdout) as stream:
                yield stream
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.wait():
            errors.seek(0)
            raise _failed(Path(command[0]).name, errors.read(65_536).decode(errors="replace"))


def _failed(name: str, told: str) -> Exception:
    if "No space left on device" in told:
        return OSError(errno.ENOSPC, "the disk is full; nothing was left behind")
    if "password" in told and "authentication failed" in told:
        return StoreUnavailable("the database server refuses the user or password of store.url")
    if "permission denied" in told:
        return StoreNotReady("the user of store.url may not read all of the store; take the one that owns the tables")
    if "connection to server" in told:
        return StoreUnavailable("the database cannot be reached")
    line = next((line for line in told.splitlines() if "error" in line), "it says nothing")
    return StoreUnavailable(f"{name} could not finish: {line}")
