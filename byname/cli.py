"""The command line, ``byname``: all commands together, and how foreseeable trouble looks (docs/command-line.md)."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from byname import cli_context
from byname.cli_context import CliContext, JsonOption
from byname.collector import seldom_collecting
from byname.exits import ExitCode
from byname.failures import describe, report
from byname.late_commands import late_group, new_app, noun, verb
from byname.output import say

_COMPLETE = "_BYNAME_COMPLETE"  # source_bash: print the script; complete_bash: answer it
_SOCKETMAP = "socketmap:unix:/run/byname/maps.sock:domains"

_COMMANDS = {
    **{
        name: verb(name, function, summary, example)
        for name, function, summary, example in (
            (
                "explain",
                "explain.explain",
                "What happens to a mail, and why.",
                "byname explain sales+news@brand-b.com",
            ),
            (
                "import",
                "transfer.bring_in",
                "Aliases from CSV or Postfix's virtual file.",
                "byname import aliases.csv --dry-run",
            ),
            ("export", "transfer.export", "All aliases as CSV.", "byname export > aliases.csv"),
            ("backup", "backup.backup", "The whole store in one file.", "byname backup /var/backups/byname --keep 14"),
            ("daily", "daily.daily", "What is to be done once a day, for a timer.", "byname daily"),
            ("restore", "backup.restore", "Bring a backup back.", "byname restore byname-20260131T031500Z.tar"),
            (
                "send",
                "send.send",
                "A mail of a mailbox, as the API sends it.",
                "byname send --mailbox M --to A --subject S < text",
            ),
            ("setup", "setup.setup", "Show what Postfix needs; do it when told.", "byname setup --apply"),
            ("doctor", "doctor.doctor", "Say what is wrong, and how to mend it.", "byname doctor"),
            ("milter", "daemons.milter", "Run a milter.", "byname milter --role inbound"),
            ("maps", "daemons.maps", "Run the Postfix socketmap server.", f"postmap -q brand-a.com {_SOCKETMAP}"),
            ("lmtp", "daemons.lmtp", "Run the LMTP server in front of the mail store.", "byname lmtp"),
            ("api", "daemons.api", "Run the REST API and the dashboard.", "byname api"),
            ("mcp", "mcp.mcp", "Tools for an agent, over stdin and stdout.", "BYNAME_TOKEN=... byname mcp"),
            ("relay", "relay.relay", "Bring changes from the store to the cache.", "byname relay"),
            ("demo", "demo.demo", "A whole mail system, to be tried out.", "byname demo --once"),
        )
    },
    **{
        name: noun(name, summary)
        for name, summary in (
            ("account", "Customers and their plans."),
            ("domain", "Domains and their catch-all."),
            ("mailbox", "Where mail arrives; who logs in."),
            ("alias", "Further names of a mailbox."),
            ("rule", "How a mailbox sorts its mail."),
            ("admin", "Who signs in to the dashboard."),
            ("token", "Secrets for programs that use the API."),
            ("message", "Mail that programs sent."),
            ("audit", "Who changed what, and when."),
            ("cache", "Rebuild, check, look at the cache."),
            ("map-file", "Files of domains that Postfix reads."),
            ("config", "Check and show the settings."),
            ("db", "Create, upgrade, check the database."),
        )
    },
}

app = new_app(
    name="byname",
    cls=late_group(_COMMANDS),
    help="Many names for one mailbox: an alias engine beside Postfix and Sendmail.",
    no_args_is_help=True,
)


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        say(f"byname {version('byname')}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    config_file: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The settings, instead of /etc/byname/byname.toml."),
    ] = None,
    as_json: JsonOption = False,  # noqa: ARG001 - its callback does it
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Many names for one mailbox: an alias engine beside Postfix and Sendmail."""
    cli_context.of(context).config = config_file


@functools.cache
def command_tree() -> Callable[..., object]:
    """Return all commands as Click has them. Each call of the app itself would build them anew."""
    return get_command(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``byname`` and return its exit code (byname.exits). A traceback means a bug."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a narrow locale must not stop a command
    if _COMPLETE in os.environ:  # a shell asks what could come next, by the script that the package installs
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    run = CliContext()
    try:
        with seldom_collecting():
            command_tree()(arguments, prog_name="byname", obj=run)
    except SystemExit as ended:
        return int(ended.code or 0)
    except (Exception, KeyboardInterrupt) as error:
        failure = describe(error)
        if failure is None:
            raise
        return report(failure, as_json=run.as_json)
    return ExitCode.DONE
