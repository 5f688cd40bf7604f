"""Encoded words (RFC 2047), read so that no two mail programs can see different text in them.

Refused are words that are malformed or nested, character sets that we do not know, and text that only comes out right
when several words are decoded together: RFC 2047 section 5 demands that each stands for itself, but programs differ.
UTF-8 may be split over words, because no byte of a split character can be taken for ASCII.
"""

import base64
import binascii
import re
from collections.abc import Callable

from routing.header_refused import HeaderRefused

_WORD = re.compile(r"=\?([!#$%&'+\-^_`{}~A-Za-z0-9]+)(?:\*[A-Za-z0-9-]*)?\?([BbQq])\?([!->@-~]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:[ \t]+{_WORD.pattern})*")
_Q_OCTET = re.compile(rb"=([0-9A-Fa-f]{2})")
_MOST_WORDS = 64  # of the usual 75 octets a field of 4096 octets holds 54
_ESCAPE = b"\x1b"  # of the stateful ISO-2022-JP; the only character set below that has a use for it
# In the double-byte sets the second byte may look like an @: what would follow it to make an address, then.
_TAIL = re.compile(rb"@[A-Za-z0-9-]+\.[A-Za-z0-9]")
_CHARSETS = frozenset(
    {"us-ascii", "utf-8", "utf8", "koi8-r", "koi8-u", "gb2312", "gbk", "gb18030", "big5", "euc-jp", "iso-2022-jp"}
    | {"shift_jis", "euc-kr", "ks_c_5601-1987"}
    | {f"iso-8859-{part}" for part in (*range(1, 12), 13, 14, 15, 16)}
    | {f"windows-125{page}" for page in range(9)}
)


def decode_words(text: str) -> str:
    """Decode the encoded words of a text, once; white space between two of them is not shown.

    Raises:
        HeaderRefused: a word that is malformed, nested, or in a character set that we do not know; more than 64 words.
    """
    if text.count("=?") > _MOST_WORDS:
        raise HeaderRefused("malformed-encoded-word")
    decoded = _WORDS.sub(_joined(""), text)
    rest = _WORDS.sub(" ", text)
    if "=?" in rest or "?=" in rest:  # a program may look for the last end of a word, not for the next
        raise HeaderRefused("malformed-encoded-word")
    if "=?" in decoded:
        raise HeaderRefused("nested-encoded-word")
    return decoded


def decode_apart(text: str) -> str:
    """Decode as a program does that parts each word from what stands beside it."""
    return _WORDS.sub(lambda found: f" {_joined(' ')(found)} ", text)


def _joined(between: str) -> Callable[[re.Match[str]], str]:
    return lambda found: between.join(_characters(*part) for part in _parts(found.group()))


def _parts(run: str) -> list[tuple[str, bytes]]:
    """Return character set and octets of adjacent words; those in UTF-8 as one where they split a character."""
    parts: list[tuple[str, bytes]] = []
    for charset, encoding, text in _WORD.findall(run):
        name, octets = charset.lower().replace("utf8", "utf-8"), _octets(encoding, text)
        if parts and parts[-1][0] == name == "utf-8" and octets[:1] and octets[0] & 0xC0 == 0x80:
            parts[-1] = (name, parts[-1][1] + octets)
        else:
            parts.append((name, octets))
    return parts


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
        text = octets.decode(charset)
        if _ESCAPE in octets:
            (octets + b"@").decode(charset)  # fails unless the word is back to one octet a character at its end
    except UnicodeDecodeError as error:
        raise HeaderRefused("malformed-encoded-word") from error
    if _ESCAPE not in octets and any(found.group().decode("ascii") not in text for found in _TAIL.finditer(octets)):
        raise HeaderRefused("malformed-encoded-word")  # an address hidden in the octets of other characters
    return text
