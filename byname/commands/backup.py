"""``byname backup`` and ``byname restore``: the whole store in one file, and its way back."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.output import Bar, complain, members, say, say_json, warn

if TYPE_CHECKING:
    from byname.cli_context import CliContext

_OTHERS, _PAUSE = 15.0, 0.3  # seconds to wait for another rebuild of the cache, and between looks


def backup(
    context: typer.Context,
    target: Annotated[
        Path,
        typer.Argument(metavar="FILE|DIR", help="The file to write, or a folder: then it is named after the time."),
    ],
    keep: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="In the folder, remove all but the newest N backups, once this one is there."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write all that the store holds into one file of mode 0600, while everything runs.

    It holds password hashes, second factors and tokens' hashes, and neither the settings nor mail.
    """
    from store.backup import archive
    from store.backup.making import make
    from store.clock import utc_now

    if keep is not None and not target.is_dir():
        raise typer.BadParameter("--keep needs a folder, and this is none", param_hint="FILE|DIR")
    now = utc_now()
    file = archive.file_in(target, now)
    with Bar("backing up the store") as bar:
        manifest = make(cli_context.of(context).settings().store.url, file, now, bar.show)
    removed = archive.remove_older(target, keep) if keep is not None else []
    if as_json:
        say_json({"file": file, **members(manifest), "removed": removed})
    else:
        say(f"{file}: the store at revision {manifest.revision}, {manifest.size} bytes")
        for old in removed:
            say(f"{old}: removed")


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup that byname backup has made.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the store holds, all of it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put what a backup holds in the place of what the store holds, all or nothing. The daemons may go on running.

    Everybody has to sign in again, and messages of programs that waited when the backup was made are not sent.
    """
    from store.backup import restoring
    from store.sql.revisions import REVISIONS

    run = cli_context.of(context)
    url = run.settings().store.url
    manifest = restoring.check(url, file)
    restoring.make_ready(url, replace=replace)
    with Bar("restoring the store") as bar, restoring.prepared(url, file, cli_context.acting().actor, bar.show) as put:
        cache = _put(run, put, bar)
    if as_json:
        say_json({"file": file, "made_at": manifest.made_at, "revision": REVISIONS[-1], "cache": cache})
    else:
        say(f"the store is that of {manifest.made_at}, at revision {REVISIONS[-1]}")
        if cache is not None:
            complain(f"byname: cache: {cache}")


def _put(run: "CliContext", put: Callable[[], None], bar: Bar) -> str | None:
    """Put the backup in place; with a cache, within its rebuild. Return whether that is done; None without a cache.

    From its begin on nobody vouches for the cache, so no milter acts by what the restore takes away.
    """
    from store.errors import CacheUnavailable

    url, is_put = run.settings().cache.url, False

    def first() -> None:
        nonlocal is_put
        put()
        is_put = True

    if url is None:
        put()
        return None
    try:
        _rebuild(run, url, first, bar)
    except CacheUnavailable as error:
        warn(f"{error}; a relay rebuilds the cache as soon as it can")
        if not is_put:
            put()
        return "pending"
    return "rebuilt"


def _rebuild(run: "CliContext", url: str, first: Callable[[], None], bar: Bar) -> None:
    """Rebuild the cache, with ``first`` at its beginning; another rebuild that goes on is waited for."""
    from store.relay.rebuild import BuiltElsewhere
    from store.relay.tools import tools

    begun, give_up = False, monotonic() + _OTHERS

    def begin() -> None:
        nonlocal begun
        begun = True
        first()

    with run.database() as database, tools(database, url) as opened:
        while True:
            try:
                for progress in opened.rebuild(begin):
                    bar.show(progress.done, progress.total)
            except BuiltElsewhere:
                if begun or monotonic() > give_up:
                    raise
                sleep(_PAUSE)
            else:
                return
