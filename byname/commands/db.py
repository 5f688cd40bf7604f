"""``byname db``: the database below the store."""

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.exits import ExitCode
from byname.output import say, say_json, stop

app = typer.Typer(help="The database: create or upgrade its tables, check them.", no_args_is_help=True)


@app.command("upgrade", epilog="Example: byname --config /etc/byname/byname.toml db upgrade")
def upgrade(context: typer.Context, as_json: JsonOption = False) -> None:
    """Create the database's tables, or bring them to this version. Twice does no harm."""
    from store.migrations import migrate

    revision = migrate.upgrade(cli_context.of(context).settings().store.url)
    if as_json:
        say_json({"revision": revision})
    else:
        say(f"the database is at revision {revision}")


@app.command("check", epilog="Example: byname db check && echo ready")
def check(context: typer.Context, as_json: JsonOption = False) -> None:
    """Check that the database answers and that its tables are those of this version. 0: they are; 1: they differ."""
    from store.migrations import migrate

    run = cli_context.of(context)
    with run.database():  # raises when it is not ready
        pass
    url = run.settings().store.url
    revision, differences = migrate.revision(url), migrate.schema_drift(url)
    if as_json:
        say_json({"revision": revision, "differences": differences})
    else:
        say("\n".join([*differences, f"the database is at revision {revision}, {_summary(differences)}"]))
    stop(ExitCode.REFUSED if differences else ExitCode.DONE)


def _summary(differences: list[str]) -> str:
    return f"with {len(differences)} differences from this version's tables" if differences else "as it should be"
