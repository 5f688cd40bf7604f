"""``make fuzz``: look for a header that the guard lets through and that shows a foreign address to another reader.

    python -m tests.unit.from_fuzzer --seconds 60 --seed 7

Exit code 1, with the smallest such header, when there is one; put it into ``from_corpus.py`` and mend the parser.
"""

import argparse
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from routing.guard import HeaderField, check_header
from routing.policy import Policy
from routing.verdicts import Allow
from tests.unit.from_cases import CASES
from tests.unit.from_corpus import HOLES
from tests.unit.from_readers import foreign_in_message, foreign_in_value
from tests.unit.sample_site import DIRECTORY, JOHN, NOW

OWNED = frozenset({"john@brand-a.test", "sales@brand-a.test", "outbox@brand-a.test"}) | frozenset(
    {"sales@brand-b.test", "john@xn--bcher-kva.test"}
)
_OWN = (b"john@brand-a.test", b"john+x@brand-a.test", b"sales@brand-b.test", "john@bücher.test".encode())
_FOREIGN = (b"ceo@bank.test", b"eve@other.test", b"mary@brand-a.test", b"ceo", b"bank.test", b".bank.test")
_MARKS = (
    *(bytes([octet]) for octet in b"\"'()<>[]{}\\,:;.@ \t\r\n\0=?_+-!|`/*&%#$~^"),
    *(mark.encode() for mark in "＠﹫．。\u200b\u00ad\u2060\u202e\u200f\u3000\u00a0\u2028\u0338\u180e\ufe0f\u2800K"),
    b"\r\n ", b"\r\n\t", b"\n ", b'""', b"()", b'\\"', b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x81", b"\xe3", b"\xff",
    b"\x0b", b"John", b"Doe", b"=?utf-8?q?", b"=?iso-2022-jp?b?", b"?=", b"=40", b"=22", b"=20", b"=?", b"\r\nFrom: ",
    b"(@)", b"[@]", b"<@", b"@. ", b"&commat;", b"&#64;", b"&period;", b"%40", b"\x85From: ", b"?=40", b"\x85",
    *(mark.encode() for mark in "\ua4f8\u0660\u06d4\u00b7"),
    b"\rFrom:", b"\r\n\r\n", b"\r\nSender: ", b"From", b"=E2=80=AE",
)  # fmt: skip
_CHARSETS = (b"utf-8", b"iso-8859-1", b"us-ascii", b"shift_jis", b"iso-2022-jp", b"gbk", b"gb18030", b"big5", b"utf-7")
_TELL_EVERY = 5.0  # seconds
_SHARE_OF_MESSAGES = 0.3  # the rest are single values


@dataclass(frozen=True, slots=True)
class Hole:
    """An accepted header that shows what it must not."""

    header: bytes
    shows: frozenset[str]


