"""Where a sample mail is found once it was delivered: the Maildirs, and what left for the outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

from byname.sandbox.dovecot import PrivateDovecot
from byname.sandbox.sink import Sink


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivered copy."""

    place: str  # the mailbox, or the outside recipients
    delivered_to: tuple[str, ...]  # values of its Delivered-To fields, from the top
    sender: str  # of the envelope, as the delivering program noted it
    authors: tuple[str, ...]  # values of its From fields


def arrivals(message_id: str, dovecot: PrivateDovecot, outside: Sink) -> list[Arrival]:
    """Return every copy of a message that was delivered so far, found by its Message-ID."""
    marker = message_id.encode("ascii")
    boxes = [(box, dovecot.messages(box)) for box in dovecot.addresses()]
    kept = [_in_maildir(box, content) for box, contents in boxes for content in contents if marker in content]
    left = [each for each in outside.deliveries if marker in each.content]
    return kept + [_arrival(",".join(each.recipients), each.sender, each.content) for each in left]


def _in_maildir(mailbox: str, content: bytes) -> Arrival:
    return_path = message_from_bytes(content).get("Return-Path", "")
    return _arrival(mailbox, return_path.strip("<>"), content)


def _arrival(place: str, sender: str, content: bytes) -> Arrival:
    message = message_from_bytes(content)
    return Arrival(place, _values(message, "Delivered-To"), sender, _values(message, "From"))


def _values(message: Message, name: str) -> tuple[str, ...]:
    found: Sequence[str] = message.get_all(name) or ()
    return tuple(str(value).strip() for value in found)
