"""What a domain should publish in DNS, what the last check found of it, and what its owner should know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from store.dns.proof import WITNESSES
from store.dns.records import CheckedRecord, Expected, not_checked, requirements
from store.services import lookup
from store.services.domain_checks.checks import as_view
from store.services.domain_checks.lookalikes import lookalikes
from store.services.domains import view
from store.services.lookup import Ref
from store.services.views import Domain
from store.sql.tables import DONE, DnsCheckRow, DomainProofRow
from store.sql.tenant import Transaction


@dataclass(frozen=True, slots=True)
class DnsRequirements:
    """The records that a domain should have, with what the last check found, and what its owner should know."""

    domain: Domain
    records: tuple[CheckedRecord, ...]
    checked_at: datetime | None
    warnings: tuple[str, ...]


def required(tx: Transaction, ref: Ref, expected: Expected, nameservers: int) -> DnsRequirements:
    """Return what a domain should publish, and what the last check found.

    Args:
        ref: id or name of the domain.
        expected: what this service expects of its domains.
        nameservers: how many of them are asked.

    Raises:
        ServiceError: ``not-found``.
    """
    domain = view(tx, lookup.domain_ids(tx, ref)[0])
    known = _known(tx, [domain], expected)[domain.id]
    return DnsRequirements(domain, known.records, known.checked_at, warnings(domain, nameservers))


def known(tx: Transaction, domains: Sequence[Domain], expected: Expected) -> dict[int, tuple[CheckedRecord, ...]]:
    """Return the records of several domains, by id, as :func:`required` does those of one."""
    return {domain_id: found.records for domain_id, found in _known(tx, domains, expected).items()}


@dataclass(frozen=True, slots=True)
class _Known:
    records: tuple[CheckedRecord, ...]
    checked_at: datetime | None


def _known(tx: Transaction, domains: Sequence[Domain], expected: Expected) -> dict[int, _Known]:
    ids = [domain.id for domain in domains]
    last = select(func.max(DnsCheckRow.id)).where(DnsCheckRow.domain_id.in_(ids), DnsCheckRow.status == DONE)
    newest = tx.scalars(last.group_by(DnsCheckRow.domain_id)).all()
    done = {row.domain_id: row for row in tx.scalars(select(DnsCheckRow).where(DnsCheckRow.id.in_(newest)))}
    tokens = {
        row[0]: row[1]
        for row in tx.execute(
            select(DomainProofRow.domain_id, DomainProofRow.token).where(DomainProofRow.domain_id.in_(ids))
        )
    }
    return {domain.id: _of(domain, tokens[domain.id], done.get(domain.id), expected) for domain in domains}


def _of(domain: Domain, token: str, check: DnsCheckRow | None, expected: Expected) -> _Known:
    found = () if check is None else as_view(check, domain.name).records
    seen = {(record.purpose, record.name, record.required): record for record in found}
    wanted = requirements(domain.name, token, expected)
    records = tuple(seen.get((one.purpose, one.name, one.required), not_checked(one)) for one in wanted)
    return _Known(records, None if check is None else check.finished_at)


def warnings(domain: Domain, nameservers: int) -> tuple[str, ...]:
    """Return what the owner of a domain should know, a sentence each."""
    proof, found = domain.proof, list(lookalikes(domain.name))
    if domain.verified_at is None and proof.parked_at is not None:
        found.append("the proof was seen, but another account has proved this domain: a person must decide")
    if domain.proof_lapsed:
        found.append("the proof has lapsed: no new names until its record is back; mail still arrives")
    elif proof.warned_at is not None and proof.lapses_at is not None:
        by = proof.lapses_at.isoformat(" ", "minutes")
        found.append(f"the proof has been missing since {proof.missing_since:%Y-%m-%d %H:%M}; it lapses after {by}")
    if nameservers < WITNESSES:
        found.append(f"{nameservers or 'no'} nameserver is asked: with fewer than {WITNESSES} a proof never lapses")
    return tuple(found)
