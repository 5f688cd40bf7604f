"""The section of the settings for the dashboard."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator

from conf.sections import HttpUrl, Section

_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_PATH = re.compile(r"/|(?:/[a-z0-9_-]+)+")
_TAKEN = (
    "api",
    "healthz",
    "readyz",
    "metrics",
    "mail",
    "autodiscover",
    "mcp",
)  # the first part of paths that are served already


def span(text: str) -> timedelta:
    """Return a length of time such as 90m, 12h, 14d. Raises ValueError, whose message is the rule."""
    read = _SPAN.fullmatch(text)
    if read is None:
        raise ValueError("must be a number with m, h or d, such as 12h")
    return int(read[1]) * _UNITS[read[2]]


def _checked_span(text: str) -> str:
    span(text)
    return text


def _free_path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise ValueError("must be / or a path in lower case without a slash at its end, such as /dashboard")
    if text.split("/")[1] in _TAKEN:
        raise ValueError(f"must not begin with /{text.split('/')[1]}, which is served already")
    return text


def _printable(text: str) -> str:
    if not (1 <= len(text) <= 40 and text.isprintable() and text == text.strip()):
        raise ValueError("must be 1 to 40 printable characters")
    return text


Span = Annotated[str, AfterValidator(_checked_span)]


class DashboardSettings(Section):
    """The pages for people: where, for how long one stays signed in, and what owners of mailboxes may do there."""

    enabled: bool = True
    path: Annotated[str, AfterValidator(_free_path)] = "/"
    session_idle: Span = "12h"
    session_max: Span = "14d"
    second_factor: Literal["off", "optional", "required"] = "optional"
    owners: Literal["off", "view", "toggle", "manage"] = "toggle"
    upgrade_url: HttpUrl | None = None
    brand: Annotated[str, AfterValidator(_printable)] = "Byname"
