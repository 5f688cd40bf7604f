"""The rules for free text (names, display names, notes, passwords) and for moments."""

from datetime import UTC, datetime

from store.errors import ServiceError

_SHORTEST_PASSWORD = 8
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

# field: fewest and most characters
_LENGTHS = {"name": (1, 100), "display_name": (0, 200), "note": (0, 500), "password": (_SHORTEST_PASSWORD, 256)}
_CALLED = {
    "name": "the name",
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
    if not text.isprintable():
        raise _refusal(field, "must not hold control characters or line breaks")


def check_name(text: str) -> None:
    """Refuse a name (of an account, a token) that breaks :func:`check_text` or has blanks around it.

    Raises:
        ServiceError: ``invalid-request``.
    """
    check_text("name", text)
    if text != text.strip():
        raise _refusal("name", "must not begin or end with a blank")


def check_moment(field: str, moment: datetime | None) -> None:
    """Refuse a moment that some time zone's calendar, or a database's, has no date for.

    Raises:
        ServiceError: ``invalid-request`` with the field.
    """
    if moment is not None and not _EARLIEST <= moment <= _LATEST:
        raise ServiceError(
            "invalid-request", f"the moment must lie between {_EARLIEST:%Y} and {_LATEST:%Y}", field=field
        )


def _refusal(field: str, rule: str) -> ServiceError:
    return ServiceError("invalid-request", f"{_CALLED[field]} {rule}", field=field)
