"""The header of a raw message, as an MTA would hand it to a milter field by field."""

import re

from routing.guard import HeaderField

_FIELD = re.compile(rb"([^\x00-\x20:\x7f]+[ \t]*):(.*)", re.DOTALL)
_LINE = re.compile(rb"\r\n|\n")


def header_fields(raw: bytes) -> list[HeaderField]:
    """Return the fields in order, values raw and folded with their leading space.

    The header ends at the first empty line or at the first line that is no field: for Postfix the rest is body
    (FACTS, "Milter and Postfix").
    """
    fields: list[HeaderField] = []
    for line in _LINE.split(raw):
        if fields and line[:1] in {b" ", b"\t"}:
            last = fields.pop()
            fields.append(HeaderField(last.name, last.value + b"\n" + line))
        elif found := _FIELD.fullmatch(line):
            fields.append(HeaderField(found[1].decode("latin-1"), found[2]))
        else:
            break
    return fields
