"""``byname account``: the customers of this site."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import something_to_change, utf8
from byname.listing import Columns, show, show_all

if TYPE_CHECKING:
    from store.services.views import Account

app = typer.Typer(help="The accounts of this site: who owns domains, on which plan.", no_args_is_help=True)

COLUMNS: "Columns[Account]" = {
    "account": lambda account: account.name,
    "plan": lambda account: account.plan,
    "trial": lambda account: account.is_trial,
    "active": lambda account: account.is_active,
    "domains": lambda account: account.usage.domains,
    "mailboxes": lambda account: account.usage.mailboxes,
    "aliases": lambda account: account.usage.aliases,
}

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name, unique here.", callback=utf8)]


class Plan(StrEnum):
    """What an account may be on (docs/design.md, section 9)."""

    NANO = "nano"
    STARTER = "starter"
    PRO = "pro"
    AGENCY = "agency"


@app.command("create", epilog="Example: byname account create acme --plan starter --trial")
def create(
    context: typer.Context,
    name: Name,
    plan: Annotated[Plan, typer.Option(help="Aliases per mailbox: nano 0, starter 30, pro 50, agency 100.")],
    trial: Annotated[bool, typer.Option("--trial", help="At most 5 aliases per mailbox until it pays.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Create an account."""
    from store.services import accounts

    run = cli_context.of(context)
    with run.changing() as transaction:
        account = accounts.create(transaction, name, plan.value, is_trial=trial)
    show(account, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("set", epilog="Example: byname account set acme --plan pro --paid")
def update(
    context: typer.Context,
    name: Name,
    plan: Annotated[Plan | None, typer.Option(help="A smaller plan deletes nothing and blocks new aliases.")] = None,
    paid: Annotated[bool, typer.Option("--paid", help="The first payment came: trial limits end.")] = False,
    active: Annotated[
        bool | None, typer.Option("--resume/--suspend", help="Suspended: no mail in or out.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change an account's plan or state."""
    from store.services import accounts

    something_to_change(plan, paid or None, active)
    run = cli_context.of(context)
    with run.changing() as transaction:
        account = accounts.update(transaction, name, plan=plan.value if plan else None, paid=paid, is_active=active)
    show(account, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("list", epilog="Example: byname account list --json")
def list_all(context: typer.Context, as_json: JsonOption = False) -> None:
    """List all accounts."""
    from store.services import accounts

    with cli_context.of(context).database() as database, database.read() as transaction:
        found = accounts.list_all(transaction)
    show_all(found, COLUMNS, as_json=as_json)
