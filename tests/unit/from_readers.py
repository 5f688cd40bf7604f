"""The addresses that other programs see in a header: what the guard lets through must show them nothing foreign.

Each reader is lenient in a way of its own; one that raises sees nothing. Words with blanks inside, ``bank . test``,
are no address to a reader's eye, though email.utils draws them together: they do not count.
"""

import email
import email.policy
import html
import inspect
import quopri
import re
import string
import unicodedata
from collections.abc import Callable, Iterator
from email.header import decode_header, make_header
from email.headerregistry import HeaderRegistry
from email.utils import getaddresses, parseaddr

from routing.address import Address, AddressSyntaxError

Reader = Callable[[str], list[str]]

_WIDE = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")  # every atext character
_USUAL = re.compile(r"(?<![\w.+!#$%&'*/=?^`{|}~-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")  # what clients make links of
# What a person reads as an address though no program does: blanks, punctuation and brackets around the @, any dot.
_DOTS = ".。\u00b7\u2022\u2027\u2219\u22c5\u30fb\u0660\u06d4\u06f0\u0701\u0702\ua4f8\ua60e"
_AT = r"(?:[(\[{<]\s*@\s*[)\]}>]|[<\"']?@)"
_PERSON = re.compile(
    rf"(?<![\w.+!#$%&'*/=?^`{{|}}~-])([A-Za-z0-9_+-][A-Za-z0-9._+-]*)[\s\"']*{_AT}[\s\"'.,:;!?<-]*([A-Za-z0-9-]+(?:[{_DOTS}][A-Za-z0-9-]+)+)"
)
_ADDRESS = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"<>(),:;]+)@[^\s"<>(),:;@.]+\.[^\s"<>(),:;@]+')
_AROUND = f"{string.whitespace}\u00a0.<>()[]\"'"
_REGISTRY = HeaderRegistry()
_FROM_FIELDS = frozenset({"from", "sender", "resent-from", "resent-sender"})


def _parseaddr(text: str) -> list[str]:
    return [parseaddr(text)[1]]


def _getaddresses(text: str) -> list[str]:
    return [address for _, address in getaddresses([text])]


def _strict_getaddresses(text: str) -> list[str]:
    return [address for _, address in getaddresses([text], strict=True)]  # type: ignore[call-arg,unused-ignore]


def _registry(text: str) -> list[str]:
    return [each.addr_spec for each in _REGISTRY("from", text).addresses]  # type: ignore[attr-defined]


def _pattern(pattern: re.Pattern[str]) -> Reader:
    return lambda text: [found.lstrip("'") for found in pattern.findall(text)]


def _person(text: str) -> list[str]:
    """A person's eye: every dot-like mark of a name counts as its dot."""
    return [f"{local}@{re.sub(f'[{_DOTS}]', '.', domain)}" for local, domain in _PERSON.findall(text)]


_HAS_STRICT = "strict" in inspect.signature(getaddresses).parameters
_PARSERS: tuple[Reader, ...] = (
    _parseaddr,
    _getaddresses,
    _registry,
    *((_strict_getaddresses,) if _HAS_STRICT else ()),
)
_EYES: tuple[Reader, ...] = (_pattern(_WIDE), _pattern(_USUAL), _person)


def foreign_in_value(value: bytes, owned: frozenset[str]) -> set[str]:
    """Return the addresses that some reader sees in the value of a From field and that are not owned.

    ``owned`` holds canonical addresses without detail.
    """
    return {seen for text in _texts(value) for seen in _seen(text) if not is_owned(seen, owned)}


def foreign_in_message(raw: bytes, owned: frozenset[str]) -> set[str]:
    """Return the addresses that some reader sees in the author fields of a message and that are not owned."""
    values = {value for split in (_by_email, _by_lines) for value in split(raw)}
    return {seen for value in values for seen in foreign_in_value(value, owned)}


def is_owned(text: str, owned: frozenset[str]) -> bool:
    """True for one of ``owned``, also with a detail; what is no address or has no dotted domain shows nothing more.

    A parser that takes a word too much for an address shows what the eyes above have found in it.
    """
    bare = text.lstrip(_AROUND).rstrip(f"{_AROUND}!?")
    if not _ADDRESS.fullmatch(bare):
        return True
    try:
        address = Address.parse(bare)
    except AddressSyntaxError:
        return False
    return str(Address(address.local.partition("+")[0], address.domain)) in owned


def _texts(value: bytes) -> Iterator[tuple[str, bool]]:
    """Yield the texts that programs take a value for, and whether the value was decoded for that."""
    text = re.sub(r"\r?\n(?=[ \t])", "", value.decode("utf-8", "surrogateescape"))
    yield text, False
    for decode in (_decoded, _decoded_word_by_word, _decoded_to_the_last_mark, _without_entities):
        try:
            decoded = decode(text)
        except Exception:  # noqa: BLE001 - a reader that gives up shows nothing
            continue
        yield decoded, True
        yield unicodedata.normalize("NFKC", decoded), True


def _decoded(text: str) -> str:
    text.encode("ascii")  # else decode_header puts Python's own escapes into it, in Python 3.11
    return str(make_header(decode_header(text)))


def _decoded_word_by_word(text: str) -> str:
    """Decode wherever a word may stand, leaving the rest and the spaces as they are."""
    return re.sub(r"=\?[^?]*\?[bBqQ]\?[^?]*\?=", lambda word: _decoded(word.group()), text)


def _decoded_to_the_last_mark(text: str) -> str:
    """Decode what a greedy pattern finds: a word in quoted-printable that ends at the last ``?=``."""
    return re.sub(r"=\?[^?]*\?[qQ]\?((?:(?!=\?)\S)*)\?=", lambda word: _unquoted_printable(word[1]), text)


def _unquoted_printable(text: str) -> str:
    return quopri.decodestring(text.encode("utf-8", "surrogateescape"), header=True).decode("utf-8", "replace")


def _without_entities(text: str) -> str:
    """As web mail shows it that unescapes once too often."""
    return html.unescape(text).replace("%40", "@")


def _seen(shown: tuple[str, bool]) -> Iterator[str]:
    text, was_decoded = shown
    for eye in _EYES:
        yield from eye(text)
    for parser in _PARSERS:
        try:
            addresses = parser(text)
        except Exception:  # noqa: BLE001 - as above
            continue
        yield from (each for each in addresses if not was_decoded or _stands_in(text, each))


def _stands_in(text: str, address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return domain in text and re.sub(r'["\\]', "", local) in re.sub(r'["\\]', "", text)


def _by_email(raw: bytes) -> Iterator[bytes]:
    """Yield author fields as Python's own parsers of messages find them; these take a bare CR for a line's end."""
    for policy in (email.policy.compat32, email.policy.default):
        message = email.message_from_bytes(raw, policy=policy)  # type: ignore[arg-type,unused-ignore]
        for name, value in message.raw_items():
            if name.strip().lower() in _FROM_FIELDS:
                yield str(value).encode("utf-8", "surrogateescape")


def _by_lines(raw: bytes) -> Iterator[bytes]:
    """Yield author fields as a script finds them that uses ``splitlines``, over UTF-8 or over ISO-8859-1."""
    header = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    for encoding, errors in (("utf-8", "surrogateescape"), ("iso-8859-1", "strict")):
        for line in header.decode(encoding, errors).splitlines():
            name, _, value = line.partition(":")
            if not line.startswith((" ", "\t")) and name.strip().lower() in _FROM_FIELDS:
                yield value.encode(encoding, errors)
