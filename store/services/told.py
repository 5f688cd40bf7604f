"""What the audit log tells of a view: all its fields but those that are no part of a change, as JSON has them."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from store.clock import rfc3339
from store.sql.columns import Column, filled, json_texts

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_PLAIN = frozenset({str, int, bool, type(None)})  # as JSON has them
_written = lru_cache(4)(rfc3339)  # a call of a thousand changes has one moment


def told(view: "DataclassInstance | None") -> dict[str, Any] | None:
    """Return what is told of one view."""
    if view is None:
        return None
    found: dict[str, Any] = {}
    for name in _fields_told(type(view)):
        value = getattr(view, name)
        found[name] = value if type(value) in _PLAIN else _plain(value)
    return found


def told_texts(views: Sequence["DataclassInstance | None"]) -> list[str | None]:
    """Return the same of each view as the text that ``json.dumps`` makes of it."""
    kinds = set(map(type, views)) - {type(None)}
    if len(kinds) != 1:
        return [None if view is None else json.dumps(told(view)) for view in views]
    texts = iter(_of_one_kind(kinds.pop(), [view for view in views if view is not None]))
    return [None if view is None else next(texts) for view in views]


def _of_one_kind(kind: "type[DataclassInstance]", views: "Sequence[DataclassInstance]") -> list[str]:
    names = _fields_told(kind)
    befores = (f'{", " if place else "{"}"{name}": ' for place, name in enumerate(names))
    columns = (list(map(attrgetter(name), views)) for name in names)
    return filled(((before, column, _texts) for before, column in zip(befores, columns, strict=True)), "}")


def _texts(column: Column) -> Iterable[str]:
    return json_texts(column, _plain)


@cache
def _fields_told(kind: "type[DataclassInstance]") -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind) if field.metadata.get("audited", True))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, datetime):
        return _written(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return told(value)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
