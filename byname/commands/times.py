"""Times as people type them: a length such as 90s or 12h, and a moment."""

import re
from datetime import UTC, datetime, timedelta

import typer

_SPAN = re.compile(r"([1-9][0-9]{0,4})([smhdw])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def span_text(text: str | None) -> str | None:
    """Refuse what is no length of time such as 90d.

    Raises:
        typer.BadParameter: typer makes it exit code 2.
    """
    if text is not None and not _SPAN.fullmatch(text):
        raise typer.BadParameter("a number with s, m, h, d or w is needed, such as 90d")
    return text


def moment_text(text: str | None) -> str | None:
    """Refuse what is neither a moment of ISO 8601 nor a length of time.

    Raises:
        typer.BadParameter: typer makes it exit code 2.
    """
    if text is not None and not _SPAN.fullmatch(text) and _moment(text) is None:
        raise typer.BadParameter("a length such as 12h or a moment such as 2026-01-31T12:00Z is needed")
    return text


def until(text: str | None) -> datetime | None:
    """Return the moment that lies that far ahead; None for None."""
    from store.clock import utc_now

    span = _span(text or "")
    return None if span is None else utc_now() + span


def since(text: str | None) -> datetime | None:
    """Return the moment that is named, or that lies that far back; None for None."""
    from store.clock import utc_now

    span = _span(text or "")
    return _moment(text or "") if span is None else utc_now() - span


def _span(text: str) -> timedelta | None:
    read = _SPAN.fullmatch(text)
    return int(read[1]) * _UNITS[read[2]] if read else None


def _moment(text: str) -> datetime | None:
    """Return a moment of ISO 8601, in UTC where it names no zone; None for anything else."""
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
