"""``byname domain``: the domains of the accounts."""

from typing import Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands import domain_dns
from byname.commands.choices import agreed, at_most_one, something_to_change, utf8
from byname.commands.domain_columns import COLUMNS, Name
from byname.listing import show, show_all
from byname.output import warn

app = typer.Typer(help="The domains of the accounts, and their catch-all.", no_args_is_help=True)


@app.command("add", epilog="Example: byname domain add brand-a.com --account acme --verified")
def add(
    context: typer.Context,
    name: Name,
    account: Annotated[str, typer.Option(metavar="NAME", help="Whose domain it is.", callback=utf8)],
    verified: Annotated[
        bool, typer.Option("--verified", help="You vouch for its ownership, instead of a proof in DNS.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a domain. Until it is verified it holds no names and the mail server does not know it."""
    from store.services import domains
    from store.services.domain_checks.lookalikes import lookalikes

    run = cli_context.of(context)
    with run.changing() as transaction:
        domain = domains.add(transaction, name, account=account, verified=verified)
    for warning in lookalikes(domain.name):
        warn(warning)
    show(domain, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("set", epilog="Example: byname domain set brand-a.com --catch-all john@brand-a.com")
def update(
    context: typer.Context,
    name: Name,
    catch_all: Annotated[
        str | None, typer.Option(metavar="MAILBOX", help="Mail to unknown names of the domain goes here.")
    ] = None,
    no_catch_all: Annotated[
        bool, typer.Option("--no-catch-all", help="Mail to unknown names is refused again.")
    ] = False,
    active: Annotated[
        bool | None,
        typer.Option("--active/--inactive", help="Inactive: all its mail is refused.", show_default=False),
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="MAILBOX", help="Mail to postmaster, abuse and the like goes here.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change a domain's catch-all, state or system mailbox."""
    from store.services import domain_settings

    at_most_one(catch_all=catch_all, no_catch_all=no_catch_all)
    something_to_change(catch_all, no_catch_all or None, active, system)
    run = cli_context.of(context)
    with run.changing() as transaction:
        domain = domain_settings.update(
            transaction, name, is_active=active, catch_all=catch_all, no_catch_all=no_catch_all, system_mailbox=system
        )
    show(domain, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("list", epilog="Example: byname domain list")
def list_all(context: typer.Context, as_json: JsonOption = False) -> None:
    """List all domains."""
    from store.services import domains

    with cli_context.of(context).database() as database, database.read() as transaction:
        found = domains.list_all(transaction)
    show_all(found, COLUMNS, as_json=as_json)


@app.command("remove", epilog="Example: byname domain remove brand-a.com --yes")
def remove(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Also when it still holds names; they go with it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a domain. One that still holds names goes only after a question, or with --yes."""
    from store.errors import ServiceError
    from store.services import domains

    run = cli_context.of(context)
    try:
        with run.changing() as transaction:
            domain = domains.remove(transaction, name, confirmed=yes)
    except ServiceError as error:
        if error.code != "domain-not-empty" or not agreed(error.message):
            raise
        with run.changing() as transaction:
            domain = domains.remove(transaction, name, confirmed=True)
    show(domain, COLUMNS, as_json=as_json, more=run.outcome)


for _name, _command, _example in (
    ("check", domain_dns.check, "byname domain check brand-a.com"),
    ("verify", domain_dns.verify, "byname domain verify --due"),
    ("move", domain_dns.move, "byname domain move brand-a.com --account rival"),
):
    app.command(_name, epilog=f"Example: {_example}")(_command)
