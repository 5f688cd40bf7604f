"""Made-up but ordinary mails, the same ones for every seed: what no check may refuse or mark.

Outgoing ones are john's; incoming ones come from outside to him. Kinds that a careless check would take for an attack
are among them: forwarded invitations, answers to invitations of others, calendars attached as files, messages sent on
with the results of other systems, keys, signatures, lists, newsletters.
"""

import base64
import quopri
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from routing.guard import HeaderField

OWN = (
    "john@brand-a.test",
    "sales@brand-a.test",
    "sales@brand-b.test",
    "john@xn--bcher-kva.test",
    "john+x@brand-a.test",
)
FIRST = ("Ann", "Zoë", "Jürgen", "Maria", "Li", "Олег", "明", "Fatima", "Sean", "Priya", "Lars", "Chloé")
LAST = (
    "Smith",
    "García",
    "Müller",
    "O'Neil",
    "Wang",
    "Иванов",
    "田中",
    "Haddad",
    "de Vries",
    "Kaur",
    "Berg",
    "Dupont",
)
_HOSTS = ("example.org", "mail.example.com", "gmail.example", "uni-köln.example", "bank.example", "brand-c.example",
          "list.example.net", "xn--e1afmkfd.example", "modern.example", "b2b.example")  # fmt: skip
