"""The text that a mail program shows beside an address, and the addresses that a reader sees in it.

Encoded words (RFC 2047) are decoded once, wherever they stand: mail programs decode them inside quotes too. What is
malformed is refused, not guessed at. A *mention* is a word with an ``@`` inside it.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Sequence

from routing.header_refused import HeaderRefused

_WORD = re.compile(r"=\?([!#$%&'+\-^_`{}~A-Za-z0-9]+)(?:\*[A-Za-z0-9-]*)?\?([BbQq])\?([!->@-~]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:[ \t]+{_WORD.pattern})*")
_Q_OCTET = re.compile(rb"=([0-9A-Fa-f]{2})")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# What a reader's eye takes for the border of an address: spaces and brackets, not letters of any script.
_BORDER = re.compile(r"[\s<>()\[\]{}\"'`,;:|]+")
_CHARSETS = frozenset(
    {"us-ascii", "utf-8", "koi8-r", "koi8-u", "gb2312", "gbk", "gb18030", "big5", "euc-jp", "iso-2022-jp", "shift_jis"}
    | {"euc-kr", "ks_c_5601-1987"}
    | {f"iso-8859-{part}" for part in (*range(1, 12), 13, 14, 15, 16)}
    | {f"windows-125{page}" for page in range(9)}
)


def mentions(pieces: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the words with an inner ``@`` in the display text made of ``pieces`` (kind and text of each token).

    Mail programs differ in what they do with comments: drop them, show them, or put a space. Each reading counts.

    Raises:
        HeaderRefused: a malformed or nested encoded word, an unknown character set, control or bidi characters.
    """
    name = "".join(text for kind, text in pieces if kind != "comment")
    spaced = "".join(" " if kind == "comment" else text for kind, text in pieces)
    comments = " ".join(text for kind, text in pieces if kind == "comment")
    everything = " ".join(text for _, text in pieces)
    readings = dict.fromkeys((name, spaced, comments, everything))
    return tuple(dict.fromkeys(word for reading in readings for word in _inner_at(_shown(reading))))


def _shown(text: str) -> str:
    decoded = decode_words(text) if "=?" in text else text
    if decoded.isascii() and decoded.isprintable():
        return decoded
    for char in decoded:
        if char in _BIDI:
            raise HeaderRefused("bidi-character")
        if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} and char != "\t":
            raise HeaderRefused("control-character")
    folded = unicodedata.normalize("NFKC", decoded)
    return "".join(char for char in folded if unicodedata.category(char) != "Cf")


def _inner_at(text: str) -> Iterable[str]:
    for word in _BORDER.split(text):
        bare = word.strip(".!?")
        if "@" in bare.strip("@"):
            yield bare.lower()


def decode_words(text: str) -> str:
    """Decode the encoded words of a text, once.

    Raises:
        HeaderRefused: a word that is malformed, nested, or in a character set that we do not know.
    """
    decoded = _WORDS.sub(lambda found: _decode_run(found.group()), text)
    if "=?" in _WORDS.sub("", text):
        raise HeaderRefused("malformed-encoded-word")
    if "=?" in decoded:
        raise HeaderRefused("nested-encoded-word")
    return decoded


def _decode_run(run: str) -> str:
    """Decode adjacent words; the space between them is not shown, and characters may be split over them."""
    parts: list[tuple[str, bytes]] = []
    for charset, encoding, text in _WORD.findall(run):
        octets = _octets(encoding, text)
        name = charset.lower()
        if parts and parts[-1][0] == name:
            parts[-1] = (name, parts[-1][1] + octets)
        else:
            parts.append((name, octets))
    return "".join(_characters(charset, octets) for charset, octets in parts)


def _octets(encoding: str, text: str) -> bytes:
    raw = text.encode("ascii")
    if encoding in "Bb":
        try:
            return base64.b64decode(raw, validate=True)
        except binascii.Error as error:
            raise HeaderRefused("malformed-encoded-word") from error
    if b"=" in _Q_OCTET.sub(b"", raw):
        raise HeaderRefused("malformed-encoded-word")
    return _Q_OCTET.sub(lambda found: bytes([int(found[1], 16)]), raw.replace(b"_", b" "))


def _characters(charset: str, octets: bytes) -> str:
    if charset not in _CHARSETS:
        raise HeaderRefused("unknown-charset")
    try:
        return octets.decode(charset)
    except UnicodeDecodeError as error:
        raise HeaderRefused("malformed-encoded-word") from error
