"""A password from the person or program at the other end of standard input."""

import getpass
import sys

_LONGEST = 1024  # bytes; a line beyond it is not a password


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
