"""What a script does with a message, by Dovecot's own ``sieve-test``, which files and sends nothing.

The script is one of ours; the message may be anything. It runs in a folder of its own that goes afterwards, as the
user of this process, or as nobody where that is root.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from routing.filters.folders import SEPARATOR
from store.errors import ServiceError

PROGRAM = "sieve-test"
_LONGEST = 10  # seconds
_NOBODY = 65534
_PLACES = "/usr/bin:/usr/local/bin:/bin:/usr/sbin:/usr/local/sbin"
_ACTION = re.compile(r"^ \* (store message in folder: |redirect message to: <|discard$)(.*?)>?$")
_FLAGS = re.compile(r"^ +\+ add IMAP flags: (.+)$")
_INBOX = "INBOX"


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that a script does with a message."""

    type: Literal["store", "forward", "discard"]
    folder: str | None = None  # as rules write it; INBOX: it stays there
    address: str | None = None
    flags: tuple[str, ...] = ()  # of IMAP, in lower case: for one ``\\seen``


def try_script(script: str, message: bytes, separator: str) -> tuple[Done, ...]:
    """Return what a script does with a message.

    Args:
        script: that includes no other.
        message: raw, as it comes from the mail server.
        separator: what the script puts between folders.

    Raises:
        ServiceError: ``unavailable`` where the program is missing or fails.
    """
    program = shutil.which(PROGRAM, path=_PLACES)
    if program is None:
        raise ServiceError("unavailable", f"{PROGRAM} is not installed here", hint="apt-get install dovecot-sieve")
    with TemporaryDirectory(prefix="byname-sieve-") as name:
        folder = Path(name)
        _lay_out(folder, script, message)
        printed = _run([program, "-c", f"{folder}/dovecot.conf", f"{folder}/rules.sieve", f"{folder}/message"], folder)
    return tuple(_read(printed, separator))


def _lay_out(folder: Path, script: str, message: bytes) -> None:
    user = _NOBODY if os.geteuid() == 0 else os.geteuid()
    (folder / "rules.sieve").write_text(script, "utf-8")
    (folder / "message").write_bytes(message)
    (folder / "dovecot.conf").write_text(
        f"mail_location = maildir:{folder}/mail\nmail_uid = {user}\nmail_gid = {user}\nfirst_valid_uid = 1\n"
    )
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, user, user)


def _run(command: list[str], folder: Path) -> str:
    environ = {"PATH": _PLACES, "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    try:
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, timeout=_LONGEST, check=True)
    except (OSError, subprocess.SubprocessError):
        raise ServiceError("unavailable", f"{PROGRAM} could not try the rules") from None
    return done.stdout.decode("utf-8", "replace")


def _read(printed: str, separator: str) -> Iterator[Done]:
    """Yield what the program says: actions, and below one that stores the flags it gives."""
    current: Done | None = None
    for line in printed.splitlines():
        if found := _ACTION.fullmatch(line):
            if current is not None:
                yield current
            current = _action(found[1], found[2], separator)
        elif current is not None and (flags := _FLAGS.fullmatch(line)):
            current = Done(current.type, current.folder, current.address, tuple(flags[1].split()))
    if current is not None:
        yield current


def _action(command: str, argument: str, separator: str) -> Done:
    if command.startswith("store"):
        folder = argument if argument == _INBOX else argument.replace(separator, SEPARATOR)
        return Done("store", folder=folder)
    return Done("discard") if command.startswith("discard") else Done("forward", address=argument)
