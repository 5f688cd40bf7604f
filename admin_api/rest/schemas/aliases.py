"""Aliases on the wire."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from admin_api.http.models import PRINTED, WHOLE, Body, GivenMoment, Id, LocalPart, Moment, Out, unsent
from routing.allowed_senders import MOST_ENTRIES
from store.errors import ServiceError
from store.services import views
from store.services.expiry import MOST_DAYS, MOST_MAILS

Note = Annotated[
    str,
    StringConstraints(max_length=500),
    Field(description="Printable.", examples=["for the shop"]),
    PRINTED,
]
Mode = Literal["everyone", "listed", "except"]
Entries = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=400)]],
    Field(
        max_length=MOST_ENTRIES,
        description="Addresses, domains, and .domain for all names below one.",
        examples=[["ann@work.example", "shop.example", ".shop.example"]],
    ),
]
Mails = Annotated[int, Field(ge=1, le=MOST_MAILS, examples=[100]), WHOLE]
IdleDays = Annotated[int, Field(ge=1, le=MOST_DAYS, examples=[90]), WHOLE]
_FIXED = ("address", "local_part", "domain_id", "domain")


class Senders(Out):
    """From whom an alias takes mail, by envelope and by header."""

    mode: Mode = Field(description="listed: only these; except: everyone but these.", examples=["except"])
    entries: Entries
    require_authenticated: bool = Field(description="Only mail whose From passed DMARC.", examples=[False])


class NewSenders(Body):
    """From whom an alias is to take mail."""

    mode: Mode
    entries: Entries = Field(default_factory=list)
    require_authenticated: bool = False

    def value(self) -> views.Senders:
        """Return it as the service takes it."""
        return views.Senders(self.mode, tuple(self.entries), self.require_authenticated)


def everyones() -> Any:
    """Return the field of an alias's senders for a body: everyone may write, unless it says otherwise."""
    default = NewSenders(mode="everyone")  # of a factory: a default would be copied for each alias
    return Field(default_factory=lambda: default, json_schema_extra={"default": default.model_dump()})


class Blocked(Body):
    """Who is not to write to an alias any more."""

    sender: Annotated[str, StringConstraints(min_length=1, max_length=400)] = Field(
        description="An address, a domain, or .domain for all names below one.", examples=["news@shop.example"]
    )


class Alias(Out):
    """A further name of a mailbox."""

    id: Id
    address: str = Field(examples=["sales@brand-b.com"])
    local_part: str = Field(examples=["sales"])
    domain_id: Id
    domain: str = Field(examples=["brand-b.com"])
    mailbox_id: Id
    can_receive: bool = Field(examples=[True])
    can_send: bool = Field(examples=[False])
    is_active: bool = Field(description="False: disabled; it stays reserved.", examples=[True])
    note: str | None = Field(examples=["for the shop"])
    created_at: Moment
    updated_at: Moment
    senders: Senders
    expires_at: Moment | None = Field(description="From then on it is off, as a disabled one; null: no such end.")
    expires_after: int | None = Field(description="How many mails it takes in all.", examples=[None])
    expires_when_idle: int | None = Field(description="After so many days without mail it is off.", examples=[None])
    expired: bool = Field(description="True: one of the three has come; it stays reserved.", examples=[False])
    last_mail_at: Moment | None = Field(description="When mail to it was accepted last; some seconds late.")
    mails_30d: int = Field(description="Mails accepted in the last 30 days, today counted.", examples=[12])
    refused_30d: int = Field(description="Mails refused in that time.", examples=[3])


class KeptName(Out):
    """A deleted name that the account keeps from other mailboxes."""

    id: Id
    address: str = Field(examples=["sales@brand-b.com"])
    local_part: str = Field(examples=["sales"])
    domain_id: Id
    domain: str = Field(examples=["brand-b.com"])
    mailbox_id: Id | None = Field(description="May have it again; null: nobody may before it is free.")
    mailbox: str | None = Field(description="Its address.", examples=["john@brand-a.com"])
    deleted_at: Moment
    kept_until: Moment


class Usage(Out):
    """How many aliases a mailbox has, and may have."""

    used: int = Field(examples=[2])
    limit: int = Field(examples=[30])


class AliasesOfMailbox(Out):
    """All aliases of one mailbox; this list has no pages."""

    data: list[Alias]
    primary_address: str = Field(examples=["john@brand-a.com"])
    usage: Usage


class NewAlias(Body):
    """An alias to be made, on any active domain of the account."""

    local_part: LocalPart
    domain_id: Id
    can_receive: bool = True
    can_send: bool = False
    note: Note | None = None
    senders: NewSenders = everyones()
    expires_at: GivenMoment | None = Field(default=None, description="In the future; from then on it is off.")
    expires_after: Mails | None = Field(default=None, description="After so many mails it is off.")
    expires_when_idle: IdleDays | None = Field(default=None, description="After so many days without mail it is off.")


class AliasChange(Body):
    """What to change of an alias; what is left out stays. Its address cannot be changed."""

    can_receive: bool = unsent()
    can_send: bool = unsent()
    is_active: bool = unsent()
    note: Note | None = unsent()
    expires_at: GivenMoment | None = unsent()
    expires_after: Mails | None = unsent()
    expires_when_idle: IdleDays | None = unsent()
    senders: NewSenders = unsent()

    def given(self) -> dict[str, Any]:
        """Return the fields that were sent, to be handed on as arguments."""
        return as_arguments(super().given())

    @model_validator(mode="before")
    @classmethod
    def _refuse_renaming(cls, given: Any) -> Any:
        wanted = next((name for name in _FIXED if isinstance(given, dict) and name in given), None)
        if wanted is not None:
            hint = "delete the alias and make another"
            raise ServiceError(
                "alias-not-renamable", "the address of an alias cannot be changed", field=wanted, hint=hint
            )
        return given


def as_arguments(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a body as the services take them."""
    return {name: _argument(value) for name, value in given.items()}


def _argument(value: Any) -> Any:
    if isinstance(value, NewSenders):
        return value.value()
    return value.astimezone(UTC) if isinstance(value, datetime) else value
