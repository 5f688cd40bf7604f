"""Records as commands show them: one or many, for people or for scripts."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from byname.output import members, say_json, table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record")
Columns = Mapping[str, Callable[[Record], object]]  # heading: what stands below it


def show(
    record: "DataclassInstance", columns: Columns[Any], *, as_json: bool, more: Mapping[str, object] | None = None
) -> None:
    """Show a record that a command made, changed or removed. JSON: as in docs/api.md, "Objects", and ``more``."""
    if as_json:
        say_json({**members(record), **(more or {})})
    else:
        _table([record], columns)


def show_all(records: Sequence[Record], columns: Columns[Record], *, as_json: bool) -> None:
    """Show a list. JSON: ``{"data": [...]}``, as the API answers, so that more can stand beside it one day."""
    if as_json:
        say_json({"data": list(records)})
    else:
        _table(records, columns)


def _table(records: Sequence[Record], columns: Columns[Record]) -> None:
    table(list(columns), [[read(record) for read in columns.values()] for record in records])
