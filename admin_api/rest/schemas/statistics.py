"""Mails to an alias on the wire."""

from datetime import date

from pydantic import Field

from admin_api.http.models import Id, Meta, Moment, Out


class Day(Out):
    """The mails of one day in UTC."""

    day: date = Field(examples=["2026-11-23"])
    accepted: int = Field(examples=[2])
    refused: int = Field(examples=[0])


class Statistics(Out):
    """The mails to an alias, counted once for each message; some seconds late."""

    alias_id: Id
    address: str = Field(examples=["sales@brand-b.com"])
    days: list[Day] = Field(description="Every day that was asked for, the oldest first, the last one today.")
    accepted: int = Field(description="On these days.", examples=[12])
    refused: int = Field(description="On these days; what was told to come again is not counted.", examples=[3])
    refused_by_rule: dict[str, int] = Field(
        description="The same by the rule that refused, as an explanation calls it.", examples=[{"alias-disabled": 3}]
    )
    last_mail_at: Moment | None = Field(description="When mail to it was accepted last, ever.")


class Sender(Out):
    """Who wrote to an alias: a sender of the envelope, which is not always the From that people see."""

    sender: str = Field(examples=["shop@example.com"])
    accepted: int = Field(examples=[2])
    refused: int = Field(examples=[0])
    first_at: Moment
    last_at: Moment


class SendersOfAlias(Out):
    """A page of who wrote, the latest first."""

    data: list[Sender]
    meta: Meta
    remember_senders_days: int = Field(
        description="For how long the account has this remembered; 0: not at all, and the list is empty.", examples=[30]
    )
