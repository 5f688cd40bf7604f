"""The text that a mail program shows beside an address, and the addresses that a reader sees in it.

Mail programs differ: they show comments or drop them, decode encoded words (RFC 2047) inside quotes or only outside,
before they take the field apart or after, together or one by one. So the text is read in every one of these ways, and
what any reading shows counts. Encoded words are decoded once; what is malformed is refused, not guessed at
(``routing.encoded_words``).

A *mention* is a word with an ``@`` inside it, or an ``@`` that something parts from a word before it and from a name
with a dot behind it: ``ceo @ bank.test`` and ``ceo (@) bank.test`` read as an address, ``Sales @ Brand`` does not.
``@brand`` is none either, nor is what stands in brackets of its own, ``(@john.social.test)``.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from routing.domain import ascii_lower
from routing.encoded_words import decode_apart, decode_words
from routing.header_refused import HeaderRefused

_SPACES = "".join(char for char in map(chr, range(0x3001)) if char.isspace())
_MARKS = '<>()[]",:;'  # can stand in no dot-atom and no domain name
_BORDER = re.compile(rf"[\s{re.escape(_MARKS)}]+")
# What reads as the dot of a domain name: the full stops of Unicode's list of confusables (UTS 39), and dots at half
# height; these only between letters that a Latin name may hold, for Japanese parts two words by such a dot.
_LIKE_A_DOT = (
    "\u00b7\u0660\u06d4\u06f0\u0701\u0702\u16eb\u2022\u2024\u2027\u2219\u22c5\u2e31\u2e33\u30fb\ua4f8\ua60e\ua78f"
    "\U00010a50\U0001d16d"
)
_LATIN = "[0-9A-Za-z\u00c0-\u052f]"
_DOT = re.compile(rf"[.\u3002]|(?<={_LATIN})[{_LIKE_A_DOT}](?={_LATIN})")
_OPENING = ("(", "[")  # not "<": "ceo <@bank.test>" reads as an address in brackets
_ENCLOSED_AT = re.compile(r"[(\[<]\s*@\s*[)\]>]")
_ESCAPED = re.compile("&|%40")
_MAY_SHOW = re.compile("@|&|%40")
_NOT_A_NAME = re.compile(r"[\W_]+")  # what no domain name begins with
_QUOTED_PAIR = re.compile(r"\\(.)")
_WRAPPED = {"quoted": '"{}"', "comment": "({})"}
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Shown as nothing though their category is not Cf: fillers, joiners, variation selectors, the blank Braille pattern.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]+"
)
_LONGEST = 4096  # characters
_MOST_AT = 64  # in one reading; each costs, and no name holds more
_UNREADABLE = "\ufffd"  # in a mention: something stands between its words that no address of ours can hold


def mentions(pieces: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the mentions in the display text made of ``pieces``, as displayed but for the case of A-Z.

    A piece is the kind and the text of a token without its delimiters: ``words``, ``quoted`` or ``comment``.

    Raises:
        HeaderRefused: a malformed or nested encoded word, an unknown character set, control or bidi characters, more
            than 64 ``@``.
    """
    views = (text for reading in _readings(pieces) for view in _views(reading) for text in (view, *_unescaped(view)))
    words = (word for view in views for word in _mentions_in(view))
    return tuple(dict.fromkeys(map(ascii_lower, words)))


def _readings(pieces: Sequence[tuple[str, str]]) -> Iterable[str]:
    """Return the text as it stands, and without its quotes: comments left out, as spaces, and by themselves."""
    raw = "".join(text if kind == "words" else _WRAPPED[kind].format(text) for kind, text in pieces)
    plain = [(kind, _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text) for kind, text in pieces]
    name = "".join(text for kind, text in plain if kind != "comment")
    spaced = "".join(" " if kind == "comment" else text for kind, text in plain)
    comments = " ".join(text for kind, text in plain if kind == "comment")
    return dict.fromkeys((raw, name, spaced, comments))


