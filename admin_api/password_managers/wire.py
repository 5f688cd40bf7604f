"""What the two interfaces have in common: what is wanted, how notes are taken, how refusals are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.datastructures import QueryParams
from starlette.requests import Request

from admin_api.http.error_codes import TITLES
from admin_api.http.problems import Refusal
from store.services.random_names import WORDS
from store.services.views import Alias

Json = dict[str, Any]
_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """An alias as a password manager asks for it."""

    style: str = WORDS  # of store.services.random_names
    local_part: str | None = None  # a name of the user's own choice in place of one of chance
    domain: str | None = None  # None: the one that the account chose
    note: str | None = None


class Wire(Protocol):
    """One of the interfaces."""

    @property
    def path(self) -> str:
        """Where it is asked."""
        ...

    def secret(self, request: Request) -> str:
        """Return the token that was shown. Raises Refusal ``unauthenticated``."""
        ...

    def wanted(self, query: QueryParams, body: Mapping[str, Any]) -> Wanted:
        """Return what is asked for; what is not known is passed over. Raises Refusal ``invalid-request``."""
        ...

    def answer(self, made: Alias) -> Json:
        """Return what is told of an alias that was made."""
        ...

    def status(self, refusal: Refusal) -> int:
        """Return the HTTP status of a refusal."""
        ...

    def told(self, refusal: Refusal) -> Json:
        """Return the members of a refusal's answer that clients read."""
        ...


def note_of(given: object, field: str) -> str | None:
    """Return a note as it can be kept, shortened if need be: nobody is refused an address for the note on it.

    Raises:
        Refusal: ``invalid-request`` for what is no text.
    """
    if given is None:
        return None
    if not isinstance(given, str):
        raise Refusal("invalid-request", f"{field} must be text")
    plain = "".join(char if char.isprintable() else " " for char in given).strip()
    return plain[:_LONGEST_NOTE] or None


def sentence(text: str) -> str:
    """Return a message as a sentence for people: with a capital letter, unless it begins with a name."""
    first = text.partition(" ")[0]
    return text if "." in first or "@" in first else text[:1].upper() + text[1:]


def title(refusal: Refusal) -> str:
    """Return the kind of a refusal, for people."""
    return TITLES[refusal.code]
