"""``byname admin``: the people who sign in to the dashboard."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import CliContext, JsonOption
from byname.commands.choices import exactly_one, utf8
from byname.commands.passwords import password_from_stdin
from byname.listing import Columns, show, show_all
from byname.output import complain, members, say, say_json

if TYPE_CHECKING:
    from store.passwords import PasswordHash
    from store.services.views import Admin

app = typer.Typer(help="The people who sign in to the dashboard.", no_args_is_help=True)

COLUMNS: "Columns[Admin]" = {
    "admin": lambda admin: admin.address,
    "account": lambda admin: admin.account or "all (operator)",
    "role": lambda admin: admin.role,
}

Address = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="Their mail address; it need not be hosted here.", callback=utf8)
]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Generated = Annotated[bool, typer.Option("--generate-password", help="Make a password up and show it once.")]


def _name(text: str | None) -> str | None:
    return None if text is None else utf8(text)


class Role(StrEnum):
    """What an admin may do."""

    ADMIN = "admin"
    VIEWER = "viewer"


@app.command("add", epilog="Example: byname admin add ann@agency.example --account acme --generate-password")
def add(
    context: typer.Context,
    address: Address,
    account: Annotated[str | None, typer.Option(metavar="NAME", help="For one account.", callback=_name)] = None,
    operator: Annotated[bool, typer.Option("--operator", help="For every account of this site.")] = False,
    role: Annotated[Role, typer.Option(help="A viewer sees all of it and changes nothing.")] = Role.ADMIN,
    password_stdin: FromStdin = False,
    generate_password: Generated = False,
    as_json: JsonOption = False,
) -> None:
    """Let a person sign in to the dashboard."""
    from store.services import admins

    exactly_one(account=account, operator=operator)
    password = _password(password_stdin=password_stdin, generate_password=generate_password)
    run = cli_context.of(context)
    hashed = _hashed(password)
    with run.changing() as transaction:
        admin = admins.create(transaction, address, hashed, account=account, role=role.value)
    _show(run, admin, password if generate_password else None, as_json=as_json)


@app.command("list", epilog="Example: byname admin list --json")
def list_all(context: typer.Context, as_json: JsonOption = False) -> None:
    """List all admins."""
    from store.services import admins

    with cli_context.of(context).database() as database, database.read() as transaction:
        found = admins.list_all(transaction)
    show_all(found, COLUMNS, as_json=as_json)


@app.command("reset", epilog="Example: byname admin reset ann@agency.example --generate-password")
def reset(
    context: typer.Context,
    address: Address,
    password_stdin: FromStdin = False,
    generate_password: Generated = False,
    as_json: JsonOption = False,
) -> None:
    """Give an admin another password, and take their second factor away. They are signed out everywhere."""
    from store.services import admins

    password = _password(password_stdin=password_stdin, generate_password=generate_password)
    run = cli_context.of(context)
    hashed = _hashed(password)
    with run.changing() as transaction:
        had = admins.has_second_factor(transaction, address)
        admin = admins.reset(transaction, address, hashed)
    run.outcome["second_factor"] = "removed" if had else "none"
    if not as_json:
        complain(f"byname: second factor: {run.outcome['second_factor']}")
    _show(run, admin, password if generate_password else None, as_json=as_json)


@app.command("remove", epilog="Example: byname admin remove ann@agency.example")
def remove(context: typer.Context, address: Address, as_json: JsonOption = False) -> None:
    """Remove an admin, who is signed out everywhere."""
    from store.services import admins

    run = cli_context.of(context)
    with run.changing() as transaction:
        admin = admins.remove(transaction, address)
    show(admin, COLUMNS, as_json=as_json, more=run.outcome)


def _password(*, password_stdin: bool, generate_password: bool) -> str:
    from store.passwords import generate_password as make_password

    exactly_one(password_stdin=password_stdin, generate_password=generate_password)
    return make_password() if generate_password else password_from_stdin()


def _hashed(password: str) -> "PasswordHash":
    from store.services.mailboxes import hash_checked

    return hash_checked(password)


def _show(run: CliContext, admin: "Admin", generated: str | None, *, as_json: bool) -> None:
    """Show the admin, or the generated password alone on standard output."""
    if generated is None:
        show(admin, COLUMNS, as_json=as_json, more=run.outcome)
    elif as_json:
        say_json({**members(admin), "password": generated, **run.outcome})
    else:
        say(generated)
