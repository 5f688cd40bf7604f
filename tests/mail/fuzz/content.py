"""Made-up mail: envelopes and headers as a stranger may send them, by a seeded source.

Texts of commands are ``str`` in which surrogates stand for bytes that are no UTF-8; names and values of fields are
bytes. Neither holds a NUL, which ends a text in the milter protocol.
"""

import random

from tests.mail.world import JOHN, MARY, OWNER, PAUSED

Field = tuple[bytes, bytes]

LOGINS = (JOHN, MARY, OWNER, PAUSED, "sales@brand-b.test", "nobody@brand-a.test", "", "x", "john+x@brand-a.test")
_NAMES = (
    JOHN, MARY, PAUSED, OWNER, "sales@brand-b.test", "sales@brand-a.test", "SALES@BRAND-B.TEST.", "info@brand-a.test",
    "john@bücher.test", "john@xn--bcher-kva.test", "john+x@brand-a.test", "sales+a+b@brand-b.test", "a@off.test",
    "disabled@brand-b.test", "sleeping@brand-a.test", "outbox@brand-b.test", "postmaster", "abuse@bücher.test",
    "x@pending.test", "friend@outside.example", "@relay.test:sales@brand-b.test", '"sales"@brand-b.test',
    "a%b@brand-a.test", '"a b"@brand-b.test', "x@[192.0.2.1]", "", "@", "a@", "@b", "<>",
    "x" * 300 + "@brand-b.test",
    "a@" + "b." * 120 + "test",
)  # fmt: skip
_FIELD_NAMES = (
    b"From", b"From ", b"from", b"Sender", b"Resent-From", b"Delivered-To", b"DELIVERED-TO", b"Delivered-To\t",
    b"X-Byname-Trace", b"Message-ID", b"Subject", b"To", b"Received", b"DKIM-Signature", b"X", b"Bcc", b"Date",
)  # fmt: skip
_VALUES = (
    b" John <john@brand-a.test>", b" sales@brand-b.test", b" ceo@bank.test", b"", b" ", b" a@b, c@d", b" <a@b> x",
    b' "ceo@bank.test" <john@brand-a.test>', b" =?utf-8?q?ceo=40bank.test?= <john@brand-a.test>", b" =?utf-8?b?////?=",
    b" 1, 0000", b" 1700000000, " + b"0" * 64, b" <id@x.test>", b" a\r\n b", b" a\rFrom: ceo@bank.test", b" g: a@b;",
    b" a\n\tb", b" " + b"(" * 500, b" " + b'"' * 501, b" " + b"@" * 300, b" " + b"=?" * 400, b" \xff\xfe",
)  # fmt: skip
_MANY = ((0.8, 12), (0.95, 60), (0.996, 300))  # of so many sessions at most so many fields
LONGEST_FIELD = 59_000  # octets that Postfix hands a milter of one field (seen)
_FLOOD = 15_000
_NO_ENDS = bytes.maketrans(b"\0\r\n", b"0rn")


def path(source: random.Random) -> str:
    """Return what may stand between the brackets of a path."""
    kind = source.random()
    if kind < 0.6:
        return source.choice(_NAMES)
    if kind < 0.85:
        return f"any-{source.randrange(10**6)}@{source.choice(('brand-b.test', 'brand-a.test', 'outside.example'))}"
    return octets(source, 40).decode("utf-8", "surrogateescape")


def octets(source: random.Random, most: int) -> bytes:
    """Return up to ``most`` random bytes, at least one, none of them NUL, CR or LF."""
    return source.randbytes(source.randint(1, most)).translate(_NO_ENDS)


def header(source: random.Random) -> list[Field]:
    """Return a header: mostly a few fields, now and then very many of one kind, or very long ones."""
    most = next((many for share, many in _MANY if source.random() < share), _FLOOD)
    count = source.randint(0, most)
    if most == _MANY[0][1]:
        return [field(source) for _ in range(count)]
    kinds = [field(source) for _ in range(source.randint(1, 3))]
    return [kinds[number % len(kinds)] for number in range(count)] + [field(source) for _ in range(3)]


def field(source: random.Random) -> Field:
    """Return a field."""
    name = (
        source.choice(_FIELD_NAMES)
        if source.random() < 0.85
        else octets(source, 3000 if source.random() < 0.02 else 12)
    )
    kind = source.random()
    if kind < 0.8:
        return name, source.choice(_VALUES)
    if kind < 0.99:
        return name, b" " + octets(source, 60)
    return name, ((source.choice(_VALUES) + octets(source, 20)) * source.randint(1, 1000))[:LONGEST_FIELD]


def long_field(source: random.Random) -> Field:
    """Return a field as long as an MTA passes on."""
    name = source.choice(_FIELD_NAMES)
    piece = source.choice((*_VALUES[:8], octets(source, 9), b"a@b%d.test " % source.randrange(99), b"=?utf-8?q?=40?= "))
    return name, (piece * (LONGEST_FIELD // max(len(piece), 1) + 1))[:LONGEST_FIELD]