Finder = Callable[[bytes], Hole | None]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has come to."""

    tried: int
    allowed: int
    hole: Hole | None


def hole_in_value(value: bytes) -> Hole | None:
    """Return the hole that a From value is, if it is one."""
    if not _allowed([HeaderField("From", value)]):
        return None
    foreign = foreign_in_value(value, OWNED)
    return Hole(b"From:" + value, frozenset(foreign)) if foreign else None


def hole_in_message(raw: bytes) -> Hole | None:
    """Return the hole that a message header is, if it is one."""
    if not _allowed(_fields(raw)):
        return None
    foreign = foreign_in_message(raw, OWNED)
    return Hole(raw, frozenset(foreign)) if foreign else None


def smallest(case: bytes, find: Finder) -> bytes:
    """Take parts out of a case for as long as it stays a hole."""
    size = len(case) // 2
    while size:
        for start in range(0, len(case), size):
            less = case[:start] + case[start + size :]
            if find(less):
                case = less
                break
        else:
            size //= 2
    return case


def search(source: random.Random, seconds: float, tell: Callable[[str], object] | None = None) -> Found:
    """Try headers until the time is over or a hole is found; ``tell`` hears of the progress every few seconds."""
    started = told_at = time.monotonic()
    tried = allowed = 0
    for find, case in _attempts(source):
        now = time.monotonic()
        if tell and now - told_at >= _TELL_EVERY:
            tell(f"{tried} headers, {allowed} allowed, {max(0.0, started + seconds - now):.0f} s left")
            told_at = now
        if now - started >= seconds:
            break
        tried += 1
        allowed += _allowed(_fields(case) if find is hole_in_message else [HeaderField("From", case)])
        if find(case):
            return Found(tried, allowed, find(smallest(case, find)))
    return Found(tried, allowed, None)


def _attempts(source: random.Random) -> Iterator[tuple[Finder, bytes]]:
    for value in _values(source):
        if source.random() < _SHARE_OF_MESSAGES:
            before = (b"", b"Subject: x\r\n", b"Subject: ", b"Subject: \xc3\x85", b"Subject: x\x85")
            yield hole_in_message, source.choice(before) + b"From:" + value
        else:
            yield hole_in_value, value


def _allowed(fields: list[HeaderField]) -> bool:
    return isinstance(check_header(DIRECTORY, Policy(), str(JOHN.address), fields, NOW), Allow)


def _fields(raw: bytes) -> list[HeaderField]:
    """Take a header apart and leave every octet as it is, more than any MTA does."""
    header = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    lines = re.split(rb"\r?\n(?![ \t])", header)
    parts = [line.partition(b":") for line in lines]
    return [HeaderField(name.decode("latin-1"), value) for name, colon, value in parts if colon]


def _values(source: random.Random) -> Iterator[bytes]:
    seeds = [*(case.value for case in CASES if len(case.value) < 500), *HOLES]
    while True:
        yield _made_up(source) if source.random() < 0.6 else _mutated(source, source.choice(seeds))


def _made_up(source: random.Random) -> bytes:
    """Return display text in some form around an address that is owned."""
    text = b"".join(_piece(source) for _ in range(source.randint(0, 6)))
    form = source.choice((b" %s <%s>", b' "%s" <%s>', b" (%s) <%s>", b' "%s"%s', b" %s<%s> (x)", b"%s"))
    if form == b"%s":
        return b" %s (%s)" % (source.choice(_OWN), text)
    return form % (text, source.choice(_OWN))


def _piece(source: random.Random) -> bytes:
    kind = source.random()
    if kind < 0.3:
        return _encoded(source, b"".join(_piece(source) for _ in range(source.randint(0, 3)))) + source.choice(
            (b"", b" ")
        )
    return source.choice(_MARKS if kind < 0.75 else _FOREIGN if kind < 0.9 else _OWN)


def _encoded(source: random.Random, octets: bytes) -> bytes:
    often = source.choice((0.1, 0.5, 1.0))
    q = b"".join(
        b"=%02X" % each if source.random() < often or each in b"?= \t\r\n" else bytes([each]) for each in octets
    )
    return b"=?%s?q?%s?=" % (source.choice(_CHARSETS) if source.random() < 0.5 else b"utf-8", q)


def _mutated(source: random.Random, case: bytes) -> bytes:
    for _ in range(source.randint(1, 4)):
        at = source.randint(0, len(case))
        until = at + source.choice((0, 0, 1, 2, 5))
        case = case[:at] + source.choice((b"", _piece(source), _piece(source))) + case[until:]
    return case


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Search, tell what was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is shown")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    _say(f"seed {seed}")
    found = search(random.Random(seed), options.seconds, _say)
    if found.hole is None:
        _say(f"no hole in {found.tried} headers, {found.allowed} of them allowed")
        return 0
    _say(f"HOLE after {found.tried} headers: {found.hole.header!r} shows {', '.join(sorted(found.hole.shows))}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
