"""A message that a program asks to send: its parts, checked one by one, before any of it becomes mail.

Whatever is refused here is refused with the place in the request where it stands. What passes can be written as a
header or a body that every mail program reads in one way (:mod:`routing.outgoing_text`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from routing.header_from import addr_spec, written_address
from routing.header_refused import HeaderRefused

MOST_RECIPIENTS = 100  # of a message, in To, Cc and Bcc together
LONGEST_NAME, LONGEST_TEXT = 200, 2000  # characters of a name, of a subject or another field

# Fields that a program may set, beside X-...: the value goes out as it is, in ASCII.
_PLAIN_FIELDS = frozenset(
    {
        "auto-submitted", "content-language", "importance", "list-archive", "list-help", "list-id", "list-owner",
        "list-post", "list-subscribe", "list-unsubscribe", "list-unsubscribe-post", "precedence", "priority",
        "references", "sensitivity",
    }
)  # fmt: skip
# The same, in any script.
_TEXT_FIELDS = frozenset({"comments", "feedback-id", "keywords", "organization"})
_OURS = ("x-byname-", "x-mailbox-line")

_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # marks that turn the writing direction
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,200}@[!-;=?A-~]{1,200}>")
_CONTENT_ID = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~@-]{1,200}")
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,60}"  # noqa: S105 - of MIME, RFC 2045
_CONTENT_TYPE = re.compile(rf"({_TOKEN})/({_TOKEN})")
_LONGEST_WORD = 900  # octets that cannot be folded; a line has 998 at most (RFC 5322 section 2.1.1)


class DraftRefused(ValueError):
    """A part of a message that cannot be sent.

    Attributes:
        place: where it stands, as in ``to/0``.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(reason)
        self.place = place


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who writes or is written to."""

    address: str  # as on the wire: ASCII, the domain in A-labels
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; with ``content_id`` it is a picture in the HTML text."""

    filename: str
    maintype: str
    subtype: str
    content: bytes
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be made. Its parts come from the functions below."""

    sender: Party
    to: Sequence[Party]
    subject: str
    cc: Sequence[Party] = ()
    bcc: Sequence[Party] = ()
    reply_to: Sequence[Party] = ()
    text: str | None = None
    html: str | None = None
    in_reply_to: str | None = None  # a Message-ID with its brackets
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: Sequence[Attachment] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """Of the envelope: each once."""
        return tuple(dict.fromkeys(party.address for party in (*self.to, *self.cc, *self.bcc)))


def party(place: str, text: str) -> Party:
    """Read ``john@brand-a.com`` or ``John Doe <john@brand-a.com>``. Raises DraftRefused."""
    name, angle, rest = text.rpartition("<")
    if not angle:
        return Party(_address(place, text.strip()))
    if not rest.rstrip().endswith(">"):
        raise DraftRefused(place, "an address in < and > must end there")
    name = name.strip()
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Party(_address(place, rest.rstrip()[:-1].strip()), _name(place, name))


def split_parties(place: str, value: str) -> tuple[Party, ...]:
    """Read the value of To, Cc or Bcc, as strictly as an author: no groups, no old forms. Raises DraftRefused."""
    return tuple(_listed(place, one) for one in _between_commas(value) if one.strip())


def _listed(place: str, text: str) -> Party:
    try:
        return Party(_address(place, written_address(text.encode())))
    except HeaderRefused as error:
        raise DraftRefused(place, f"is no plain list of addresses: {error}") from error


def _between_commas(value: str) -> list[str]:
    """Split at commas, but for those in quotes, comments and angles."""
    pieces, depth, quoted, escaped = [""], 0, False, False
    for char in value:
        if char == "," and not quoted and not depth:
            pieces.append("")
            continue
        pieces[-1] += char
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"' and not depth:
            quoted = not quoted
        elif not quoted:
            depth += (char in "(<") - (char in ")>" and depth > 0)
    return pieces


def parties(place: str, texts: Iterable[str]) -> tuple[Party, ...]:
    """Read a list of them. Raises DraftRefused."""
    return tuple(party(f"{place}/{number}", text) for number, text in enumerate(texts))


def plain_text(place: str, text: str) -> str:
    """Return a text for one line of a header. Raises DraftRefused."""
    _check_encodable(place, text)
    if len(text) > LONGEST_TEXT:
        raise DraftRefused(place, f"must have at most {LONGEST_TEXT} characters")
    if _CONTROL.search(text):
        raise DraftRefused(place, "must be one line without control characters")
    return text.strip()


def body_text(place: str, text: str) -> str:
    """Return a body with the line ends of Python. Raises DraftRefused."""
    _check_encodable(place, text)
    if "\0" in text:
        raise DraftRefused(place, "must not hold the character NUL")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def message_id(place: str, text: str) -> str:
    """Return a Message-ID in its brackets. Raises DraftRefused."""
    whole = text if text.startswith("<") else f"<{text}>"
    if not _MESSAGE_ID.fullmatch(whole):
        raise DraftRefused(place, "must be a Message-ID, such as <1234@brand-a.com>")
    return whole


def headers(place: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that a program adds. Raises DraftRefused for one that it may not, or that is malformed."""
    found: dict[str, str] = {}
    for name, value in given.items():
        here = f"{place}/{name}"
        if name.lower() in (known.lower() for known in found):
            raise DraftRefused(here, "must stand once only")
        found[name] = _field(here, name, value)
    return found


