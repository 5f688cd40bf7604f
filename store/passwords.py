"""Mailbox passwords: argon2id hashes that Dovecot reads too.

A hash is a PHC string, ``$argon2id$v=19$m=19456,t=2,p=1$...``: Dovecot takes it with the scheme ``{ARGON2ID}`` in
front. The parameters are OWASP's (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.
"""

import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)  # the tests put a quick one here

# Of a random password that nobody knows: verified in the place of one that is not there, so that a wrong name takes the
# same work as a wrong password.
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$VBRqFKSQQAUWwu7OrKYCqQ$2fV4gdy7O/cG0Rm+sv5YlbMBjkwBdghJENn0jZypAQg"

_UNMISTAKABLE = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no 0/O, 1/l/I, o
_GENERATED_LENGTH = 20  # 116 bits


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A password that was hashed already, as a PHC string."""

    phc: str


def hash_password(text: str) -> str:
    """Return the PHC string of ``text``; about 30 ms of work, which no transaction should wait for."""
    return hasher.hash(text)


def verify(text: str, password_hash: str) -> bool:
    """Return whether ``text`` is the password behind ``password_hash``; False for a hash that is none."""
    try:
        return hasher.verify(password_hash, text)
    except (VerificationError, InvalidHashError):
        return False


def generate_password() -> str:
    """Return a random password that can be read over the phone."""
    return "".join(secrets.choice(_UNMISTAKABLE) for _ in range(_GENERATED_LENGTH))
