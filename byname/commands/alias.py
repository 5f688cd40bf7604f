"""``byname alias``: the further names of a mailbox."""

from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands import alias_kept
from byname.commands.alias_ends import ExpiresAfter, ExpiresAt, ExpiresWhenIdle, given_ends
from byname.commands.alias_stats import stats
from byname.commands.choices import something_to_change
from byname.listing import Columns, show, show_all
from byname.output import say, say_json, warn

if TYPE_CHECKING:
    from byname.cli_context import CliContext
    from store.services import views
    from store.services.filters.views import NamingRule
    from store.services.views import Alias

_WIDEST = 60  # characters of senders in a table

app = typer.Typer(help="The aliases: further names of a mailbox, on any domain of its account.", no_args_is_help=True)

COLUMNS: "Columns[Alias]" = {
    "alias": lambda alias: alias.address,
    "mailbox": lambda alias: alias.mailbox,
    "active": lambda alias: alias.is_active,
    "receive": lambda alias: alias.can_receive,
    "send": lambda alias: alias.can_send,
    "ends": lambda alias: "expired" if alias.expired else alias.ends_at,
    "note": lambda alias: alias.note,
    "senders": lambda alias: _in_short(alias),
}

Senders = Annotated[
    str | None,
    typer.Option(
        metavar="RULES",
        help='From whom it takes mail: everyone, "listed ENTRY ...", "except ENTRY ...". An entry is an address, a'
        ' domain, or .domain for all names below one. "authenticated" after the first word: only mail that passed'
        " DMARC.",
    ),
]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The alias, as local@domain.")]


@app.command("add", epilog="Example: byname alias add sales@brand-b.com john@brand-a.com --send")
def add(
    context: typer.Context,
    address: Address,
    mailbox: Annotated[str, typer.Argument(metavar="MAILBOX", help="The mailbox it is a name of.")],
    send: Annotated[bool, typer.Option("--send", help="Its owner may send as it.")] = False,
    no_receive: Annotated[bool, typer.Option("--no-receive", help="Mail to it is refused.")] = False,
    senders: Senders = None,
    expires_at: ExpiresAt = None,
    expires_after: ExpiresAfter = None,
    expires_when_idle: ExpiresWhenIdle = None,
    as_json: JsonOption = False,
) -> None:
    """Give a mailbox another name. It works at once."""
    from store.services import aliases
    from store.services.views import EVERYONE

    run = cli_context.of(context)
    with run.changing() as transaction:
        alias = aliases.add(
            transaction,
            address,
            mailbox,
            can_receive=not no_receive,
            can_send=send,
            senders=_rules(run, senders) or EVERYONE,
            **given_ends(expires_at, expires_after, expires_when_idle),
            system_names=run.system_names(),
        )
    show(alias, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("set", epilog="Example: byname alias set sales@brand-b.com --no-send")
def update(
    context: typer.Context,
    address: Address,
    active: Annotated[
        bool | None,
        typer.Option("--enable/--disable", help="Disabled: reserved, but no mail in or out.", show_default=False),
    ] = None,
    send: Annotated[
        bool | None, typer.Option("--send/--no-send", help="Whether its owner may send as it.", show_default=False)
    ] = None,
    receive: Annotated[
        bool | None, typer.Option("--receive/--no-receive", help="Whether it takes mail.", show_default=False)
    ] = None,
    expires_at: ExpiresAt = None,
    expires_after: ExpiresAfter = None,
    expires_when_idle: ExpiresWhenIdle = None,
    senders: Senders = None,
    as_json: JsonOption = False,
) -> None:
    """Switch what an alias may do, or say until when and from whom.

    Its address never changes: remove it and add another.
    """
    from store.services import aliases
    from store.services.filters import naming

    ends = given_ends(expires_at, expires_after, expires_when_idle)
    something_to_change(active, send, receive, senders, *([True] if ends else []))
    run = cli_context.of(context)
    with run.changing() as transaction:
        wanted = _rules(run, senders)
        alias = aliases.update(
            transaction, address, can_receive=receive, can_send=send, is_active=active, senders=wanted, **ends
        )
        named = naming.naming_alias(transaction, alias.id) if False in {active, receive} else []
    _warn_of(named)
    show(alias, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("block", epilog="Example: byname alias block sales@brand-b.com news@shop.example")
def block(
    context: typer.Context,
    address: Address,
    sender: Annotated[str, typer.Argument(metavar="SENDER", help="An address, a domain, or .domain.")],
    as_json: JsonOption = False,
) -> None:
    """Take no more mail from a sender. He joins those excepted, or leaves those listed."""
    from store.services import aliases

    run = cli_context.of(context)
    with run.changing() as transaction:
        alias = aliases.block(transaction, address, sender)
    show(alias, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("remove", epilog="Example: byname alias remove sales@brand-b.com")
def remove(context: typer.Context, address: Address, as_json: JsonOption = False) -> None:
    """Remove an alias. Its address is free for any mailbox of the account, or kept from others as that wants it."""
    from store.services import aliases
    from store.services.filters import naming

    run = cli_context.of(context)
    with run.changing() as transaction:
        named = naming.naming_alias(transaction, address)
        alias = aliases.remove(transaction, address)
    _warn_of(named)
    show(alias, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("list", epilog="Example: byname alias list john@brand-a.com")
def list_all(
    context: typer.Context,
    mailbox: Annotated[str | None, typer.Argument(metavar="MAILBOX", help="Only those of this mailbox.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List aliases; for one mailbox also how many of its plan's limit are used."""
    from store.services import aliases

    with cli_context.of(context).database() as database, database.read() as transaction:
        found = aliases.list_all(transaction, mailbox=mailbox)
        usage = None if mailbox is None else aliases.usage(transaction, mailbox)
    if usage is None:
        show_all(found, COLUMNS, as_json=as_json)
    elif as_json:
        say_json({"data": found, "usage": usage})
    else:
        show_all(found, COLUMNS, as_json=False)
        say(f"{usage.used} of {usage.limit} aliases used")


app.command("kept", epilog="Example: byname alias kept --account acme")(alias_kept.list_kept)
app.command("free", epilog="Example: byname alias free sales@brand-b.com")(alias_kept.free)
app.command("stats", epilog="Example: byname alias stats sales@brand-b.com --days 7")(stats)


def _rules(run: "CliContext", text: str | None) -> "views.Senders | None":
    """Return what --senders says. Raises ServiceError ``invalid-request``."""
    if text is None:
        return None
    from byname import wiring
    from store.services import sender_lists

    wanted = sender_lists.from_line(text)
    sender_lists.check_verifier(wanted, wiring.policy(run.settings()).authserv_ids)
    return wanted


def _in_short(alias: "Alias") -> str | None:
    from store.services.sender_lists import in_line
    from store.services.views import EVERYONE

    if alias.senders == EVERYONE:
        return None
    text = in_line(alias.senders)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."


def _warn_of(named: "list[NamingRule]") -> None:
    """Say which rules name an alias that takes no more mail."""
    for rule in named:
        does = "forwards to it" if rule.forwards else "names it"
        warn(f"rule {rule.id} ({rule.name}) of {rule.mailbox} {does}")
