"""Accounts and tokens' owners on the wire."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from admin_api.http.models import TRIMMED, WHOLE, Body, GivenMoment, Id, Moment, Out, unsent
from store.services.account_settings import MOST_REMEMBERED_DAYS
from store.services.kept_names import MOST_DAYS

Plan = Literal["nano", "starter", "pro", "agency"]
AccountName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    Field(description="Printable characters, no blank first or last.", examples=["acme"]),
    TRIMMED,
]


class Limits(Out):
    """What the plan allows now."""

    aliases_per_mailbox: int = Field(examples=[30])


class AccountUsage(Out):
    """What the account has."""

    domains: int = Field(examples=[2])
    mailboxes: int = Field(examples=[4])
    aliases: int = Field(examples=[17])


class Account(Out):
    """A customer: who owns domains, on which plan."""

    id: Id
    name: str = Field(examples=["acme"])
    plan: Plan
    is_trial: bool = Field(examples=[False])
    is_active: bool = Field(description="False: suspended; mail to it is deferred or refused.", examples=[True])
    first_payment_at: Moment | None
    limits: Limits
    usage: AccountUsage
    random_alias_domain_id: Id | None = Field(
        description="Where password managers get their aliases; null: at each mailbox's own domain."
    )
    remember_senders_days: int = Field(
        description="For how long it is remembered who wrote to the aliases; 0: not at all.", examples=[0]
    )
    keep_deleted_days: int = Field(
        description="For how long deleted names are kept from other mailboxes; 0: they are free at once.", examples=[0]
    )


class OwnAccountChange(Body):
    """What an account decides for itself; what is left out stays."""

    random_alias_domain_id: Id | None = unsent(description="A domain of the account; null: each mailbox's own.")
    remember_senders_days: Annotated[int, WHOLE] = unsent(
        ge=0, le=MOST_REMEMBERED_DAYS, description="0: not at all, and what is known is forgotten.", examples=[30]
    )
    keep_deleted_days: Annotated[int, Field(ge=0, le=MOST_DAYS), WHOLE] = unsent(
        description="For how many days deleted names are kept from other mailboxes; 0: they are free at once."
    )


class NewAccount(Body):
    """An account to be opened."""

    name: AccountName
    plan: Plan
    is_trial: bool = False
    is_active: bool = True
    first_payment_at: GivenMoment | None = None


class AccountChange(Body):
    """What to change of an account; what is left out stays."""

    name: AccountName = unsent()
    plan: Plan = unsent()
    is_trial: bool = unsent()
    is_active: bool = unsent()
    first_payment_at: GivenMoment | None = unsent()
