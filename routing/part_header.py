"""The header of one part of a MIME message (RFC 2045 section 5, RFC 2183), read as a lenient program reads it."""

import re
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n?|\n")
_FIELD = re.compile(rb"content-(type|transfer-encoding|disposition)[ \t]*:(.*)", re.IGNORECASE | re.DOTALL)
_FOLD = re.compile(rb"\n(?=[ \t])")
_PARAMETER = re.compile(rb';\s*([a-z0-9*_-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)', re.IGNORECASE)
_NO_TYPE = re.compile(r"\([^()]*\)|[\s\"]")  # what may stand around and inside a type
_TOKEN = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class PartHeader:
    """What the header of a part says of it."""

    kind: str  # "text/calendar", lower-case; what it says, when that is no type
    parameters: tuple[tuple[str, bytes], ...]  # of the type, names lower-case
    encoding: str
    disposition: str  # "attachment; filename=...", lower-case

    def parameter(self, name: str) -> bytes | None:
        """Return the first value of a parameter of the type."""
        return next((value for key, value in self.parameters if key == name), None)


class MalformedPart(ValueError):
    """A part that can be read in two ways."""


def read_header(raw: bytes) -> PartHeader:
    """Read the header of a part.

    Raises:
        MalformedPart: a field that may stand once stands twice, or so does a boundary.
    """
    found: dict[str, bytes] = {}
    for line in _FOLD.sub(b"", _LINE_END.sub(b"\n", raw)).split(b"\n"):
        if field := _FIELD.match(line):
            name = field[1].decode("ascii").lower()
            if name in found:
                raise MalformedPart
            found[name] = field[2]
    type_text = found.get("type", b" text/plain")
    parameters = tuple((key.decode("ascii").lower(), _unquoted(value)) for key, value in _PARAMETER.findall(type_text))
    if [key for key, _ in parameters if key.startswith("boundary")] not in ([], ["boundary"]):
        raise MalformedPart  # also a boundary in the manner of RFC 2231, which not every program knows
    return PartHeader(
        _NO_TYPE.sub("", _lowered(type_text.partition(b";")[0])),
        parameters,
        _word(found.get("transfer-encoding", b"")),
        _lowered(found.get("disposition", b"")).strip(),
    )


def _unquoted(value: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", value[1:-1]) if value.startswith(b'"') else value


def _word(value: bytes) -> str:
    token = _TOKEN.search(_lowered(value))
    return token.group() if token else ""


def _lowered(value: bytes) -> str:
    return value.decode("utf-8", "replace").lower()
