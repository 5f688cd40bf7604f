"""Moments as text, without a clock: seconds since 1970 in UTC, by the proleptic Gregorian calendar."""

_DAY = 86_400  # seconds
_ERA = 146_097  # days of 400 years, after which the calendar repeats
_TO_MARCH = 719_468  # days from 1 March of the year 0 to 1970; a year that begins in March ends with its leap day


def moment_text(seconds: int) -> str:
    """Return a moment such as ``2027-01-15 08:00:00 UTC``."""
    days, rest = divmod(seconds, _DAY)
    era, day = divmod(days + _TO_MARCH, _ERA)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153  # 0: March
    day -= (153 * month + 2) // 5
    month = month + 3 if month < 10 else month - 9
    year += era * 400 + (month <= 2)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{year:04}-{month:02}-{day + 1:02} {clock} UTC"
