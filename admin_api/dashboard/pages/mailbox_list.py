"""What is asked of the list of mailboxes, as its address says: which ones, in what order, from where on."""

from collections.abc import Mapping
from dataclasses import dataclass

from store.services.mailbox_order import BY_ADDRESS, ORDERS, Order

PER_PAGE = 50
LONGEST_SEARCH = 100
_LAST_PAGE = 10**6

# What each order is called, and whether its first use is the descending one.
HEADS = (
    ("address", "Address", False),
    ("name", "Name", False),
    ("aliases", "Aliases", True),
    ("created", "Created", True),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the list."""

    search: str = ""
    domain: str = ""  # a name, or an id
    order: Order = BY_ADDRESS
    page: int = 1

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Wanted":
        """Read an address; what nobody could have meant is left out."""
        search, domain = fields.get("search", "").strip(), fields.get("domain", "").strip()
        return cls(search, domain, _order(fields.get("sort", "")), _page_number(fields.get("page", "")))

    @property
    def is_narrowed(self) -> bool:
        """Whether only some mailboxes are asked for."""
        return bool(self.search or self.domain)

    @property
    def sort(self) -> str:
        """The order as an address has it."""
        return f"{'-' if self.order.descending else ''}{self.order.by}"

    @property
    def query(self) -> dict[str, str | int]:
        """What an address says of it, without the page."""
        said = {"search": self.search, "domain": self.domain, "sort": self.sort if self.order != BY_ADDRESS else ""}
        return {name: value for name, value in said.items() if value}

    def sorted_by(self, by: str, descending_first: bool) -> dict[str, str | int]:
        """Return what the address says after the head of a column is pressed."""
        descending = not self.order.descending if self.order.by == by else descending_first
        return Wanted(self.search, self.domain, Order(by, descending)).query

    def direction(self, by: str) -> str | None:
        """Return how a column is sorted, as ``aria-sort`` says it; None for one that is not."""
        if self.order.by != by:
            return None
        return "descending" if self.order.descending else "ascending"


def _order(text: str) -> Order:
    by = text.removeprefix("-")
    return Order(by, text.startswith("-")) if by in ORDERS else BY_ADDRESS


def _page_number(text: str) -> int:
    return min(int(text), _LAST_PAGE) if text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) else 1
