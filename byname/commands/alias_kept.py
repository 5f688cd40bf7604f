"""``byname alias kept`` and ``alias free``: deleted addresses that are kept from other mailboxes."""

from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import utf8
from byname.listing import Columns, show, show_all

if TYPE_CHECKING:
    from store.services.views import KeptName

COLUMNS: "Columns[KeptName]" = {
    "address": lambda kept: kept.address,
    "was of": lambda kept: kept.mailbox,
    "deleted": lambda kept: kept.deleted_at,
    "kept until": lambda kept: kept.kept_until,
}


def list_kept(
    context: typer.Context,
    account: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only those of this account.", callback=lambda text: text and utf8(text)),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List deleted addresses that are kept from other mailboxes (byname account set --keep-deleted-days)."""
    from store.services import kept_names

    with cli_context.of(context).database() as database, database.read() as transaction:
        found = kept_names.list_all(transaction, account=account)
    show_all(found, COLUMNS, as_json=as_json)


def free(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The deleted address, as local@domain.")],
    as_json: JsonOption = False,
) -> None:
    """Free a deleted address before its time: any mailbox of the account may have it."""
    from store.services import kept_names

    run = cli_context.of(context)
    with run.changing() as transaction:
        gone = kept_names.free(transaction, address)
    show(gone, COLUMNS, as_json=as_json, more=run.outcome)
