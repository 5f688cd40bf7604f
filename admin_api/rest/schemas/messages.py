"""What programs that send mail ask about and send, on the wire."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from admin_api.http.models import Body, Out, unsent
from store.services.sending.kept import CopyState, State


class Identity(Out):
    """An address that a mailbox may send as."""

    address: str = Field(examples=["sales@brand-b.com"])
    local_part: str = Field(examples=["sales"])
    domain: str = Field(description="A-labels.", examples=["brand-b.com"])
    display_name: str = Field(description="Of the mailbox.", examples=["John Doe"])
    is_primary: bool = Field(description="The mailbox itself.", examples=[False])


class Identities(Out):
    """All of them, the mailbox first; none while it may not send at all."""

    data: list[Identity]


class MessageBody(Body):
    """What a message says: as plain text, as HTML, or as both. null is the same as none."""

    text: str | None = unsent(examples=["Hello,\n\nyour order is on its way.\n"])
    html: str | None = unsent(examples=["<p>Hello,</p><p>your order is on its way.</p>"])

    def given(self) -> dict[str, Any]:
        """Return the forms that were sent."""
        return {kind: text for kind, text in super().given().items() if text is not None}


class MessageAttachment(Body):
    """A file."""

    filename: str = Field(min_length=1, max_length=200, examples=["order.pdf"])
    content_type: str = Field(max_length=130, examples=["application/pdf"])
    content_base64: str = Field(examples=["JVBERi0xLjQK"])
    content_id: str = unsent(
        min_length=1, max_length=200, description="Makes it a picture in the HTML: cid:logo", examples=["logo"]
    )


class MessageToSend(Body):
    """A message."""

    sender: str = unsent(
        alias="from",
        min_length=1,
        max_length=600,
        description="An identity of the mailbox, with a name or without; the mailbox itself if left out.",
        examples=["Brand B <sales@brand-b.com>"],
    )
    to: list[str] = Field(min_length=1, max_length=100, examples=[["Ann <ann@customer.example>"]])
    cc: list[str] = Field(default=[], max_length=100)
    bcc: list[str] = Field(default=[], max_length=100, description="Recipients that the message does not show.")
    subject: str = Field(max_length=2000, examples=["Your order"])
    body: MessageBody
    reply_to: str = unsent(min_length=1, max_length=600, description="Where answers go.", examples=["john@brand-a.com"])
    reply_to_message_id: str = unsent(
        min_length=3,
        max_length=402,
        description="The Message-ID of the mail that this one answers.",
        examples=["<abc@customer.example>"],
    )
    headers: dict[str, str] = Field(default={}, description="More fields: X-... and those of docs/messages.md.")
    attachments: list[MessageAttachment] = Field(default=[], max_length=100)


class RefusedRecipient(Out):
    """A recipient that the mail server refused, while it took others."""

    address: str
    reply: str


class SentCopy(Out):
    """The copy of a message in the mailbox's own folder of sent mail."""

    status: CopyState = Field(
        description="none: there is none, for the site keeps none or the message was not sent. pending: not yet."
        " kept: it is there. failed: there will be none; the message was sent all the same."
    )
    reason: str | None = Field(description="Why it is not there.")


class Message(Out):
    """A message that was given to be sent, and how far it has come."""

    id: int
    status: State = Field(
        description="sent: the mail server has it. refused: it will not be sent. unknown: whether it left cannot be"
        " told any more. The others are on their way."
    )
    code: Literal["rejected-by-mta"] | None = Field(description="With refused.")
    sender: str = Field(description="Of the envelope.", examples=["sales@brand-b.com"])
    recipients: list[str] = Field(description="Of the envelope, those of bcc too.")
    message_id: str = Field(examples=["<9f1c0d3a@brand-b.com>"])
    size: int = Field(description="Bytes.")
    queue_id: str | None = Field(description="What the mail server calls it.", examples=["4XyzAB1cDe"])
    reply: str | None = Field(description="What the mail server said last.")
    refused: list[RefusedRecipient]
    attempts: int
    sent_copy: SentCopy
    created_at: datetime
    ended_at: datetime | None