def attachment(
    place: str, filename: str, content_type: str, content: bytes, content_id: str | None = None
) -> Attachment:
    """Return a file to be attached. Raises DraftRefused."""
    kind = _CONTENT_TYPE.fullmatch(content_type)
    if kind is None:
        raise DraftRefused(f"{place}/content_type", "must be a media type without parameters, such as application/pdf")
    maintype, subtype = kind[1].lower(), kind[2].lower()
    if maintype in {"message", "multipart"}:  # RFC 2046: these cannot be base64, in which attachments travel
        raise DraftRefused(f"{place}/content_type", f"{maintype}/... cannot be attached; application/octet-stream can")
    if content_id is not None and not _CONTENT_ID.fullmatch(content_id):
        raise DraftRefused(f"{place}/content_id", "must be letters, digits and . _ - @, as after cid: in the HTML")
    return Attachment(_filename(f"{place}/filename", filename), maintype, subtype, content, content_id)


def _address(place: str, text: str) -> str:
    try:
        address = addr_spec(text)
    except HeaderRefused as error:
        raise DraftRefused(place, f"is not a mail address that can be written to: {error}") from error
    return f"{text.rpartition('@')[0]}@{address.domain}"  # the local part as given: other systems may tell A from a


def _name(place: str, name: str) -> str:
    _check_encodable(place, name)
    if len(name) > LONGEST_NAME or _CONTROL.search(name) or _TURNING.search(name):
        rule = f"a name has at most {LONGEST_NAME} characters, no control characters and no marks that turn the text"
        raise DraftRefused(place, rule)
    return name


def _filename(place: str, name: str) -> str:
    _check_encodable(place, name)
    if not 0 < len(name) <= LONGEST_NAME or name.strip() != name:
        raise DraftRefused(place, f"must have 1 to {LONGEST_NAME} characters, no blank first or last")
    if _CONTROL.search(name) or _TURNING.search(name) or "/" in name or "\\" in name or "=?" in name:
        raise DraftRefused(place, "must hold no /, no \\, no =?, no control characters, no marks that turn the text")
    return name


def _field(place: str, name: str, value: str) -> str:
    plain = name.lower()
    if not _FIELD_NAME.fullmatch(name) or plain.startswith(_OURS):
        raise DraftRefused(place, "is no field that a program may set")
    if plain not in _PLAIN_FIELDS | _TEXT_FIELDS and not plain.startswith("x-"):
        allowed = ", ".join(sorted(_PLAIN_FIELDS | _TEXT_FIELDS))
        raise DraftRefused(place, f"is no field that a program may set; those are X-... and {allowed}")
    text = plain_text(place, value)
    if plain in _PLAIN_FIELDS and not (text.isascii() and max(map(len, text.split(" "))) <= _LONGEST_WORD):
        raise DraftRefused(place, f"must be ASCII, and no word of it longer than {_LONGEST_WORD} characters")
    return text


def _check_encodable(place: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DraftRefused(place, "must be Unicode without lone surrogates") from error
