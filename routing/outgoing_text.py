"""A checked draft as the octets of a mail: CRLF, ASCII, lines of at most 998.

The header is written here, word by word: the standard library decodes what looks like an encoded word in a subject
that it is given, line breaks in it included, and writes what came of it. The parts below the header are the library's
(``email.message``, policy SMTP, 7 bit).
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from email.message import EmailMessage
from email.policy import SMTP

from routing.outgoing import Draft, Party
from routing.raw_message import header_fields

_POLICY = SMTP.clone(cte_type="7bit")
_LINE = 76  # characters, RFC 2047 section 2
_OF_A_WORD = 33  # octets of UTF-8 in one encoded word
_LONGEST_WORD = 900
_LONGEST_PLAIN = _POLICY.max_line_length or 0  # characters of a line that the library leaves as it is
_ODD = re.compile(r"[^\n -~\t]")  # also what str.splitlines takes for the end of a line
_PLAIN_HEAD = (
    b'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: 7bit\r\nMIME-Version: 1.0\r\n\r\n'
)
_SPECIALS = frozenset('()<>[]:;@\\,."')


def compose(draft: Draft, message_id: str, date: str) -> bytes:
    """Return the message, without Bcc.

    Args:
        message_id: with its brackets.
        date: as RFC 5322 writes it.
    """
    fields = list(_fields(draft, message_id, date))
    head = "".join(_folded(name, words) for name, words in fields).encode("ascii")
    content = head + (_plain_body(draft) or _body(draft).as_bytes(policy=_POLICY))
    found = [field.name for field in header_fields(content)][: len(fields)]
    if found != [name for name, _ in fields]:
        raise RuntimeError("a header that reads otherwise than it was written")  # and is not sent
    return content


def bcc_field(parties: Sequence[Party]) -> bytes:
    """Return the field that only the sender's own copy shows, with its line end; empty for nobody."""
    return _folded("Bcc", _list_words(parties)).encode("ascii") if parties else b""


def _fields(draft: Draft, message_id: str, date: str) -> Iterator[tuple[str, list[str]]]:
    yield "Date", date.split(" ")
    yield "From", _party_words(draft.sender)
    for name, parties in (("To", draft.to), ("Cc", draft.cc), ("Reply-To", draft.reply_to)):
        if parties:
            yield name, _list_words(parties)
    yield "Subject", _text_words(draft.subject)
    yield "Message-ID", [message_id]
    given = dict(draft.headers)
    references = next((given.pop(name) for name in list(given) if name.lower() == "references"), "").split()
    if draft.in_reply_to is not None:
        yield "In-Reply-To", [draft.in_reply_to]
        references = [*(one for one in references if one != draft.in_reply_to), draft.in_reply_to]
    if references:
        yield "References", references
    for name, value in given.items():
        yield name, _text_words(value)


def _folded(name: str, words: Sequence[str]) -> str:
    lines = [f"{name}:"]
    for number, word in enumerate(words):
        if number and len(lines[-1]) + 1 + len(word) > _LINE:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines) + "\r\n"


def _text_words(text: str) -> list[str]:
    """Split a text at its blanks, or into encoded words where anything in it could be read in another way."""
    words = text.split(" ")
    is_plain = text.isascii() and "=?" not in text and all(0 < len(word) <= _LONGEST_WORD for word in words)
    return words if is_plain else list(_encoded(text))


def _encoded(text: str) -> Iterator[str]:
    chunk = b""
    for octets in map(str.encode, text):
        if len(chunk) + len(octets) > _OF_A_WORD:
            yield _encoded_word(chunk)
            chunk = b""
        chunk += octets
    if chunk:
        yield _encoded_word(chunk)


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?b?{b64encode(octets).decode()}?="


def _party_words(party: Party) -> list[str]:
    if not party.name:
        return [party.address]
    return [*_name_words(party.name), f"<{party.address}>"]


def _name_words(name: str) -> list[str]:
    words = _text_words(name)
    if words and words[0].startswith("=?"):
        return words
    if _SPECIALS.isdisjoint(name):
        return words
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


def _list_words(parties: Iterable[Party]) -> list[str]:
    words: list[str] = []
    for party in parties:
        if words:
            words[-1] += ","
        words += _party_words(party)
    return words


def _plain_body(draft: Draft) -> bytes | None:
    """Return what :func:`_body` makes of the usual message, a text of short ASCII lines, for a tenth of the work.

    None for any other.
    """
    text = draft.text or ""
    is_usual = text.isascii() and draft.html is None and not draft.attachments and not _ODD.search(text)
    lines = text.split("\n") if is_usual else []
    if not is_usual or len(max(lines, key=len)) > _LONGEST_PLAIN:
        return None
    ended = text if text.endswith("\n") else f"{text}\n"
    return _PLAIN_HEAD + ended.replace("\n", "\r\n").encode("ascii")


def _body(draft: Draft) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    html = message
    if draft.text is not None or draft.html is None:
        message.set_content(draft.text or "")
        if draft.html is not None:
            message.add_alternative(draft.html, subtype="html")
            html = message.get_payload()[-1]  # type: ignore[index,assignment] # of a multipart: a list of messages
    else:
        message.set_content(draft.html, subtype="html")
    for one in draft.attachments:
        if one.content_id is not None and draft.html is not None:
            html.add_related(
                one.content, one.maintype, one.subtype,
                filename=one.filename, cid=f"<{one.content_id}>", disposition="inline",
            )  # fmt: skip
    for one in draft.attachments:
        if one.content_id is None or draft.html is None:
            message.add_attachment(one.content, one.maintype, one.subtype, filename=one.filename)
    return message
