"""A domain's DNS records and their checks on the wire."""

from typing import Literal, cast

from pydantic import Field

from admin_api.http.models import Id, Moment, Out
from admin_api.rest.schemas.domains import DomainStatus
from store.services.domain_checks import requirements

Purpose = Literal["ownership", "mx", "spf", "dkim", "dmarc", "clients"]
State = Literal["ok", "missing", "wrong", "unknown"]


class DnsRecord(Out):
    """A record that a domain should have, and what was found in its place."""

    purpose: Purpose = Field(description="ownership alone makes a domain active; the others are advice.")
    name: str = Field(examples=["_byname.brand-b.com"])
    type: Literal["TXT", "MX", "SRV"]
    required: str = Field(description="What to publish.", examples=["byname-verify=3f1d9c0e8b7a4a55b0e1c2d3f4a5b6c7"])
    found: list[str] = Field(examples=[["v=spf1 -all"]])
    state: State = Field(description="unknown: it could not be determined, or was not looked for yet.")
    note: str | None = Field(examples=["the quotation marks are part of the value; leave them out"])


class DnsRequirements(Out):
    """The records that a domain should have, as the last check found them."""

    domain_id: Id
    name: str = Field(description="In A-labels.", examples=["brand-b.com"])
    unicode_name: str = Field(examples=["brand-b.com"])
    status: DomainStatus
    records: list[DnsRecord]
    checked_at: Moment | None = Field(description="null: not checked yet.")
    warnings: list[str] = Field(
        examples=[["the proof has lapsed: no new names until its record is back; mail still arrives"]]
    )

    @classmethod
    def with_records(cls, found: requirements.DnsRequirements) -> "DnsRequirements":
        """Return what the service found as it goes over the wire."""
        domain = found.domain
        return cls(
            domain_id=domain.id,
            name=domain.name,
            unicode_name=domain.unicode_name,
            status=cast("DomainStatus", domain.status),
            records=[DnsRecord.of(record) for record in found.records],
            checked_at=found.checked_at,
            warnings=list(found.warnings),
        )


class DnsCheck(Out):
    """A check of a domain's records. ``records``, ``event`` and ``code`` come when it is done."""

    id: Id
    domain_id: Id
    domain: str = Field(examples=["brand-b.com"])
    status: Literal["queued", "running", "done"]
    requested_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    records: list[DnsRecord]
    event: Literal["proved", "parked", "warned", "lapsed", "found-again", "restored"] | None = Field(
        description="What it led to. parked: another account has the domain; a person decides."
    )
    code: Literal["domain-taken"] | None = Field(description="Why the domain did not become active.")
