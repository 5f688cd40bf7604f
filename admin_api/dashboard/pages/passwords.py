"""The password of a mailbox as a form asks for it: made up here and shown once, or typed.

A page that shows one is the answer to the form itself. So it stands in no address and in no log, nothing keeps it, and
going back or loading the page anew does not bring it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from store.passwords import PasswordHash, generate_password
from store.services import mailboxes

GENERATED = "generated"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A password to be set. ``shown`` is it in plain text, if people must be told."""

    hashed: PasswordHash
    shown: str | None

    def __repr__(self) -> str:
        """Show neither."""
        return "Chosen()"


def chosen(fields: Mapping[str, str]) -> Chosen:
    """Return what a form asks for: ``password_mode`` and ``password``.

    Raises:
        ServiceError: ``invalid-request`` for the password.
    """
    made_up = generate_password() if fields.get("password_mode", GENERATED) == GENERATED else None
    return Chosen(mailboxes.hash_checked(made_up or fields.get("password", "")), made_up)
