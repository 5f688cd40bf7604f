"""main.cf and master.cf as texts: what they would be after some changes, and putting texts in their place."""

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from byname.postfix.postconf import postconf
from byname.setup.errors import SetupRefused
from byname.setup.plan import Plan

NAMES = ("main.cf", "master.cf")
Texts = Mapping[str, str]  # by name; bytes that are no UTF-8 as surrogates


def texts_in(folder: Path) -> dict[str, str]:
    """Return both files. Raises OSError."""
    return {name: (folder / name).read_text("utf-8", "surrogateescape") for name in NAMES}


def texts_after(before: Texts, plan: Plan, scratch: Path) -> dict[str, str]:
    """Return both files with the changes made, by postconf(1) on copies in ``scratch``.

    Raises:
        PostfixUnreadable: postconf refuses a change.
    """
    for name, text in before.items():
        (scratch / name).write_text(text, "utf-8", "surrogateescape")
    in_main = [f"{change.name} = {change.after}" for change in plan.changes if change.service is None]
    in_master = [f"{change.name} = {change.after}" for change in plan.changes if change.service is not None]
    for option, lines in (("-e", in_main), ("-P", in_master), ("-M", _entry(plan))):
        if lines:
            look_old(scratch)
            postconf(scratch, option, *lines)
    look_old(scratch)
    return texts_in(scratch)


def look_old(folder: Path) -> None:
    """Make both files look an hour old: Postfix's programs wait 2 s for one just changed (measured, 3.7)."""
    hour_ago = time.time() - 3600
    for name in NAMES:
        os.utime(folder / name, (hour_ago, hour_ago))


def put(folder: Path, texts: Texts, instead_of: Texts) -> None:
    """Put texts in the place of others, each file at once, with the owner and the mode that it had.

    Raises:
        SetupRefused: a file is not what it was taken for, or a symbolic link; nothing was changed.
        OSError: it cannot be written.
    """
    for name in NAMES:
        if (folder / name).is_symlink():
            raise SetupRefused("symbolic-link", f"{folder / name} is a symbolic link; change what it points to by hand")
    if texts_in(folder) != instead_of:
        raise SetupRefused("changed-meanwhile", f"the files in {folder} were changed in this moment; try again")
    for name in NAMES:
        if texts[name] != instead_of[name]:
            replace(folder / name, texts[name], like=folder / name)


def replace(path: Path, text: str, *, like: Path | None = None) -> None:
    """Write a file anew, whole or not at all; with the owner and mode of ``like``, else for its owner alone."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:  # noqa: PTH123
            file.write(text)
            file.flush()
            if like is not None:
                found = like.stat()
                os.fchown(file.fileno(), found.st_uid, found.st_gid)
                os.fchmod(file.fileno(), found.st_mode & 0o7777)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _entry(plan: Plan) -> list[str]:
    if plan.entry is None:
        return []
    name, kind = plan.entry.split()[:2]
    return [f"{name}/{kind} = {plan.entry}"]
