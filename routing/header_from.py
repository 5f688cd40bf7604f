"""The header From, read so strictly that every mail program sees the same author in it.

No library parser is safe here (docs/facts.md, "From"), so this one accepts a small part of RFC 5322 section 3.4 and
refuses the rest, each refusal with a reason:

    value     = mailbox [comment]
    mailbox   = [phrase] "<" [FWS] addr-spec [FWS] ">" / addr-spec
    phrase    = 1*(atom / dots / quoted-string / encoded-word / comment)
    addr-spec = dot-atom "@" domain      ; no quotes, comments, folds or literals inside

It works on the raw bytes of one field value, in time linear to their number.

No line of it may be longer than RFC 5322 section 2.1.1 allows: an MTA breaks such a line wherever its limit falls
(Postfix ``smtp_line_length_limit``), and what was the end of a long name is then read as an address of its own.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from routing.address import Address
from routing.display_name import mentions
from routing.domain import DomainSyntaxError, ascii_lower, canonical_domain
from routing.header_refused import HeaderRefused

LONGEST = 4096  # octets; Postfix hands a milter about 59 kB of a longer one
LONGEST_LINE = 998 - len("Resent-Sender:")  # octets
LONGEST_LOCAL, LONGEST_ADDRESS = 64, 254  # octets, RFC 5321 section 4.5.3.1

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_TOKEN = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*")'
    r"|(?P<angle><[^<>]*>)"
    r"|(?P<words>(?:[^\s\"(),:;<>\[\\\]]|[ \t])+)"
)
_STRAY = {
    ",": "list",
    ":": "group",
    ";": "group",
    "(": "unclosed-comment",
    ")": "unclosed-comment",
    "[": "domain-literal",
    "]": "domain-literal",
    '"': "unclosed-quote",
    "<": "unclosed-angle",
    ">": "unclosed-angle",
    "\\": "stray-backslash",
}


@dataclass(frozen=True, slots=True)
class Author:
    """The one address of an author field, and the addresses that its display text shows besides."""

    address: Address
    mentions: tuple[str, ...]  # as displayed, lower-cased; not necessarily addresses by our grammar


class _Token(NamedTuple):  # there may be thousands
    kind: str  # words, quoted, angle, comment
    text: str  # without its delimiters


def parse_author(value: bytes) -> Author:
    """Read the value of a From field, or of Sender, Resent-From or Resent-Sender.

    Raises:
        HeaderRefused: with the reason; whoever sees it refuses the message with 550.
    """
    spec, display = _parts(_tokens(_text(value).lstrip(" \t")))
    return Author(addr_spec(spec), mentions(display))


def written_address(value: bytes) -> str:
    """Return the address of a field for one mailbox, or of one in a list, as it is written. Raises HeaderRefused."""
    spec, _ = _parts(_tokens(_text(value).strip(" \t")))
    addr_spec(spec)
    return spec


def addr_spec(text: str) -> Address:
    """Read an addr-spec as it may stand in a header: a dot-atom, ``@``, a domain name.

    Raises:
        HeaderRefused: with the reason.
    """
    for mark, slug in (("=?", "encoded-word-in-address"), ('"', "quoted-local-part"), ("(", "comment-in-address")):
        if mark in text:
            raise HeaderRefused(slug)
    if text.startswith("@") and ":" in text:
        raise HeaderRefused("route")
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise HeaderRefused("no-address")
    if not _LOCAL.fullmatch(ascii_lower(local)):
        raise HeaderRefused("bad-local-part")
    address = Address(ascii_lower(local), _domain(domain))
    if len(local) > LONGEST_LOCAL or len(local) + 1 + len(address.domain) > LONGEST_ADDRESS:
        raise HeaderRefused("address-too-long")
    return address


def _domain(text: str) -> str:
    if text.startswith("["):
        raise HeaderRefused("domain-literal")
    if text.endswith("."):
        raise HeaderRefused("trailing-dot")
    try:
        return canonical_domain(text)
    except DomainSyntaxError as error:
        raise HeaderRefused("bad-domain") from error


def _text(value: bytes) -> str:
    if len(value) > LONGEST:
        raise HeaderRefused("too-long")
    if max(map(len, value.split(b"\n"))) > LONGEST_LINE:
        raise HeaderRefused("line-too-long")
    try:
        text = _FOLD.sub("", value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise HeaderRefused("not-utf8") from error
    if _CONTROL.search(text):
        raise HeaderRefused("control-character")
    return text


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        if text[at] == "(":
            end = comment_end(text, at)
            tokens.append(_Token("comment", text[at + 1 : end - 1]))
            at = end
            continue
        found = _TOKEN.match(text, at)
        if found is None:
            raise HeaderRefused(_STRAY.get(text[at], "bad-character"))
        tokens.append(_token(found))
        at = found.end()
    return tokens


def _token(found: re.Match[str]) -> _Token:
    kind, text = str(found.lastgroup), found.group()
    return _Token(kind, text[1:-1] if kind in {"quoted", "angle"} else text)


def comment_end(text: str, start: int) -> int:
    """Return the index after the comment that opens at ``start``; comments nest (RFC 5322 section 3.2.2).

    Raises:
        HeaderRefused: it does not close.
    """
    depth, at = 0, start
    while at < len(text):
        char = text[at]
        depth += (char == "(") - (char == ")")
        at += 2 if char == "\\" else 1
        if depth == 0:
            return at
    raise HeaderRefused("unclosed-comment")


def _parts(tokens: list[_Token]) -> tuple[str, list[_Token]]:
    """Tell the addr-spec from the display text around it."""
    if not tokens:
        raise HeaderRefused("empty")
    angle = next((index for index, token in enumerate(tokens) if token.kind == "angle"), None)
    if angle is None:
        return _bare_address(tokens[0]), _trailing_comment(tokens[1:])
    phrase, tail = tokens[:angle], tokens[angle + 1 :]
    if any(token.kind == "words" and "@" in token.text for token in phrase):
        raise HeaderRefused("at-in-phrase")
    return tokens[angle].text.strip(" \t"), phrase + _trailing_comment(tail)


def _bare_address(token: _Token) -> str:
    if token.kind != "words":
        raise HeaderRefused("no-address")
    address, *others = token.text.split()
    if others:
        raise HeaderRefused("text-after-address")
    return address


def _trailing_comment(tail: list[_Token]) -> list[_Token]:
    after = [token for token in tail if not token.text.isspace() or token.kind != "words"]
    if len(after) > 1 or any(token.kind != "comment" for token in after):
        raise HeaderRefused("text-after-address")
    return tail