_WORDS = [
    "offer",
    "meeting",
    "invoice",
    "Tuesday",
    "thanks",
    "report",
    "price",
    "team",
    "from:",
    "attached",
    "draft",
    "budget",
    "Ångström",
    "café",
    "100%",
    "Q&A",
]


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it is sent."""

    author: str  # the address in its From
    fields: list[HeaderField]
    body: bytes

    @property
    def raw(self) -> bytes:
        """The message as it goes over the wire."""
        header = b"".join(each.name.encode() + b":" + each.value + b"\r\n" for each in self.fields)
        return header + b"\r\n" + self.body


def outgoing(count: int, seed: int = 14) -> Iterator[Mail]:
    """Yield mails that john sends."""
    source = random.Random(seed)
    for number in range(count):
        yield _mail(source, number, source.choice(OWN), _name(source) if source.random() < 0.8 else "")


def incoming(count: int, seed: int = 14) -> Iterator[Mail]:
    """Yield mails from outside."""
    source = random.Random(seed + 1)
    for number in range(count):
        host = source.choice(_HOSTS).encode("idna").decode()
        yield _mail(source, number, f"{source.choice(('info', 'ann', 'no-reply', 'j.smith'))}@{host}", _name(source))


def _mail(source: random.Random, number: int, author: str, name: str) -> Mail:
    fields = [
        ("Received", b" from client by mx.example.org with ESMTPS id %d;\n Mon, 23 Nov 2026 10:00:00 +0000" % number),
        ("From", _author(source, name, author)),
        ("To", f" {_address(source)}, {_address(source)}".encode()),
        ("Subject", b" " + _encoded(source, _text(source, 6))),
        ("Message-ID", b" <%d@client.example>" % number),
        ("MIME-Version", b" 1.0"),
    ]
    extra, (kind, body) = source.choice(_EXTRAS)(source, author), source.choice(_BODIES)(source, author)
    return Mail(author, [HeaderField(*each) for each in [*fields, *extra, *kind]], body)


def _name(source: random.Random) -> str:
    name = f"{source.choice(FIRST)} {source.choice(LAST)}"
    last_first = f"{source.choice(LAST)}, {source.choice(FIRST)}"
    brand = source.choice(
        ("Sales @ Brand", "Brand Support", "Müller & Söhne", "Team (Berlin)", "A.B.C. News", "@brand")
    )
    return source.choice((name, name, last_first, brand, f"{name} via List", "😀 " + name))


def _author(source: random.Random, name: str, address: str) -> bytes:
    form = source.choice((" {} <{}>", ' "{}" <{}>', " {} < {} >")) if name else " {}<{}>"
    shown = _encoded(source, name) if not name.isascii() or source.random() < 0.2 else b""
    if shown and b"=?" in shown:
        return b" %s <%s>" % (shown, address.encode())
    return (
        (form if name.replace(" ", "").isalnum() or '"' in form or not name else ' "{}" <{}>')
        .format(name, address)
        .encode()
    )


def _address(source: random.Random) -> str:
    return f"{source.choice(('bob', 'info', 'office'))}@{source.choice(_HOSTS)}"


def _encoded(source: random.Random, text: str) -> bytes:
    raw = text.encode()
    words = [b"=?utf-8?B?%s?=" % base64.b64encode(raw[at : at + 45]) for at in range(0, len(raw), 45)]
    return b"\n ".join(words) if source.random() < 0.6 else raw


def _text(source: random.Random, words: int) -> str:
    return " ".join(source.choice(_WORDS) for _ in range(words))


Fields = list[tuple[str, bytes]]


def _nothing(source: random.Random, author: str) -> Fields:
    return []


def _reply(source: random.Random, author: str) -> Fields:
    return [("In-Reply-To", b" <1@example.org>"), ("References", b" <1@example.org>\n <2@example.org>")]


def _key(source: random.Random, author: str) -> Fields:
    data = base64.b64encode(source.randbytes(900))
    return [("Autocrypt", b" addr=%s; prefer-encrypt=mutual;\n keydata=%s" % (author.encode(), data))]


def _sent_on(source: random.Random, author: str) -> Fields:
    """What a message bears that was received elsewhere and is sent on."""
    return [
        ("Authentication-Results", b" mx.google.example; dkim=pass header.d=brand-a.test header.i=@brand-a.test"),
        ("ARC-Seal", b" i=1; a=rsa-sha256; d=google.example; s=arc; cv=none; b=abcd"),
        ("ARC-Authentication-Results", b" i=1; mx.google.example; spf=pass smtp.mailfrom=x@mx.brand-a.test"),
        ("Delivered-To", b" somebody@example.org"),
    ]


def _list(source: random.Random, author: str) -> Fields:
    return [("List-Id", b" <news.example.org>"), ("Precedence", b" list"), ("Reply-To", _address(source).encode())]


_EXTRAS: list[Callable[[random.Random, str], Fields]] = [_nothing, _reply, _key, _sent_on, _list]


def _plain(source: random.Random, author: str) -> tuple[Fields, bytes]:
    return [("Content-Type", b" text/plain; charset=utf-8")], _lines(source)


def _unmarked(source: random.Random, author: str) -> tuple[Fields, bytes]:
    return [], b"-- \r\nJohn\r\n--\r\n" + _lines(source)


def _lines(source: random.Random) -> bytes:
    return "".join(f"{_text(source, 9)}\r\n" for _ in range(source.randint(1, 30))).encode()


def _multipart(source: random.Random, kind: bytes, parts: list[bytes]) -> tuple[Fields, bytes]:
    boundary = b"----=_Part_%d" % source.randrange(10**6)
    body = b"This is a MIME message.\r\n" + b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
    kinds = b' multipart/%s;\n boundary="%s"' % (kind, boundary)
    return [("Content-Type", kinds)], body + b"--%s--\r\n" % boundary


def _inner(fields: Fields, body: bytes) -> bytes:
    return b"".join(name.encode() + b":" + value + b"\r\n" for name, value in fields) + b"\r\n" + body


def _alternative(source: random.Random, author: str) -> tuple[Fields, bytes]:
    html = b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    text = quopri.encodestring(b"<p>" + _lines(source) + b"</p>")
    return _multipart(source, b"alternative", [_inner(*_plain(source, author)), html + text])


def _with_file(source: random.Random, author: str) -> tuple[Fields, bytes]:
    file = (
        b'Content-Type: application/pdf; name="offer.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
        b"Content-Disposition: attachment; filename=offer.pdf\r\n\r\n"
    )
    data = base64.encodebytes(source.randbytes(source.randint(10, 5000))).replace(b"\n", b"\r\n")
    return _multipart(source, b"mixed", [_inner(*_alternative(source, author)), file + data])


def _signed(source: random.Random, author: str) -> tuple[Fields, bytes]:
    signature = b"Content-Type: application/pgp-signature; name=signature.asc\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n"
    return _multipart(source, b"signed", [_inner(*_plain(source, author)), signature])


def calendar(method: str, organizer: str, attendee: str) -> bytes:
    """Return an invitation, or an answer to one."""
    lines = ["BEGIN:VCALENDAR", *([f"METHOD:{method}"] if method else []), "BEGIN:VEVENT",
             f"ORGANIZER;CN=The Boss:mailto:{organizer}",
             f'ATTENDEE;CN="Some Body";PARTSTAT=ACCEPTED;RSVP=TRUE:\r\n mailto:{attendee}',
             "SUMMARY:from ceo@bank.example", "END:VEVENT", "END:VCALENDAR"]  # fmt: skip
    return "".join(f"{line}\r\n" for line in lines).encode()


def _event(method: str, *, own: bool, extra: bytes = b"") -> Callable[[random.Random, str], tuple[Fields, bytes]]:
    def made(source: random.Random, author: str) -> tuple[Fields, bytes]:
        organizer, attendee = (author, "bob@example.org") if own else ("bob@example.org", author)
        part = calendar(method, organizer, attendee)
        head = b"Content-Type: text/calendar; charset=utf-8" + (f"; method={method}".encode() if method else b"")
        if source.random() < 0.5:
            head, part = head + b"\r\nContent-Transfer-Encoding: base64", base64.encodebytes(part)
        return _multipart(source, b"mixed", [_inner(*_plain(source, author)), head + b"\r\n" + extra + b"\r\n" + part])

    return made


def _forwarded(source: random.Random, author: str) -> tuple[Fields, bytes]:
    """Somebody else's invitation, attached as a message."""
    fields, body = _event("REQUEST", own=False)(source, author)
    inside = b"From: The Boss <bob@example.org>\r\n" + _inner(fields, body)
    return _multipart(
        source, b"mixed", [_inner(*_plain(source, author)), b"Content-Type: message/rfc822\r\n\r\n" + inside]
    )


_BODIES: list[Callable[[random.Random, str], tuple[Fields, bytes]]] = [
    _plain, _unmarked, _alternative, _with_file, _signed, _forwarded,
    _event("REQUEST", own=True), _event("REPLY", own=False), _event("COUNTER", own=False),
    _event("", own=False, extra=b"Content-Disposition: attachment; filename=event.ics\r\n"),
]  # fmt: skip
