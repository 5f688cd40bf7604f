"""``byname map-file``: the files of hosted domains that mail servers read themselves (``[maps] export``)."""

from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import utf8
from byname.exits import ExitCode
from byname.listing import Columns, show, show_all
from byname.output import stop

if TYPE_CHECKING:
    from store.services.map_files import MapFile

app = typer.Typer(help="Files of hosted domains that Postfix reads itself.", no_args_is_help=True)

COLUMNS: "Columns[MapFile]" = {
    "file": lambda one: one.name,
    "domains": lambda one: one.domains,
    "state": lambda one: "in step" if one.in_step else "out of step",
    "written": lambda one: one.changed_at,
    "problem": lambda one: one.problem,
}


@app.command("list", epilog="Example: byname map-file list")
def list_all(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the files of all mail servers, and whether each holds what is hosted. 0: all do; 1: one is out of step."""
    from store.services import map_files

    with cli_context.of(context).database() as database, database.read() as transaction:
        found = map_files.list_all(transaction)
    show_all(found, COLUMNS, as_json=as_json)
    stop(ExitCode.DONE if all(one.in_step for one in found) else ExitCode.REFUSED)


@app.command("forget", epilog="Example: byname map-file forget mx2:/var/spool/postfix/byname/domains")
def forget(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="FILE", help="As the list shows it.", callback=utf8)],
    as_json: JsonOption = False,
) -> None:
    """Wait no more for a file that no mail server reads. A daemon that still keeps it brings it back."""
    from store.services import map_files

    run = cli_context.of(context)
    with run.changing() as transaction:
        gone = map_files.forget(transaction, name)
    show(gone, COLUMNS, as_json=as_json, more=run.outcome)
