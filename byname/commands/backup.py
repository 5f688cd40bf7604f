"""``byname backup`` and ``byname restore``: the whole store in one file, and its way back."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.output import Bar, complain, members, say, say_json, warn

if TYPE_CHECKING:
    from byname.cli_context import CliContext


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
    from store.migrations import migrate

    run = cli_context.of(context)
    url = run.settings().store.url
    manifest = restoring.check(url, file)
    migrate.upgrade(url)  # an empty store gets its tables
    if not replace:
        restoring.require_empty(url)
    with Bar("restoring the store") as bar, restoring.prepared(url, file, cli_context.acting().actor, bar.show) as put:
        cache = _put(run, put, bar)
    revision = migrate.revision(url)
    if as_json:
        say_json({"file": file, "made_at": manifest.made_at, "revision": revision, "cache": cache})
    else:
        say(f"the store is that of {manifest.made_at}, at revision {revision}")
        if cache is not None:
            complain(f"byname: cache: {cache}")


def _put(run: "CliContext", put: Callable[[], None], bar: Bar) -> str | None:
    """Put the backup in place; with a cache, within its rebuild. Return whether that is done; None without a cache.

    From its begin on nobody vouches for the cache, so no milter acts by what the restore takes away.
    """
    url = run.settings().cache.url
    if url is None:
        put()
        return None
    from store.errors import CacheUnavailable
    from store.relay.tools import tools

    is_put = False

    def first() -> None:
        nonlocal is_put
        put()
        is_put = True

    try:
        with run.database() as database, tools(database, url) as opened:
            for progress in opened.rebuild(first):
                bar.show(progress.done, progress.total)
    except CacheUnavailable as error:
        warn(f"{error}; a relay rebuilds the cache as soon as it can")
        if not is_put:
            put()
        return "pending"
    return "rebuilt"
