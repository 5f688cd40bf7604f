"""Tokens and who they stand for, on the wire."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints

from admin_api.http.models import TRIMMED, Body, GivenMoment, Id, Moment, Out, WithSecrets, unsent
from admin_api.rest.schemas.mailboxes import OwnMailbox
from store.services.scopes import ACCOUNT, MESSAGE, SCOPES

Kind = Literal["account", "message", "operator"]
Scope = Literal[
    "domains:read", "domains:write", "mailboxes:read", "mailboxes:write", "aliases:read", "aliases:write",
    "rules:read", "rules:write", "messages:send", "tokens:write",
]  # fmt: skip
TokenName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    Field(description="Printable, no blank first or last.", examples=["website"]),
    TRIMMED,
]


class Token(Out):
    """A token, without its secret."""

    id: Id
    kind: Kind
    name: str = Field(examples=["website"])
    start: str = Field(description="How it begins, to tell it from others.", examples=["bn_ops_3fQz"])
    scopes: list[Scope] = Field(examples=[["aliases:read", "aliases:write"]])
    account_id: Id | None
    mailbox_id: Id | None
    expires_at: Moment | None
    last_used_at: Moment | None
    created_at: Moment


class MadeToken(Token):
    """A token that was made, with its secret."""

    secret: str | None = Field(
        description="In the first answer only; null in a repeat of it.",
        examples=["bn_ops_3fQzK0aLw8sYd1mXv5RtB7nGc2Hj4pUe9iZo"],
    )


class MadeTokenAnswer(WithSecrets):
    """The token that was made."""

    data: MadeToken

    def without_secrets(self) -> Self:
        """Return the same without the secret."""
        return self.model_copy(update={"data": self.data.model_copy(update={"secret": None})})


def _scopes_of(kind: str) -> dict[str, Any]:
    return {"properties": {"scopes": {"items": {"enum": list(SCOPES[kind])}}}}


class NewToken(Body):
    """A token to be made: of the account, or of one mailbox when it is named."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["mailbox_id"]}, "then": _scopes_of(MESSAGE), "else": _scopes_of(ACCOUNT),
        }
    )  # fmt: skip

    name: TokenName
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)] = unsent(
        description="Left out: all that the kind can have and the caller has."
    )
    expires_at: GivenMoment | None = unsent()
    mailbox_id: Id = unsent(description="Makes a message token of this mailbox.")


class Me(Out):
    """The token that was shown, and what it may do."""

    id: Id
    kind: Kind
    name: str = Field(examples=["website"])
    scopes: list[Scope]
    account_id: Id | None = Field(description="The account it acts in; null: every account.")
    mailbox_id: Id | None
    expires_at: Moment | None


class Capabilities(Out):
    """What a token may do, with all that its scopes imply."""

    effective_scopes: list[Scope]


class MeAnswer(Out):
    """Who calls."""

    data: Me
    capabilities: Capabilities


class OwnMailboxAnswer(Out):
    """The token's mailbox, and what the token may do."""

    data: OwnMailbox
    capabilities: Capabilities
