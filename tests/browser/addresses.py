"""An address of each page of the dashboard, by its route, in the world of the tests. A new page gets a line here.

Ids in braces are those of ``tests.browser.names``. Several addresses show the same page in several states. A route that
is no page to be opened by its address alone (a file to download, a step after another) has none, and a test of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from admin_api.dashboard.frame.route import Who
from admin_api.dashboard.routes import ROUTES
from tests.api.dashboard.visitor import ADMIN, OPERATOR

_ALIASES = "/mailboxes/{mailbox_id:id}/aliases"
ADDRESSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "/": (),  # leads to one of the others
        "/login": ("/login", "/login?next=/mailboxes"),
        "/mailboxes": (
            "/mailboxes",
            "/mailboxes?search=john",
            "/mailboxes?search=nobody",
            "/mailboxes?page=9",
        ),
        _ALIASES: ("/mailboxes/{john}/aliases", "/mailboxes/{john}/aliases?local_part=x", "/mailboxes/{mary}/aliases"),
        f"{_ALIASES}/{{alias_id:id}}/delete": ("/mailboxes/{john}/aliases/{sales}/delete",),
    }
)
PEOPLE: Mapping[Who, str | None] = MappingProxyType(
    {"anyone": None, "people": ADMIN, "admins": ADMIN, "operators": OPERATOR}
)


@dataclass(frozen=True, slots=True)
class Example:
    """A page to look at, and who is signed in then."""

    pattern: str
    person: str | None

    def __str__(self) -> str:
        """Return it as the name of a test."""
        return self.pattern

    def path(self, ids: Mapping[str, int]) -> str:
        """Return its address below the dashboard's own."""
        return self.pattern.format_map(ids)


def pages_by_address() -> frozenset[str]:
    """Return the routes that are opened by an address."""
    return frozenset(route.path for route in ROUTES if route.method == "GET")


def examples() -> Iterator[Example]:
    """Return all pages that can be looked at, in the order of their routes."""
    for route in ROUTES:
        if route.method == "GET":
            for pattern in ADDRESSES.get(route.path, ()):
                yield Example(pattern, PEOPLE.get(route.who, ADMIN))
