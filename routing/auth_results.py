"""What ``Authentication-Results`` say of DMARC, where they can be believed (RFC 8601).

Anybody can write such a field. Believed is one that

- bears one of our own authserv-ids (section 5), which the border MTA takes away from what comes in, and
- stands above the first ``Received`` of somebody else: below it is what other hosts wrote, or this one long ago, and
- is not contradicted: a verifier writes its result into every message, so that a forged ``pass`` which nobody took away
  stands beside the true ``fail``, and both are believed.

No field to believe is no evidence, neither for nor against (docs/design.md, section 6).
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal

from routing.domain import DomainSyntaxError, ascii_lower, canonical_domain
from routing.header_from import comment_end

Dmarc = Literal["pass", "fail", "unknown"]

_FIELD = "authentication-results"
_LONGEST, _MOST_FIELDS = 16_384, 50  # octets of one field; believed fields of one message
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"|([;=])|([^\s"();=\\]+)|[ \t]+')  # quoted string, mark, word, blanks
_VERSION = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class _Result:
    domain: str | None  # of header.from, an A-label; None: it does not say
    outcome: str  # "pass", "fail", "none", "temperror" ...


@dataclass(slots=True)
class AuthResults:
    """The believed results of one message. Feed it every field, from the top down.

    ``own_hops`` is how many ``Received`` fields on top are our own: none for a milter, for an MTA does not show it its
    own; one for what the MTA hands on to LMTP.
    """

    authserv_ids: Collection[str]  # lower-case, without a trailing dot
    own_hops: int = 0
    _results: list[_Result] = field(default_factory=list)
    _hops: int = 0
    _believed: int = 0

    def is_own_hop(self, name: str) -> bool:
        """Return whether the next field, of this name, is a ``Received`` of our own."""
        return self._hops < self.own_hops and _plain(name) == "received"

    def add(self, name: str, value: bytes) -> None:
        """Note a field, whatever its name, with its value as it came."""
        plain = _plain(name)
        if plain == "received":
            self._hops += 1
        elif plain == _FIELD and self._hops <= self.own_hops and self._believed < _MOST_FIELDS:
            found = _read(value, self.authserv_ids)
            self._believed += found is not None
            self._results += found or ()

    def dmarc(self, domain: str) -> Dmarc:
        """Return whether a message whose From is in ``domain`` (A-labels) passed DMARC."""
        if not self._results or self._believed >= _MOST_FIELDS:
            return "unknown"
        outcomes = {result.outcome for result in self._results if result.domain in {domain, None}}
        if not outcomes or not outcomes <= {"pass", "temperror"}:
            return "fail"
        of_domain = {result.outcome for result in self._results if result.domain == domain}
        return "pass" if "temperror" not in outcomes and of_domain else "unknown"


def _plain(name: str) -> str:
    return ascii_lower(name.rstrip(" \t"))


def _read(value: bytes, ours: Collection[str]) -> list[_Result] | None:
    """Return the DMARC results of one field, None for one that is not ours or cannot be read."""
    try:
        parts = _parts(value)
    except ValueError:
        return None
    head = parts[0]
    if not head or ascii_lower(head[0]).rstrip(".") not in ours:
        return None
    if len(head) > 1 and not (len(head) == 2 and _VERSION.fullmatch(head[1])):
        return None
    return [result for part in parts[1:] if (result := _dmarc(part))]


def _dmarc(part: list[str]) -> _Result | None:
    """Return the result of ``dmarc=pass (...) header.from=x.test``; None for another method."""
    if len(part) < 3 or part[1] != "=" or ascii_lower(part[0]).partition("/")[0] != "dmarc":
        return None
    found = {ascii_lower(name): value for name, value in _properties(part[3:])}
    return _Result(_domain(found.get("header.from")), ascii_lower(part[2]))


def _properties(words: list[str]) -> Iterator[tuple[str, str]]:
    for at in range(1, len(words) - 1):
        if words[at] == "=":
            yield words[at - 1], words[at + 1]


def _domain(text: str | None) -> str | None:
    try:
        return None if text is None else canonical_domain(text.rpartition("@")[2])
    except DomainSyntaxError:
        return None


def _parts(value: bytes) -> list[list[str]]:
    """Split a value at its semicolons into words, comments left out, quoted strings as one word each.

    Raises:
        ValueError: it is too long, no UTF-8, or a quote or a comment does not close.
    """
    if len(value) > _LONGEST:
        raise ValueError("too long")
    text = _FOLD.sub("", value.decode("utf-8"))
    if _CONTROL.search(text):
        raise ValueError("control character")
    parts: list[list[str]] = [[]]
    at = 0
    while at < len(text):
        if text[at] == "(":
            at = comment_end(text, at)
        elif found := _PIECE.match(text, at):
            at = found.end()
            if found[2] == ";":
                parts.append([])
            elif (word := found[1] if found[1] is not None else found[2] or found[3]) is not None:
                parts[-1].append(word)
        else:
            raise ValueError("a character out of place")
    return parts
