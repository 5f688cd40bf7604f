"""Points in time as people read them."""

from datetime import datetime

from store.clock import utc_now

_STEPS = ((60, 1, "second"), (3600, 60, "minute"), (86400, 3600, "hour"), (30 * 86400, 86400, "day"))


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return a moment of the past or the future, such as "5 minutes ago"; one that is a month away as its date."""
    seconds = ((now or utc_now()) - moment).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    for below, unit, word in _STEPS:
        if abs(seconds) < below:
            count = int(abs(seconds) // unit)
            span = f"{count} {word}{'' if count == 1 else 's'}"
            return f"{span} ago" if seconds > 0 else f"in {span}"
    return f"{moment.day} {moment:%b %Y}"


def exact(moment: datetime) -> str:
    """Return a moment to the second, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
