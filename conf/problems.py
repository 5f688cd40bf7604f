"""Configuration errors: what is wrong and where, as messages for the person who wrote it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it stands, which key it is about, which rule it breaks, and what was likely meant."""

    origin: str  # a file name, or "environment"
    key: str  # as written there: "milter.inbound", "BYNAME_MILTER__INBOUND"; empty when the whole origin is bad
    rule: str  # never holds the value of a secret key
    meant: str | None = None

    def __str__(self) -> str:
        """Return the one line that is shown."""
        parts = [self.origin, self.key, self.rule] if self.key else [self.origin, self.rule]
        return ": ".join(parts) + (f"; did you mean {self.meant}?" if self.meant else "")


class ConfigError(Exception):
    """The configuration cannot be used. ``problems`` holds every mistake found, ``str()`` one line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order in which they were found."""
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def closest(key: str, known: Collection[str]) -> str | None:
    """Return the known key most like ``key``, or None when there is none near enough to be worth naming."""
    return next(iter(get_close_matches(key, known, n=1, cutoff=0.65)), None)
