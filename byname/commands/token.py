"""``byname token``: the secrets by which programs use the API."""

import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import exactly_one, utf8
from byname.output import members, say, say_json

app = typer.Typer(help="Tokens for the API: of operators, accounts and mailboxes.", no_args_is_help=True)

_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@app.callback()
def _noun() -> None:
    """Tokens for the API: of operators, accounts and mailboxes."""


def _span_text(text: str | None) -> str | None:
    """Refuse what is no length of time such as 90d.

    Raises:
        typer.BadParameter: typer makes it exit code 2.
    """
    if text is not None and not _SPAN.fullmatch(text):
        raise typer.BadParameter("a number with m, h, d or w is needed, such as 90d")
    return text


def _until(text: str | None) -> datetime | None:
    """Return the moment that lies that far ahead."""
    from store.clock import utc_now

    read = text and _SPAN.fullmatch(text)
    return utc_now() + int(read[1]) * _UNITS[read[2]] if read else None


@app.command("create", epilog="Example: byname token create --account acme --scope aliases:write --expires-in 90d")
def create(
    context: typer.Context,
    operator: Annotated[bool, typer.Option("--operator", help="For every account of this site.")] = False,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="For one account.", callback=lambda name: name and utf8(name))
    ] = None,
    mailbox: Annotated[str | None, typer.Option(metavar="ADDRESS", help="To send as one mailbox.")] = None,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="What it may do, once for each; without, all.")
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option(metavar="TIME", help="Such as 90d, 12h; without, never.", callback=_span_text)
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What you call it.", callback=utf8)] = "command line",
    as_json: JsonOption = False,
) -> None:
    """Make a token. It is printed once, alone on standard output."""
    from store.services import tokens
    from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR

    exactly_one(operator=operator, account=account, mailbox=mailbox)
    run = cli_context.of(context)
    prefixes = run.settings().api.token_prefixes
    with run.changing() as transaction:
        made = tokens.create(
            transaction,
            name=name,
            kind=ACCOUNT if account else MESSAGE if mailbox else OPERATOR,
            prefixes=prefixes,
            account=account,
            mailbox=mailbox,
            scopes=scope or None,
            expires_at=_until(expires_in),
        )
    if as_json:
        say_json({**members(made.token), "secret": made.secret, **run.outcome})
    else:
        say(made.secret)
