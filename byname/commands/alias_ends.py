"""Until when an alias lives, as options of ``byname alias add`` and ``set``; ``never`` lifts an end."""

from datetime import datetime
from typing import Annotated, Any

import typer

_NEVER = "never"

ExpiresAt = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="From then on it is off: 2027-01-31T12:00:00Z, or never.", show_default=False),
]
ExpiresAfter = Annotated[
    str | None, typer.Option(metavar="MAILS", help="After so many mails it is off; or never.", show_default=False)
]
ExpiresWhenIdle = Annotated[
    str | None,
    typer.Option(metavar="DAYS", help="After so many days without mail it is off; or never.", show_default=False),
]


def given_ends(expires_at: str | None, expires_after: str | None, expires_when_idle: str | None) -> dict[str, Any]:
    """Return those that were given, as the services take them. Raises typer.BadParameter."""
    found: dict[str, Any] = {}
    if expires_at is not None:
        found["expires_at"] = None if expires_at == _NEVER else _moment(expires_at)
    for field, text in (("expires_after", expires_after), ("expires_when_idle", expires_when_idle)):
        if text is not None:
            found[field] = None if text == _NEVER else _number(field, text)
    return found


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("give a moment as 2027-01-31T12:00:00Z, or never", param_hint="--expires-at") from None
    if found.tzinfo is None:
        raise typer.BadParameter("say in which time zone: 2027-01-31T12:00:00Z", param_hint="--expires-at")
    return found


def _number(field: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise typer.BadParameter("give a whole number, or never", param_hint=f"--{field.replace('_', '-')}")
    return int(text)
