"""Explanations and the audit log on the wire."""

from typing import Any, Literal

from pydantic import Field

from admin_api.http.models import Id, Moment, Out

Verdict = Literal["deliver", "allow", "not-ours", "reject", "defer"]


class Reply(Out):
    """The SMTP reply that the client gets."""

    code: int = Field(examples=[550])
    enhanced: str = Field(examples=["5.1.1"])
    text: str = Field(examples=["<x@brand-a.com>: user unknown"])


class Step(Out):
    """One thing that was looked up."""

    looked_up: str = Field(examples=["name sales@brand-b.com"])
    found: str = Field(examples=["alias of mailbox john@brand-a.com (active); active, receive on, send off"])


class Explanation(Out):
    """What happens to a mail, and why, by the code that decides about mail."""

    verdict: Verdict
    rule: str = Field(description="The rule that decided.", examples=["alias"])
    reply: Reply | None = Field(description="null: the mail server's own 250.")
    mailbox: str | None = Field(examples=["john@brand-a.com"])
    delivered_to: str | None = Field(examples=["sales@brand-b.com"])
    steps: list[Step]
    cache: Verdict | None = Field(description="What the cache by itself says; null without a cache.")
    sql: Verdict = Field(description="What the database by itself says.")
    agree: bool | None = Field(description="Whether the two say the same; null: one of them cannot tell.")


class AuditEntry(Out):
    """One change: who did it, to what, when, and how that was before and after."""

    id: Id
    at: Moment
    account_id: Id | None
    actor: str = Field(examples=["account token website"])
    token_id: Id | None
    request_id: str | None
    action: str = Field(examples=["alias.create"])
    object_type: str = Field(examples=["alias"])
    object_id: Id | None
    name: str = Field(examples=["sales@brand-b.com"])
    before: dict[str, Any] | None
    after: dict[str, Any] | None
