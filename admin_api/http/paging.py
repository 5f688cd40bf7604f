"""Pages of lists: what a client asks for, and how the answer looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Depends, Query

from admin_api.http.models import Listing, Meta, Out

LARGEST_PAGE = 1_000_000
MOST = 100

Item = TypeVar("Item", bound=Out)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page of a list is wanted."""

    page: int  # from 1
    per_page: int


class Found(Protocol):
    """A page as the services return it."""

    @property
    def items(self) -> Sequence[Any]:
        """What is on the page."""
        ...

    @property
    def total(self) -> int:
        """How many there are on all pages."""
        ...


async def _wanted(
    page: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="From 1.")] = 1,
    per_page: Annotated[int, Query(ge=1, le=MOST, description="How many on a page.")] = 25,
) -> Wanted:
    return Wanted(page, per_page)


Paging = Annotated[Wanted, Depends(_wanted)]


def listing(model: type[Item], found: Found, wanted: Wanted) -> Listing[Item]:
    """Return a page of ``model`` with where it is in the list."""
    meta = Meta(page=wanted.page, per_page=wanted.per_page, total=found.total)
    return Listing[model](data=[model.of(item) for item in found.items], meta=meta)  # type: ignore[valid-type]
