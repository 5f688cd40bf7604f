"""Aliases from a Postfix virtual(5) file: ``name@domain   target``, one target each.

Comments, empty lines and lines that continue the one before are those of Postfix (virtual(5), "TABLE FORMAT").
``@domain target`` becomes the domain's catch-all. ``domain anything``, with which a file declares a virtual alias
domain, is held against the domains that are hosted here. Bare user names, which virtual(5) looks up in Postfix's own
domains, are no aliases of anyone here.
"""

import re
from collections.abc import Iterator
from typing import IO

from store.transfer.lines import (
    LONGEST_LINE,
    AliasLine,
    CatchAllLine,
    DomainLine,
    Line,
    Malformed,
    malformed,
    text_lines,
)

_BLANK = (" ", "\t")
_SPACE = " \t\r\f\v"
_BETWEEN = re.compile(r"[ \t\r\f\v]+")
_BETWEEN_TARGETS = re.compile(r"[ \t\r\f\v,]+")


def read_virtual(source: IO[bytes]) -> Iterator[Line]:
    """Return what each logical line says, under the number of its first line."""
    for line in _logical_lines(source):
        yield line if isinstance(line, Malformed) else _line(*line)


def _logical_lines(source: IO[bytes]) -> Iterator[tuple[int, str] | Malformed]:
    """Put continuation lines together. A comment or an empty line between them changes nothing, as in Postfix."""
    held: tuple[int, str] | Malformed | None = None
    for line in text_lines(source):
        if not isinstance(line, Malformed) and _says_nothing(line[1]):
            continue
        if not isinstance(line, Malformed) and line[1].startswith(_BLANK):
            held = _joined(held, *line)
            continue
        if held is not None:
            yield held
        held = line
    if held is not None:
        yield held


def _says_nothing(text: str) -> bool:
    return text.lstrip(_SPACE)[:1] in {"", "#"}


def _joined(held: tuple[int, str] | Malformed | None, number: int, text: str) -> tuple[int, str] | Malformed:
    if held is None:
        return malformed(number, "line-continues-nothing")
    if isinstance(held, Malformed):
        return held
    if len(held[1]) + len(text) > LONGEST_LINE:
        return malformed(held[0], "line-too-long")
    return held[0], f"{held[1]} {text}"


def _line(number: int, text: str) -> Line:
    name, rest = [*_BETWEEN.split(text, maxsplit=1), ""][:2]
    targets = [target for target in _BETWEEN_TARGETS.split(rest) if target]
    if not targets:
        return malformed(number, "no-target")
    if "@" not in name:
        return _without_at(number, name)
    if len(targets) > 1:
        told = f"it leads to {len(targets)} addresses; an alias leads to one mailbox"
        return malformed(number, "several-targets", told)
    if name.startswith("@"):
        return CatchAllLine(number, name[1:], targets[0])
    return AliasLine(number, name, targets[0], {})


def _without_at(number: int, name: str) -> Line:
    if "." in name:
        return DomainLine(number, name)
    return malformed(number, "not-an-address", "there is no @ in the name; write it with its domain")
