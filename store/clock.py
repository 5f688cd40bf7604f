"""The clock of the store: UTC now."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Return a moment in UTC as RFC 3339 has it, with ``Z`` at its end, as all answers and records show it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
