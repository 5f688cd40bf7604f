"""What an import did, line by line: counted, kept in a temporary file, and given out as JSON.

Memory is bounded by a line, whatever the number of lines.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, Literal

Status = Literal["created", "updated", "unchanged", "failed"]

STATUSES: tuple[Status, ...] = ("created", "updated", "unchanged", "failed")
_IN_MEMORY = 1_000_000  # octets; longer reports go to a file
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of a line. ``code``, of store.errors.CODES or store.transfer.lines.LINE_CODES, if it failed."""

    line: int
    status: Status
    address: str | None = None  # as the line has it
    code: str | None = None
    message: str | None = None

    def as_json(self) -> str:
        """Return it as a JSON object on one line, without what it does not have."""
        members = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({name: value for name, value in members.items() if value is not None})


def from_json(text: str) -> LineResult:
    """Return what :meth:`LineResult.as_json` wrote."""
    return LineResult(**json.loads(text))


class Report:
    """The results of all lines so far. Close it."""

    def __init__(self) -> None:
        self.counts: dict[Status, int] = dict.fromkeys(STATUSES, 0)
        self._file = SpooledTemporaryFile(_IN_MEMORY, mode="w+", encoding="ascii", newline="")  # noqa: SIM115 - close()

    def add(self, results: Iterable[LineResult]) -> None:
        """Add what became of some lines."""
        for result in results:
            self.counts[result.status] += 1
            self._file.write(f"{result.as_json()}\n")

    def lines(self) -> Iterator[LineResult]:
        """Return every line's result, in the order in which they were added."""
        self._file.seek(0)
        for text in self._file:
            yield from_json(text)

    def as_json(self, more: Mapping[str, Any]) -> Iterator[str]:
        """Return ``{"lines": [...], "created": ..., ...}`` with ``more`` beside it, in pieces of about 64 kB."""
        self._file.seek(0)
        piece = '{"lines": ['
        for number, text in enumerate(self._file):
            piece += (",\n" if number else "\n") + text.rstrip("\n")
            if len(piece) > _PIECE:
                yield piece
                piece = ""
        yield f"{piece}\n], {json.dumps({**self.counts, **more})[1:]}"

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
