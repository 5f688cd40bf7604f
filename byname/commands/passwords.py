"""A password from the person or program at the other end of standard input."""

import getpass
import sys
from typing import Annotated

import typer

from byname.commands.choices import exactly_one

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]
GeneratePassword = Annotated[
    bool, typer.Option("--generate-password", help="Make one up. It is printed once, alone on standard output.")
]

_LONGEST = 1024  # bytes; a line beyond it is not a password


def chosen_password(*, password_stdin: bool, generate_password: bool) -> str:
    """Return the password that the two options ask for.

    Raises:
        typer.BadParameter: none of them is given, or both; typer makes it exit code 2.
        ServiceError: as :func:`password_from_stdin`.
    """
    from store.passwords import generate_password as make_password

    exactly_one(password_stdin=password_stdin, generate_password=generate_password)
    return make_password() if generate_password else password_from_stdin()


def password_from_stdin() -> str:
    """Read one line; at a terminal ask for it without showing it.

    Raises:
        ServiceError: ``invalid-request``: no line, an empty one, one that is too long or not UTF-8.
    """
    from store.errors import ServiceError

    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    line = sys.stdin.buffer.readline(_LONGEST + 2).rstrip(b"\r\n")
    if not line or len(line) > _LONGEST:
        raise ServiceError("invalid-request", f"standard input must hold a password of 1 to {_LONGEST} bytes")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ServiceError("invalid-request", "the password on standard input is not UTF-8") from None
