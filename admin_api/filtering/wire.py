"""ManageSieve on the wire (RFC 5804 sections 1.3, 1.6 and 4): texts as a client sends them, lines as a server does.

Pure. A line of a server is a row of tokens; a literal, ``{7}``, ends the line and goes on with so many bytes.
"""

import re
from dataclasses import dataclass
from typing import Literal

_TOKEN = re.compile(
    rb' *(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|\{(?P<size>[0-9]{1,10})\+?\}$|\((?P<code>(?:[^"()\\]|"(?:[^"\\]|\\.)*")*)\)'
    rb'|(?P<atom>[^ "(){}\\]+))'
)
_LONGEST_QUOTED = 1024  # bytes, section 4
_FORBIDDEN = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Token:
    """A part of a line."""

    kind: Literal["atom", "text", "code"]
    value: bytes


def read_line(line: bytes) -> tuple[list[Token], int | None]:
    """Return the tokens of a line, which comes without its CRLF, and the size of the literal that ends it.

    Raises:
        ValueError: it is none of ManageSieve.
    """
    tokens: list[Token] = []
    at, end = 0, len(line.rstrip(b" "))
    while at < end:
        found = _TOKEN.match(line, at, end)
        if found is None:
            raise ValueError("not a line of ManageSieve")
        if found["size"] is not None:
            return tokens, int(found["size"])
        tokens.append(_token(found))
        at = found.end()
    return tokens, None


def quoted(text: str) -> bytes:
    r"""Return a name as a quoted string.

    Raises:
        ValueError: it has a CR, LF or NUL, or is too long.
    """
    if _FORBIDDEN.search(text):
        raise ValueError("a name has no line end and no NUL")
    value = re.sub(r'(["\\])', r"\\\1", text).encode()
    if len(value) > _LONGEST_QUOTED:
        raise ValueError(f"a name has at most {_LONGEST_QUOTED} bytes")
    return b'"' + value + b'"'


def literal(content: bytes) -> bytes:
    """Return a script as a literal that waits for no answer."""
    return b"{%d+}\r\n%s" % (len(content), content)


def _token(found: re.Match[bytes]) -> Token:
    if found["quoted"] is not None:
        return Token("text", re.sub(rb"\\(.)", rb"\1", found["quoted"]))
    if found["code"] is not None:
        return Token("code", found["code"])
    return Token("atom", found["atom"])
