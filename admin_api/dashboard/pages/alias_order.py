"""In which order the Aliases tab shows its rows, as its address says it: ``sort=last``, ``sort=-mails``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from store.services.views import Alias

_NEVER = datetime.min.replace(tzinfo=UTC)
_BY: Mapping[str, Callable[[Alias], Any]] = MappingProxyType(
    {
        "address": lambda alias: (alias.domain, alias.local_part),
        "last": lambda alias: alias.last_mail_at or _NEVER,
        "mails": lambda alias: (alias.mails_30d, alias.refused_30d),
    }
)


@dataclass(frozen=True, slots=True)
class AliasOrder:
    """The order of the rows."""

    by: str = "address"
    descending: bool = False

    @classmethod
    def of(cls, text: str) -> "AliasOrder":
        """Read it from an address; what is none is the usual order."""
        by = text.removeprefix("-")
        return cls(by, text.startswith("-")) if by in _BY else cls()

    @property
    def text(self) -> str:
        """The order as an address has it, empty for the usual one."""
        return "" if self == AliasOrder() else f"{'-' if self.descending else ''}{self.by}"

    @property
    def direction(self) -> str:
        """Which way, as ``aria-sort`` says it."""
        return "descending" if self.descending else "ascending"

    def pressed(self, by: str) -> str:
        """Return the order after the head of a column is pressed: figures begin with the largest."""
        return AliasOrder(by, not self.descending if by == self.by else by != "address").text

    def sorted(self, found: list[Alias]) -> list[Alias]:
        """Return aliases in this order; those that are the same in it by their addresses."""
        return sorted(sorted(found, key=_BY["address"]), key=_BY[self.by], reverse=self.descending)
