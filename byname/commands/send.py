"""``byname send``: a message of a mailbox, by the rules of the Message API (docs/messages.md)."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.listing import Columns, show

if TYPE_CHECKING:
    from routing.outgoing import Draft, Party
    from store.services.sending.kept import KeptMessage

COLUMNS: "Columns[KeptMessage]" = {
    "message": lambda kept: kept.id,
    "state": lambda kept: kept.state,
    "sender": lambda kept: kept.sender,
    "message-id": lambda kept: kept.message_id,
}
_Addresses = list[str]


def send(
    context: typer.Context,
    mailbox: Annotated[str, typer.Option(metavar="MAILBOX", help="The mailbox that sends.")],
    to: Annotated[_Addresses, typer.Option(metavar="ADDRESS", help="A recipient; may be given again.")],
    subject: Annotated[str, typer.Option(help="One line.")],
    sender: Annotated[str | None, typer.Option("--from", metavar="ADDRESS", help="An alias of the mailbox.")] = None,
    cc: Annotated[_Addresses, typer.Option(metavar="ADDRESS", help="Recipients of a copy.")] = [],  # noqa: B006 - typer
    bcc: Annotated[_Addresses, typer.Option(metavar="ADDRESS", help="The same, not shown.")] = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Send a message whose text is read from standard input. `byname api` carries it to the mail server."""
    from admin_api.sending.submit import prepared
    from byname import wiring
    from byname.wiring.directory import decision_directory
    from routing.outgoing import DraftRefused
    from store.errors import ServiceError
    from store.services import lookup
    from store.services.sending import kept

    run = cli_context.of(context)
    settings = run.settings()
    wiring.needed(settings, "sending.listener")
    with run.database() as database:
        with database.read() as tx:
            found = lookup.mailbox(tx, mailbox)
        try:
            draft = _draft(sender, (found.text, found.mailbox.display_name), (to, cc, bcc), subject)
            directory = decision_directory(settings, database)
            ready = prepared(directory, wiring.policy(settings), found.text, draft)
        except DraftRefused as error:
            raise ServiceError("invalid-request", f"{error.place} {error}") from error
        with database.write(cli_context.acting()) as tx:
            made = kept.accept(tx, found.mailbox.id, ready, per_day=settings.sending.per_day)
    show(made, COLUMNS, as_json=as_json)


def _draft(
    sender: str | None, own: tuple[str, str], recipients: tuple[_Addresses, _Addresses, _Addresses], subject: str
) -> "Draft":
    from routing import outgoing

    to, cc, bcc = recipients
    author: Party = outgoing.Party(*own) if sender is None else outgoing.party("from", sender)
    return outgoing.Draft(
        sender=author,
        to=outgoing.parties("to", to),
        cc=outgoing.parties("cc", cc),
        bcc=outgoing.parties("bcc", bcc),
        subject=outgoing.plain_text("subject", subject),
        text=outgoing.body_text("body", sys.stdin.read()),
    )
