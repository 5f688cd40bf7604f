"""CSV as other programs write it: a first line with names, records that may hold line breaks in quotation marks."""

import csv
import io
from collections.abc import Iterator
from typing import IO, Any

from store.transfer.lines import MOST_OCTETS, Malformed, malformed

Record = dict[str, str]


def records(source: IO[bytes], needed: tuple[str, ...]) -> Iterator[tuple[int, Record] | Malformed]:
    """Return each record under the number of its last line, by the names of the first line, in lower case.

    Args:
        needed: names without which no record can be understood.
    """
    octets = source.read(MOST_OCTETS + 1)
    if len(octets) > MOST_OCTETS:
        yield malformed(1, "file-too-large")
        return
    try:
        reader = csv.reader(io.StringIO(octets.decode("utf-8-sig"), newline=""), strict=True)
        names = [name.strip().lower() for name in next(reader, [])]
    except (UnicodeDecodeError, csv.Error):
        yield malformed(1, "invalid-encoding")
        return
    if missing := [name for name in needed if name not in names]:
        yield malformed(1, "invalid-header", f"the first line must name {', '.join(needed)}; there is no {missing[0]}")
        return
    yield from _records(reader, names)


def _records(reader: Any, names: list[str]) -> Iterator[tuple[int, Record] | Malformed]:
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            yield malformed(reader.line_num, "invalid-quoting")
            continue
        if cells is None:
            return
        if len(cells) == len(names):
            yield reader.line_num, dict(zip(names, cells, strict=True))
        elif cells:
            yield malformed(reader.line_num, "wrong-number-of-columns")
