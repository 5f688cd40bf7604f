"""``byname mailbox``: the mailboxes, and the only names that can log in."""

from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import CliContext, JsonOption
from byname.commands.choices import agreed, something_to_change
from byname.commands.passwords import GeneratePassword, PasswordStdin, chosen_password
from byname.listing import Columns, show, show_all
from byname.output import complain, members, say, say_json

if TYPE_CHECKING:
    from store.services.views import Mailbox

app = typer.Typer(help="The mailboxes: where mail arrives, and who may log in.", no_args_is_help=True)

COLUMNS: "Columns[Mailbox]" = {
    "mailbox": lambda mailbox: mailbox.address,
    "active": lambda mailbox: mailbox.is_active,
    "aliases": lambda mailbox: mailbox.alias_count,
    "name": lambda mailbox: mailbox.display_name,
}

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The mailbox, as local@domain.")]


@app.command("add", epilog="Example: byname mailbox add john@brand-a.com --generate-password")
def add(
    context: typer.Context,
    address: Address,
    password_stdin: PasswordStdin = False,
    generate_password: GeneratePassword = False,
    as_json: JsonOption = False,  # noqa: ARG001 - kept in the context
) -> None:
    """Add a mailbox to a domain."""
    from store.services import mailboxes

    password = chosen_password(password_stdin=password_stdin, generate_password=generate_password)
    run = cli_context.of(context)
    hashed = mailboxes.hash_checked(password)
    with run.changing() as transaction:
        mailbox = mailboxes.add(transaction, address, hashed, system_names=run.system_names())
    _show(run, mailbox, password if generate_password else None)


@app.command("password", epilog="Example: byname mailbox password john@brand-a.com --generate-password")
def set_password(
    context: typer.Context,
    address: Address,
    password_stdin: PasswordStdin = False,
    generate_password: GeneratePassword = False,
    as_json: JsonOption = False,  # noqa: ARG001 - kept in the context
    reset_second_factor: Annotated[
        bool, typer.Option("--reset-second-factor", help="Also take away the second factor of its owner.")
    ] = False,
) -> None:
    """Give a mailbox another password. The one before is valid no more."""
    from store.services import mailboxes, second_factors

    password = chosen_password(password_stdin=password_stdin, generate_password=generate_password)
    run = cli_context.of(context)
    hashed = mailboxes.hash_checked(password)  # before the transaction: no other change waits for it
    with run.changing() as transaction:
        mailbox = mailboxes.update(transaction, address, password=hashed)
        had = reset_second_factor and second_factors.remove_all_of_mailbox(transaction, mailbox.id)
    if reset_second_factor:
        complain(f"byname: second factor: {'removed' if had else 'none'}")
    _show(run, mailbox, password if generate_password else None)


@app.command("set", epilog="Example: byname mailbox set john@brand-a.com --pause")
def update(
    context: typer.Context,
    address: Address,
    active: Annotated[
        bool | None,
        typer.Option("--resume/--pause", help="Paused: no mail in, and none out.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Pause a mailbox, or let it work again."""
    from store.services import mailboxes

    something_to_change(active)
    run = cli_context.of(context)
    with run.changing() as transaction:
        mailbox = mailboxes.update(transaction, address, is_active=active)
    show(mailbox, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("list", epilog="Example: byname mailbox list --json")
def list_all(context: typer.Context, as_json: JsonOption = False) -> None:
    """List all mailboxes."""
    from store.services import mailboxes

    with cli_context.of(context).database() as database, database.read() as transaction:
        found = mailboxes.list_all(transaction)
    show_all(found, COLUMNS, as_json=as_json)


@app.command("remove", epilog="Example: byname mailbox remove john@brand-a.com --yes")
def remove(
    context: typer.Context,
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a mailbox and all its aliases. Their addresses are free again, or kept as the account wants it."""
    from store.services import mailboxes

    run = cli_context.of(context)
    if not yes:
        _confirm(run, address)
    with run.changing() as transaction:
        removed = mailboxes.remove(transaction, address)
    if as_json:
        say_json({**members(removed), **run.outcome})
    else:
        say(
            "\n".join(
                [f"removed mailbox {removed.mailbox.address}", *(f"removed alias {at}" for at in removed.aliases)]
            )
        )


def _show(run: CliContext, mailbox: "Mailbox", made_up: str | None) -> None:
    """Show a mailbox; a password that was made up stands alone, or in the JSON."""
    if made_up is None:
        show(mailbox, COLUMNS, as_json=run.as_json, more=run.outcome)
    elif run.as_json:
        say_json({**members(mailbox), "password": made_up, **run.outcome})
    else:
        say(made_up)


def _confirm(run: CliContext, address: str) -> None:
    """Say what goes with the mailbox and ask.

    Raises:
        ServiceError: ``not-found``; ``confirmation-required`` when the answer is no, or there is nobody to ask.
    """
    from store.errors import ServiceError
    from store.services import mailboxes

    with run.database() as database, database.read() as transaction:
        aliases = mailboxes.contents(transaction, address)
    what = "\n".join([f"This removes the mailbox {address}", *(f"  and its alias {alias}" for alias in aliases)])
    if not agreed(what):
        raise ServiceError(
            "confirmation-required",
            f"removing {address} also removes {len(aliases)} aliases; nothing was removed",
            hint="say --yes to remove them without a question",
            details={"aliases": aliases},
        )
