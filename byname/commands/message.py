"""``byname message``: mail that programs sent through the Message API, and how far it has come (docs/messages.md)."""

from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import utf8
from byname.listing import Columns, show, show_all
from byname.output import complain

if TYPE_CHECKING:
    from store.services.sending.kept import KeptMessage

COLUMNS: "Columns[KeptMessage]" = {
    "message": lambda kept: kept.id,
    "status": lambda kept: kept.status,
    "sender": lambda kept: kept.sender,
    "message-id": lambda kept: kept.message_id,
    "since": lambda kept: kept.created_at,
    "attempts": lambda kept: kept.attempts,
    "copy": lambda kept: kept.sent_copy.status,
    "last reply": lambda kept: kept.sent_copy.reason or kept.reply,
}

app = typer.Typer(no_args_is_help=True)


@app.command("list", epilog="Example: byname message list --unfinished")
def list_(
    context: typer.Context,
    mailbox: Annotated[
        str | None,
        typer.Option(metavar="MAILBOX", help="Only those of one mailbox.", callback=lambda text: text and utf8(text)),
    ] = None,
    unfinished: Annotated[
        bool,
        typer.Option("--unfinished", help="Only those still on their way, or whose copy for Sent is not made yet."),
    ] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="At most so many, the latest.")] = 25,
    as_json: JsonOption = False,
) -> None:
    """List the messages of programs, the latest first. What they say is not shown."""
    from store.services.sending import kept

    with cli_context.of(context).database() as database, database.read() as tx:
        found = kept.page(tx, mailbox=mailbox, unfinished=unfinished, most=limit)
    show_all(found.items, COLUMNS, as_json=as_json)
    if len(found.items) < found.total:
        complain(f"byname: {found.total - len(found.items)} older messages are not shown; --limit shows more")


@app.command("show", epilog="Example: byname message show 4711")
def show_(
    context: typer.Context,
    message: Annotated[int, typer.Argument(metavar="ID", help="As the API and the log call it.")],
    as_json: JsonOption = False,
) -> None:
    """Show one message, and how far it has come."""
    from store.services.sending import kept

    with cli_context.of(context).database() as database, database.read() as tx:
        found = kept.get_any(tx, message)
    show(found, COLUMNS, as_json=as_json)
