"""Making a plan's changes, and taking the last ones back."""

import difflib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from byname.postfix import postconf
from byname.setup.errors import SetupRefused
from byname.setup.files import NAMES, Texts, put, texts_after, texts_in
from byname.setup.journal import NAME, Step, keep, steps_in
from byname.setup.plan import Plan, plan
from conf.settings import Settings
from store.clock import rfc3339, utc_now

_SHOWN = 40  # lines of a difference


def apply(folder: Path, wanted: Plan, settings: Settings) -> None:
    """Make the changes of a plan, all or none. The result is looked at before it takes the place of what is there.

    Raises:
        SetupRefused: there are obstacles, or the files were changed since they were read; nothing was changed.
        PostfixUnreadable: postconf refuses a change; nothing was changed.
        OSError: the files cannot be written.
    """
    if wanted.obstacles:
        first = wanted.obstacles[0]
        raise SetupRefused(first.code, first.what, first.mend)
    steps, before = steps_in(folder), texts_in(folder)
    after = _tried(before, wanted, settings)
    keep(folder, [*steps, Step(rfc3339(utc_now().replace(microsecond=0)), before, after)])
    try:
        put(folder, after, before)
    except SetupRefused:
        keep(folder, steps)
        raise


def undo(folder: Path) -> Step:
    """Put both files back as they were before the last changes, to the byte, and return what these were.

    Raises:
        SetupRefused: nothing was changed by ``byname setup``, or the files were changed since; the message says how.
        OSError: the files cannot be written.
    """
    steps = steps_in(folder)
    if not steps:
        raise SetupRefused("nothing-to-undo", f"byname setup has changed nothing in {folder}")
    last, now = steps[-1], texts_in(folder)
    if any(now[name] not in {last.after[name], last.before[name]} for name in NAMES):  # the latter: cut off in between
        raise SetupRefused(
            "changed-since",
            "\n".join(["changed since byname setup, so it is not put back:", *_difference(last.after, now)]),
            f"take these lines back and try again, or see {folder / NAME}, which has the files as they were",
        )
    put(folder, last.before, now)
    keep(folder, steps[:-1])
    return last


def _tried(before: Texts, wanted: Plan, settings: Settings) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="byname-setup-") as scratch:
        after = texts_after(before, wanted, Path(scratch))
        aliases = any(change.parameter == "virtual_alias_maps" for change in wanted.changes)
        left = plan(postconf.read(Path(scratch)), settings, replace_domains=True, replace_aliases=aliases)
    if not left.is_done:
        names = ", ".join(change.name for change in left.changes) or "its services"
        raise SetupRefused("no-effect", f"postconf made the changes, and yet not all is as wanted: {names}")
    return after


def _difference(before: Texts, after: Texts) -> Iterator[str]:
    lines: list[str] = []
    for name in NAMES:
        texts = before[name].splitlines(), after[name].splitlines()
        lines += difflib.unified_diff(*texts, f"{name} after byname setup", f"{name} now", lineterm="", n=0)
    yield from lines[:_SHOWN]
    if len(lines) > _SHOWN:
        yield f"and {len(lines) - _SHOWN} lines more"