def _views(reading: str) -> Iterator[str]:
    """Yield what programs make of a reading: as it is, decoded, in compatibility form (a fullwidth ``@`` is an ``@``),
    and as the eye takes it.
    """
    encoded = "=?" in reading
    if reading.isascii() and not encoded:
        yield reading
        return
    undecoded = unicodedata.normalize("NFKC", reading)
    if _MAY_SHOW.search(undecoded):
        yield from dict.fromkeys((reading, undecoded))
    decoded = decode_words(reading) if encoded else reading
    _check_characters(decoded)
    folded = decoded if decoded.isascii() else unicodedata.normalize("NFKC", decoded)
    if len(folded) > _LONGEST:  # one character may become eighteen
        raise HeaderRefused("too-long")
    if _MAY_SHOW.search(folded):
        yield from dict.fromkeys((decoded, folded, _as_seen(folded), decode_apart(reading) if encoded else decoded))


def _unescaped(view: str) -> Iterator[str]:
    """Yield what a view becomes in web mail that undoes ``&commat;``, ``&#64;`` or ``%40`` once too often."""
    if _ESCAPED.search(view):
        yield _as_seen(unicodedata.normalize("NFKC", html.unescape(view).replace("%40", "@")))


def _check_characters(text: str) -> None:
    for char in set(text):
        if char in _BIDI:
            raise HeaderRefused("bidi-character")
        if char != "\t" and (unicodedata.category(char) in {"Cc", "Zl", "Zp"} or _is_noncharacter(ord(char))):
            raise HeaderRefused("control-character")


def _is_noncharacter(point: int) -> bool:
    """True for the 66 code points that never stand for a character (Unicode section 23.7)."""
    return point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF


def _as_seen(text: str) -> str:
    """Return a text without what is not seen in it."""
    if text.isascii():
        return text
    unseen = [char for char in set(text) if unicodedata.category(char) == "Cf"]
    return _FILLERS.sub("", text.translate(dict.fromkeys(map(ord, unseen))))


def _mentions_in(text: str) -> Iterator[str]:
    if text.count("@") > _MOST_AT:
        raise HeaderRefused("too-many-at-signs")
    if "@" not in text:
        return
    for variant in dict.fromkeys((text, text.replace('"', ""))):
        yield from _inner_at(variant)
    for variant in dict.fromkeys((text, _ENCLOSED_AT.sub("@", text), _without_parentheses(text))):
        for word in _inner_at(_drawn_together(variant)):
            if _DOT.search(word.partition("@")[2]):
                yield word


def _inner_at(text: str) -> Iterator[str]:
    for word in _BORDER.split(text):
        bare = word.lstrip("'").rstrip(".!?'")
        if "@" in bare.strip("@"):
            yield bare


def _drawn_together(text: str) -> str:
    """Take out what parts an ``@`` from the words around it; an opening bracket before it does part them."""
    if "@" not in text:
        return text
    first, *between, last = text.split("@")
    return "@".join([_cut_end(first), *(_cut_end(_cut_start(part)) for part in between), _cut_start(last)])


def _cut_start(text: str) -> str:
    before = _NOT_A_NAME.match(text)
    rest = text[before.end() :] if before else text
    return _UNREADABLE + rest if before and before.group().strip() else rest


def _cut_end(text: str) -> str:
    if text.endswith(_OPENING):
        return text
    rest = text.rstrip(_SPACES + _MARKS)
    return rest + _UNREADABLE if rest and text[len(rest) :].strip() else rest


def _without_parentheses(text: str) -> str:
    """Leave out what stands in parentheses, as a program does that takes a field apart after decoding it."""
    depth, kept = 0, []
    for part in re.split(r"([()])", text):
        depth = max(0, depth + (part == "(") - (part == ")"))
        kept.append(part if depth == 0 and part not in {"(", ")"} else "")
    return "".join(kept)
