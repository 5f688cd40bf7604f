"""Batches: a sequence in pieces of bounded size."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Return the items in lists of ``size``, the last one shorter; no empty list."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
