"""Texts of many rows, made column by column: what all rows have in common is written once.

A thousand rows of a bulk call differ in a few of some twenty values. To write each row by itself takes five times as
long (measured).
"""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import is_
from typing import Any

Column = Sequence[Any]  # a value of each row
Write = Callable[[Column], Iterable[str]]  # the texts of values
_quoted = json.JSONEncoder().encode  # of a text; json.dumps takes five times as long for it


def is_same(column: Column) -> bool:
    """Return whether all values are one and the same object; equal ones may be written differently, as 1 and True."""
    return all(map(is_, column, repeat(column[0])))


def filled(parts: Iterable[tuple[str, Column, Write]], end: str) -> list[str]:
    """Return a text for each row, of which there is at least one.

    Args:
        parts: what stands before a value, the values by row, and what writes them.
        end: what stands behind the last one.
    """
    template, varying, count = "", list[Iterable[str]](), 0
    for before, column, write in parts:
        count = len(column)
        if is_same(column):
            template += _literal(before + next(iter(write(column[:1]))))
        else:
            template += _literal(before) + "%s"
            varying.append(write(column))
    template += _literal(end)
    return list(map(template.__mod__, zip(*varying, strict=True))) if varying else [template % ()] * count


def json_texts(column: Column, default: Callable[[Any], Any]) -> Iterable[str]:
    """Return values as JSON; ``default`` makes something of those that JSON has no form of."""
    kinds = set(map(type, column))
    if kinds == {str}:
        return map(_quoted, column)
    return map(str, column) if kinds == {int} else [json.dumps(value, default=default) for value in column]


def _literal(text: str) -> str:
    return text.replace("%", "%%")
