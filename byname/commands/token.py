"""``byname token``: the secrets by which programs use the API."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import exactly_one, utf8
from byname.commands.times import span_text, until
from byname.listing import Columns, show_all
from byname.output import members, say, say_json

if TYPE_CHECKING:
    from store.services.tokens import TokenView
    from store.sql.database import Transaction

app = typer.Typer(help="Tokens for the API: of operators, accounts and mailboxes.", no_args_is_help=True)

_ID = re.compile(r"[0-9]{1,18}")

COLUMNS: "Columns[OwnedToken]" = {
    "id": lambda owned: owned.token.id,
    "kind": lambda owned: owned.token.kind,
    "owner": lambda owned: owned.owner,
    "token": lambda owned: owned.token.start,
    "name": lambda owned: owned.token.name,
    "scopes": lambda owned: " ".join(owned.token.scopes),
    "expires": lambda owned: owned.token.expires_at,
    "last used": lambda owned: owned.token.last_used_at,
}


@dataclass(frozen=True, slots=True)
class OwnedToken:
    """A token, and whose it is."""

    token: "TokenView"
    owner: str | None  # the account's name or the mailbox's address; None for an operator's

    def as_object(self) -> dict[str, object]:
        """Return the token's fields of docs/api.md, "Objects", and ``owner``."""
        return {**members(self.token), "owner": self.owner}


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
        str | None, typer.Option(metavar="TIME", help="Such as 90d, 12h, 90s; without, never.", callback=span_text)
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
            expires_at=until(expires_in),
        )
    if as_json:
        say_json({**members(made.token), "secret": made.secret, **run.outcome})
    else:
        say(made.secret)


@app.command("list", epilog="Example: byname token list")
def list_all(context: typer.Context, as_json: JsonOption = False) -> None:
    """List all tokens with owner, scopes and last use. Their secrets are not kept."""
    from store.services import tokens

    with cli_context.of(context).database() as database, database.read() as transaction:
        found = _owned(transaction, tokens.list_all(transaction))
    if as_json:
        say_json({"data": [one.as_object() for one in found]})
    else:
        show_all(found, COLUMNS, as_json=False)


@app.command("revoke", epilog="Example: byname token revoke 12")
def revoke(
    context: typer.Context,
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="Its id, or the start of it that the list shows.", callback=utf8)
    ],
    as_json: JsonOption = False,
) -> None:
    """Revoke a token: what is asked with it from now on is refused."""
    from store.services import tokens

    run = cli_context.of(context)
    with run.changing() as transaction:
        (gone,) = _owned(transaction, [tokens.remove(transaction, _id_of(transaction, token))])
    if as_json:
        say_json({**gone.as_object(), **run.outcome})
    else:
        show_all([gone], COLUMNS, as_json=False)


def _id_of(transaction: "Transaction", text: str) -> int:
    """Return the id of the token that is meant.

    Raises:
        ServiceError: ``not-found``; ``conflict`` when several tokens start so.
    """
    from store.errors import ServiceError
    from store.services import tokens

    if _ID.fullmatch(text):
        return int(text)
    found = [one.id for one in tokens.list_all(transaction) if one.start == text]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ServiceError("not-found", f"there is no token that starts with {text}", hint="byname token list")
    raise ServiceError(
        "conflict",
        f"{len(found)} tokens start with {text}; nothing was revoked",
        hint="name one by its id",
        details={"ids": found},
    )


def _owned(transaction: "Transaction", found: "Iterable[TokenView]") -> list[OwnedToken]:
    """Return the tokens with their owners' names."""
    from store.services import accounts, mailboxes

    names: dict[int | None, str] = {one.id: one.name for one in accounts.list_all(transaction)}
    return [
        OwnedToken(
            one, mailboxes.get(transaction, one.mailbox_id).address if one.mailbox_id else names.get(one.account_id)
        )
        for one in found
    ]
