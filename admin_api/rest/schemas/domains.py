"""Domains on the wire."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from admin_api.http.models import Body, Id, Moment, Out, unsent

DomainStatus = Literal["pending_dns", "active", "suspended"]


class CatchAll(Out):
    """Where mail for unknown names of a domain goes; the destination stays known while it is off."""

    enabled: bool = Field(examples=[True])
    destination: str | None = Field(examples=["john@brand-a.com"])


class Domain(Out):
    """A domain of an account."""

    id: Id
    name: str = Field(description="In A-labels.", examples=["brand-a.com"])
    unicode_name: str = Field(examples=["brand-a.com"])
    status: DomainStatus = Field(description="suspended: switched off.")
    is_active: bool = Field(examples=[True])
    verified_at: Moment | None
    proof_lapsed: bool = Field(description="True: no new names until its DNS is right again.", examples=[False])
    catch_all: CatchAll
    system_mailbox_id: Id | None = Field(description="The mailbox for postmaster, abuse and the like.")
    created_at: Moment


class NewDomain(Body):
    """A domain to be added. It is pending until DNS proves it."""

    name: Annotated[
        str, StringConstraints(max_length=1000), Field(description="In Unicode or A-labels.", examples=["brand-b.com"])
    ]


class DomainChange(Body):
    """What to change of a domain; what is left out stays."""

    is_active: bool = unsent()
    system_mailbox_id: Id | None = unsent(description="null: the oldest active mailbox of the domain serves.")


class CatchAllChange(Body):
    """What to change of a catch-all; what is left out stays. A destination alone switches nothing on."""

    enabled: bool = unsent()
    destination: Annotated[str, StringConstraints(max_length=1000), Field(examples=["john@brand-a.com"])] | None = (
        unsent(description="The address of a mailbox of the same account; null only while the catch-all is off.")
    )
