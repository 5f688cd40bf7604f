"""What commands print: tables for people, plain columns in a pipe, JSON for scripts."""

import dataclasses
import enum
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn, TextIO

import typer

from byname.exits import ExitCode
from store.clock import rfc3339

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.progress import Progress

_GAP = "  "
_NOTHING = "-"  # an empty cell, so that columns can be counted


class OutputLostError(Exception):
    """Standard output could not be written: a full disk, most likely. The command's work is done all the same."""


def say(text: str) -> None:
    """Print a line to stdout, at once.

    Raises:
        typer.Exit: the reader has closed the pipe.
        OutputLostError: the line could not be written.
    """
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """Print a line to stderr; a failure to do so is ignored."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - the one place
    except OSError:
        return


def warn(text: str) -> None:
    """Print a warning to stderr."""
    complain(f"byname: warning: {text}")


def say_json(value: object) -> None:
    """Print ``value`` as JSON: ASCII, so that no locale and no terminal can spoil it."""
    say(json.dumps(value, default=_as_json, indent=2))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headings: drawn on a terminal, aligned columns that never wrap anywhere else.

    A terminal is narrow: a column in which nothing stands is left out there.
    """
    cells = [[cell_text(value) for value in row] for row in rows]
    if _is_terminal(sys.stdout):
        told = [index for index in range(len(columns)) if not cells or {line[index] for line in cells} != {_NOTHING}]
        _drawn([columns[index] for index in told], [[line[index] for index in told] for line in cells])
        return
    lines = [[name.upper() for name in columns], *cells]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        say(_GAP.join(padded).rstrip())


def cell_text(value: object) -> str:
    """Return one value as people read it; control characters are escaped, so that no stored text steers a terminal."""
    if value is None or value == "":
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return rfc3339(value.replace(microsecond=0)).replace("T", " ")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(value))


def members(record: "DataclassInstance") -> dict[str, object]:
    """Return the fields of a record by name, the inner ones as they are."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


class Bar:
    """A bar on stderr while something long runs, if that is a terminal; gone at the end. A context manager."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._progress: Progress | None = None
        self._drawn = _is_terminal(sys.stderr)

    def show(self, done: int, total: int) -> None:
        """Move it."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=done, total=max(total, 1))

    def __enter__(self) -> "Bar":
        if self._drawn:
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(console=Console(stderr=True), transient=True)
            self._progress.add_task(self._title, total=None)
            self._progress.start()
        return self

    def __exit__(self, kind: object, value: object, at: object) -> None:
        """Take it off the screen."""
        if self._progress is not None:
            self._progress.stop()


def can_ask() -> bool:
    """True when there is a person to ask: both ends are a terminal."""
    return _is_terminal(sys.stdin) and _is_terminal(sys.stderr)


def ask(question: str) -> str:
    """Return the line that a person types, empty at the end of input."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()


def _drawn(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*columns, box=SIMPLE_HEAD)
    for row in cells:
        drawn.add_row(*(Text(text) for text in row))
    Console().print(drawn)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # started with its standard output closed
        raise OutputLostError("cannot write the output: standard output is closed")
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        _give_up_stdout()
        raise typer.Exit(ExitCode.READER_GONE) from None
    except OSError as error:
        _give_up_stdout()
        raise OutputLostError(f"cannot write the output: {error.strerror}") from error


def _give_up_stdout() -> None:
    """Point stdout at nothing, or Python tries to write what is left again when it ends."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)


def _as_json(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return members(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value)


def stop(code: ExitCode) -> NoReturn:
    """End the command with ``code``.

    Raises:
        typer.Exit: always.
    """
    raise typer.Exit(code)
