"""The rules for free text: account names, display names, notes, passwords."""

from store.errors import ServiceError

_SHORTEST_PASSWORD = 8

# field: fewest and most characters
_LENGTHS = {"name": (1, 100), "display_name": (0, 200), "note": (0, 500), "password": (_SHORTEST_PASSWORD, 256)}
_CALLED = {
    "name": "the account name",
    "display_name": "the display name",
    "note": "the note",
    "password": "the password",
}


def check_text(field: str, text: str) -> None:
    """Refuse text that is too short, too long, or holds control characters. A password is never shown.

    Raises:
        ServiceError: ``invalid-request`` with the field.
    """
    shortest, longest = _LENGTHS[field]
    if len(text) < shortest:
        raise _refusal(field, f"must have at least {shortest} character{'s' if shortest > 1 else ''}")
    if len(text) > longest:
        raise _refusal(field, f"must have at most {longest} characters")
    if not all(char.isprintable() for char in text):
        raise _refusal(field, "must not hold control characters or line breaks")


def check_account_name(text: str) -> None:
    """Refuse an account name that breaks :func:`check_text` or has blanks around it.

    Raises:
        ServiceError: ``invalid-request``.
    """
    check_text("name", text)
    if text != text.strip():
        raise _refusal("name", "must not begin or end with a blank")


def _refusal(field: str, rule: str) -> ServiceError:
    return ServiceError("invalid-request", f"{_CALLED[field]} {rule}", field=field)
