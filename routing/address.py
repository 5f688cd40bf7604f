"""Mail addresses: the canonical form, and how it is read from what an SMTP client typed."""

import re
from dataclasses import dataclass

from routing.domain import DomainSyntaxError, ascii_lower, canonical_domain

_DOT_ATOM = re.compile(r"[^\s\"(),.:;<>@\[\\\]\x00-\x20\x7f]+(?:\.[^\s\"(),.:;<>@\[\\\]\x00-\x20\x7f]+)*")
_PART = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|\\.|[^\"\\]")  # a quoted string, a quoted pair, or one character
_WHOLE = re.compile(rf"(?:{_PART.pattern})*")
_QUOTED_PAIR = re.compile(r"\\(.)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ROUTING_MARKS = frozenset("%!@")
_UNDECODED = re.compile(r"[\udc80-\udcff]")  # bytes that were not UTF-8 (surrogateescape)


class AddressSyntaxError(ValueError):
    """The text is no mail address; the message says why in a few ASCII words."""


@dataclass(frozen=True, slots=True)
class Address:
    """A canonical mail address. Build it with :meth:`parse` unless both parts are canonical already."""

    local: str  # A-Z lower-cased, unquoted
    domain: str  # A-labels

    def __str__(self) -> str:
        """Return the address as it stands in a header or path, quoted where it must be (RFC 5321 section 4.1.2)."""
        if _DOT_ATOM.fullmatch(self.local):
            return f"{self.local}@{self.domain}"
        escaped = self.local.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"@{self.domain}'

    @property
    def is_ascii(self) -> bool:
        """False for a local part that only SMTPUTF8 can carry."""
        return self.local.isascii()

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address as a person writes it in a setting, a command or a request.

        Raises:
            AddressSyntaxError: no ``@``, an empty local part, a control character, or no domain after the ``@``.
        """
        local, domain = _split(text)
        if domain is None:
            raise AddressSyntaxError("there is no @ in it")
        try:
            return cls(_canonical_local(local), canonical_domain(domain))
        except DomainSyntaxError as error:
            raise AddressSyntaxError("what follows the @ is not a domain name") from error


def parse_path(raw: str) -> Address | None:
    """Read the address from an SMTP path as typed: brackets, source route, quotes, trailing dot, any case.

    The argument of a milter callback is just that (docs/facts.md, "Milter and Postfix"); RFC 5321 section 4.1.2 gives
    the grammar, of which Postfix accepts more. Returns None where there is no domain name in it: the null path ``<>``,
    ``<postmaster>``, an address literal, a domain that IDNA refuses. Such an address cannot be hosted.

    Raises:
        AddressSyntaxError: brackets or quotes that do not close, control characters, bytes that are not UTF-8, or an
            empty local part.
    """
    local, domain = _split(without_route(_unbracketed(raw)))
    if domain is None:
        return None
    try:
        name = canonical_domain(domain)
    except DomainSyntaxError:
        return None
    return Address(_canonical_local(local), name)


def is_null_path(raw: str) -> bool:
    """True for the null reverse-path of bounces (RFC 5321 section 4.5.5)."""
    return raw.strip() in {"", "<>"}


def without_route(path: str) -> str:
    """Drop an RFC 5321 appendix C source route, ``@a,@b:``, from a path without brackets."""
    return path.partition(":")[2] if path.startswith("@") and ":" in path else path


def split_detail(local: str, delimiter: str) -> tuple[str, str | None]:
    """Split ``name+detail`` at its first delimiter into the name and the rest, delimiter included.

    A delimiter at position 0 splits nothing: there is no empty name.
    """
    at = local.find(delimiter, 1) if delimiter else -1
    return (local, None) if at < 0 else (local[:at], local[at:])


def routes_on(detail: str) -> bool:
    """True for a detail on which an old relay may route: ``x%bank.test``, ``bank.test!x``, ``x@bank.test``.

    The percent hack and bang paths of RFC 1123 section 5.2.16; a quoted local part can hold the ``@``.
    """
    return not _ROUTING_MARKS.isdisjoint(detail)


def _unbracketed(raw: str) -> str:
    path = raw.strip(" \t")
    if path.startswith("<") != path.endswith(">"):
        raise AddressSyntaxError("unbalanced angle brackets")
    return path[1:-1] if path.startswith("<") else path


def _split(text: str) -> tuple[str, str | None]:
    """Cut at the last ``@`` outside quotes. The local part comes back unquoted, the domain is None without an ``@``."""
    if _CONTROL.search(text):
        raise AddressSyntaxError("control character")
    if _UNDECODED.search(text):
        raise AddressSyntaxError("not UTF-8")
    if '"' not in text and "\\" not in text:  # nothing is quoted, as in nearly all mail: a fifth of the time
        before, at_sign, after = text.rpartition("@")
        return (before, after) if at_sign else (text, None)
    if not _WHOLE.fullmatch(text):
        raise AddressSyntaxError("a quote that does not close")
    at = max((part.start() for part in _PART.finditer(text) if part.group() == "@"), default=-1)
    return (_unquoted(text), None) if at < 0 else (_unquoted(text[:at]), text[at + 1 :])


def _unquoted(text: str) -> str:
    return _PART.sub(lambda part: _QUOTED_PAIR.sub(r"\1", part[1] if part[1] is not None else part[0]), text)


def _canonical_local(local: str) -> str:
    if not local:
        raise AddressSyntaxError("nothing before the @")
    return ascii_lower(local)
