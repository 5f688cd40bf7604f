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
_STORE = re.compile(r" \* store message in folder: (.+)")
_FORWARD = re.compile(r" \* redirect message to: <(.+)>")
_DISCARD = " * discard"
_ERROR = re.compile(r"^\S+: line [0-9]+: error: (.+)$", re.MULTILINE)
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
        ServiceError: ``unavailable`` where the program is missing; ``conflict`` when the script fails on the message.
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
    except subprocess.CalledProcessError as failed:
        raise _failed(failed.stderr.decode("utf-8", "replace")) from None
    except (OSError, subprocess.SubprocessError):
        raise ServiceError("unavailable", f"{PROGRAM} could not try the rules") from None
    return done.stdout.decode("utf-8", "replace")


def _failed(said: str) -> ServiceError:
    """Return what stopped the script: then the mail server leaves the message in the inbox."""
    if error := _ERROR.search(said):
        return ServiceError("conflict", f"the rules fail, and the message stays in the inbox: {error[1]}")
    return ServiceError("unavailable", f"{PROGRAM} could not try the rules")


def _read(printed: str, separator: str) -> Iterator[Done]:
    """Yield what the program says: actions, and below one that stores the flags it gives."""
    current: Done | None = None
    for line in printed.split("\n"):
        if found := _action(line, separator):
            if current is not None:
                yield current
            current = found
        elif current is not None and (flags := _FLAGS.fullmatch(line)):
            current = Done(current.type, current.folder, current.address, tuple(flags[1].split()))
    if current is not None:
        yield current


def _action(line: str, separator: str) -> Done | None:
    """Return what a line says is done; None for one that says something else."""
    if found := _STORE.fullmatch(line):
        return Done("store", folder=found[1] if found[1] == _INBOX else found[1].replace(separator, SEPARATOR))
    if found := _FORWARD.fullmatch(line):
        return Done("forward", address=found[1])
    return Done("discard") if line == _DISCARD else None
