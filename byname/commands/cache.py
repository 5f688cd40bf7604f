"""``byname cache``: Redis beside the store: rebuild it, check it, look at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.exits import ExitCode
from byname.output import Bar, cell_text, members, say, say_json, stop, warn

if TYPE_CHECKING:
    from byname.cli_context import CliContext
    from store.relay.report import Difference
    from store.relay.tools import CacheTools

app = typer.Typer(help="The cache in Redis: rebuild, check, look at it.", no_args_is_help=True)

_SHOWN = 50  # differences in the text form


@app.command("rebuild", epilog="Example: byname cache rebuild")
def rebuild(context: typer.Context, as_json: JsonOption = False) -> None:
    """Bring everything from the store to the cache. Names that are there stay in sight; a relay does it by itself."""
    from store.relay.report import Report

    report = Report()
    with _tools(cli_context.of(context)) as tools, Bar("rebuilding the cache") as bar:
        for progress in tools.rebuild():
            report = progress.report
            bar.show(progress.done, progress.total)
    if as_json:
        say_json({"domains": report.domains, "names": report.names, "repaired": report.repaired})
    else:
        say(f"{report.domains} domains and {report.names} names are in the cache; {report.repaired} fields put right")


@app.command("verify", epilog="Example: byname cache verify")
def verify(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help=f"Show all differences, not the first {_SHOWN}.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare all of the cache with all of the store. 0: in step; 1: they differ, and in what."""
    found: list[Difference] = []
    with _tools(cli_context.of(context)) as tools, Bar("comparing the cache with the store") as bar:
        for step in tools.differences():
            if isinstance(step, list):
                found = step
            else:
                bar.show(step.done, step.total)
    if as_json:
        say_json({"in_step": not found, "differences": found})
    else:
        _print(found, everything=everything)
    stop(ExitCode.REFUSED if found else ExitCode.DONE)


@app.command("stat", epilog="Example: byname cache stat --json")
def stat(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show how the cache is: its lease, what it holds, what waits to be brought there."""
    from store.services import map_files

    run = cli_context.of(context)
    with _tools(run) as tools, run.database() as database, database.read() as tx:
        state, behind = tools.state(), [one for one in map_files.list_all(tx) if not one.in_step]
    if as_json:
        say_json(state)
    else:
        for name, value in members(state).items():
            say(f"{name.replace('_', ' ').ljust(14)}  {cell_text(value)}")
    for one in behind:
        warn(f"a file of hosted domains is out of step with the store: {one.name}; see byname map-file list")
    if state.policy != "noeviction":
        warn(f"Redis may drop names: its maxmemory-policy is {state.policy} and must be noeviction")


def _print(found: "list[Difference]", *, everything: bool) -> None:
    shown = found if everything else found[:_SHOWN]
    for one in shown:
        what = f"{one.domain}: {one.field}" if one.field else f"{one.domain}: listed as hosted"
        say(f"{cell_text(what)}: the cache has {cell_text(one.cache)}, the store {cell_text(one.sql)}")
    if len(shown) < len(found):
        say(f"and {len(found) - len(shown)} more; --all shows them")
    say(f"{len(found)} differences" if found else "the cache is in step with the store")


@contextmanager
def _tools(run: "CliContext") -> "Iterator[CacheTools]":
    from byname import wiring
    from store.relay.tools import tools

    url = wiring.needed(run.settings(), "cache.url")
    with run.database() as database, tools(database, url) as opened:
        yield opened
