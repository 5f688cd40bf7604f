"""Mailboxes on the wire."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from admin_api.http.models import PRINTED, Body, Id, LocalPart, Moment, Out, WithSecrets, unsent

Password = Annotated[
    str,
    StringConstraints(min_length=8, max_length=256),
    Field(description="Printable.", examples=["correct horse"]),
    PRINTED,
]
DisplayName = Annotated[
    str,
    StringConstraints(max_length=200),
    Field(description="Printable.", examples=["John Doe"]),
    PRINTED,
]


class Mailbox(Out):
    """A place where mail ends up."""

    id: Id
    address: str = Field(examples=["john@brand-a.com"])
    local_part: str = Field(examples=["john"])
    domain_id: Id
    display_name: str = Field(examples=["John Doe"])
    is_active: bool = Field(description="False: paused; mail to it is refused.", examples=[True])
    alias_count: int = Field(examples=[2])
    created_at: Moment


class OwnMailbox(Out):
    """The mailbox that a message token belongs to."""

    id: Id
    address: str = Field(examples=["john@brand-a.com"])
    domain_id: Id
    display_name: str = Field(examples=["John Doe"])
    is_active: bool = Field(description="False: paused; it may not send.", examples=[True])


class MadeMailbox(Mailbox):
    """A mailbox that was made, with its password if that was generated."""

    password: str | None = Field(
        description="With password_mode, in the first answer only; else null.", examples=["h7Kd2mWq9ZpXcVbN4tRs"]
    )


class MadeMailboxAnswer(WithSecrets):
    """The mailbox that was made."""

    data: MadeMailbox

    def without_secrets(self) -> Self:
        """Return the same without the password."""
        return self.model_copy(update={"data": self.data.model_copy(update={"password": None})})


class NewMailbox(Body):
    """A mailbox to be made, with a password or a mode that generates one."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["password"]}, {"required": ["password_mode"]}]}
    )

    domain_id: Id
    local_part: LocalPart
    display_name: DisplayName = ""
    password: Password = unsent()
    password_mode: Literal["generated_one_time"] = unsent()

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if ("password" in self.model_fields_set) == ("password_mode" in self.model_fields_set):
            raise ValueError('give either password or password_mode "generated_one_time"')
        return self


class MailboxChange(Body):
    """What to change of a mailbox; what is left out stays."""

    display_name: DisplayName | None = unsent(description="null, like an empty text: no name.")

    def given(self) -> dict[str, Any]:
        """Return the fields that were sent; a null name as the empty text that is kept."""
        return {name: value or "" for name, value in super().given().items()}


class NewPassword(Body):
    """A password to be set."""

    password: Password


class DeleteIntent(Out):
    """What goes with a mailbox, and until when its deletion may be confirmed."""

    id: Id
    mailbox: Mailbox
    aliases: list[str] = Field(description="They go with it.", examples=[["sales@brand-b.com"]])
    catch_all_of: list[str] = Field(description="Domains whose catch-all ends here: change these first.", examples=[[]])
    system_mailbox_of: list[str] = Field(description="Domains whose system mail ends here.", examples=[[]])
    created_at: Moment
    expires_at: Moment
