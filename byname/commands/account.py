"""``byname account``: the customers of this site."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import CliContext, JsonOption
from byname.commands.choices import agreed, something_to_change, utf8
from byname.listing import Columns, show, show_all
from byname.output import members, say, say_json

if TYPE_CHECKING:
    from store.services.views import Account
    from store.sql.database import Transaction

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
    random_alias_domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Where password managers get their aliases.")
    ] = None,
    no_random_alias_domain: Annotated[
        bool, typer.Option("--no-random-alias-domain", help="At each mailbox's own domain.")
    ] = False,
    remember_senders_days: Annotated[
        int | None, typer.Option(min=0, max=365, help="For how long to remember who writes to its aliases; 0: not.")
    ] = None,
    keep_deleted_days: Annotated[
        int | None,
        typer.Option(metavar="DAYS", help="Deleted names are kept from other mailboxes so long; 0: not at all."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change an account's plan, state or choices."""
    from store.services import account_settings, accounts

    chosen = (random_alias_domain, no_random_alias_domain or None, remember_senders_days, keep_deleted_days)
    something_to_change(plan, paid or None, active, *chosen)
    if random_alias_domain is not None and no_random_alias_domain:
        raise typer.BadParameter("--random-alias-domain and --no-random-alias-domain cannot be had together")
    run = cli_context.of(context)
    with run.changing() as transaction:
        account = accounts.update(transaction, name, plan=plan.value if plan else None, paid=paid, is_active=active)
        if random_alias_domain is not None or no_random_alias_domain:
            account = account_settings.update(transaction, name, random_alias_domain_id=random_alias_domain)
        if remember_senders_days is not None:
            account = account_settings.update(transaction, name, remember_senders_days=remember_senders_days)
        if keep_deleted_days is not None:
            account = account_settings.update(transaction, name, keep_deleted_days=keep_deleted_days)
    show(account, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("list", epilog="Example: byname account list --json")
def list_all(context: typer.Context, as_json: JsonOption = False) -> None:
    """List all accounts."""
    from store.services import accounts

    with cli_context.of(context).database() as database, database.read() as transaction:
        found = accounts.list_all(transaction)
    show_all(found, COLUMNS, as_json=as_json)


@app.command("remove", epilog="Example: byname account remove acme --yes")
def remove(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove an account and its tokens. One that still has domains is refused."""
    from store.services import accounts

    run = cli_context.of(context)
    if not yes:
        _confirm(run, name)
    with run.changing() as transaction:
        gone_with_it = _tokens(transaction, accounts.get(transaction, name))
        removed = accounts.remove(transaction, name)
    if as_json:
        say_json({**members(removed), "tokens": gone_with_it, **run.outcome})
    else:
        say("\n".join([f"removed account {removed.name}", *(f"removed token {token}" for token in gone_with_it)]))


def _confirm(run: CliContext, name: str) -> None:
    """Say what goes with the account and ask; of one that has domains nothing goes, as the service says then.

    Raises:
        ServiceError: ``not-found``; ``confirmation-required`` when the answer is no, or there is nobody to ask.
    """
    from store.errors import ServiceError
    from store.services import accounts

    with run.database() as database, database.read() as transaction:
        account = accounts.get(transaction, name)
        tokens = _tokens(transaction, account)
    if account.usage.domains:
        return
    what = "\n".join([f"This removes the account {account.name}", *(f"  and its token {token}" for token in tokens)])
    if not agreed(what):
        raise ServiceError(
            "confirmation-required",
            f"the removal of {account.name} and its {len(tokens)} token(s) was not confirmed; nothing was removed",
            hint="say --yes to remove it without a question",
            details={"tokens": tokens},
        )


def _tokens(transaction: "Transaction", account: "Account") -> list[str]:
    """Return the tokens that go with an account, by their starts and names."""
    from store.services import tokens

    return [f"{one.start} ({one.name})" for one in tokens.list_all(transaction) if one.account_id == account.id]
