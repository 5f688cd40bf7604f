"""A message as a request describes it, read part by part into a draft."""

import binascii
from collections.abc import Iterator

from admin_api.http.problems import Flaw, Refusal
from admin_api.rest.schemas.messages import MessageAttachment, MessageToSend
from routing import outgoing
from routing.outgoing import Attachment, Draft, DraftRefused, Party


def draft_of(message: MessageToSend, sender: Party) -> Draft:
    """Return the draft of a request. Raises DraftRefused."""
    given = message.body.given()
    if not given:
        raise DraftRefused("body", "needs text, html or both")
    answered = message.given().get("reply_to_message_id")
    reply_to = message.given().get("reply_to")
    return Draft(
        sender=sender,
        to=outgoing.parties("to", message.to),
        cc=outgoing.parties("cc", message.cc),
        bcc=outgoing.parties("bcc", message.bcc),
        reply_to=() if reply_to is None else (outgoing.party("reply_to", reply_to),),
        subject=outgoing.plain_text("subject", message.subject),
        in_reply_to=None if answered is None else outgoing.message_id("reply_to_message_id", answered),
        headers=outgoing.headers("headers", message.headers),
        attachments=tuple(_attachments(message.attachments)),
        **{kind: outgoing.body_text(f"body/{kind}", text) for kind, text in given.items()},
    )


def refusal(error: DraftRefused) -> Refusal:
    """Return what HTTP says of a part that cannot be sent."""
    detail = f"this message cannot be sent: {error.place} {error}"
    return Refusal("invalid-request", detail, flaws=[Flaw(f"/{error.place}", str(error))])


def _attachments(given: list[MessageAttachment]) -> Iterator[Attachment]:
    for number, one in enumerate(given):
        place = f"attachments/{number}"
        content = _decoded(f"{place}/content_base64", one.content_base64)
        yield outgoing.attachment(place, one.filename, one.content_type, content, one.given().get("content_id"))


def _decoded(place: str, text: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()).encode("ascii"), strict_mode=True)
    except ValueError:
        raise DraftRefused(place, "is not base64") from None
