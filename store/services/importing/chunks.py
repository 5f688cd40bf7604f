"""Import of aliases in chunks: 500 lines in a transaction, each line for itself.

A line that is refused leaves no trace and does not hold up the others. What a line wants and is there already is
``unchanged``, so that a file may be brought in again and again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from routing.policy import SYSTEM_ADDRESSES
from store.batches import batches
from store.errors import ServiceError
from store.services.bulk.batch import settle
from store.services.bulk.facts import Wanted
from store.services.bulk.plan import Entry, Plan
from store.services.importing import catch_alls, progress
from store.services.importing.dry_run import DryRunState
from store.services.names import domain_name, known_address, split_new_address
from store.sql.database import Database
from store.sql.outbox import version_of
from store.sql.tenant import OPERATOR, Acting, Transaction
from store.transfer.lines import AliasLine, CatchAllLine, DomainLine, Line, MailboxLine, Malformed
from store.transfer.report import LineResult, Status

CHUNK = 500  # lines in a transaction
_SHOWN = 320  # characters of an address in a result


@dataclass(frozen=True, slots=True)
class Import:
    """How lines are to be brought in.

    Attributes:
        acting: who does it, and in which account; without one the domains decide.
        dry_run: check everything, keep nothing.
        key: the request's idempotency key, under which each transaction notes how far it came; not in a dry run.
        note: called last in each transaction with what its lines did; what it raises rolls them back. Not in a dry run.
    """

    database: Database
    acting: Acting = OPERATOR
    system_names: frozenset[str] = SYSTEM_ADDRESSES
    dry_run: bool = False
    key: progress.Key | None = None
    note: Callable[[Transaction, Sequence[LineResult]], None] | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """What became of some lines, now that it is committed; ``version`` as of store.sql.outbox."""

    results: list[LineResult]
    version: int | None


class _NothingKept(Exception):
    """Rolls a dry run back."""


def run(how: Import, lines: Iterable[Line]) -> Iterator[Chunk]:
    """Bring in ``lines``, chunk by chunk, as the caller asks for the next one. Under a key: those not done yet.

    Killed or stopped at any moment, it leaves whole chunks, each with its note under the key.

    Raises:
        ServiceError: ``request-in-progress`` when another process goes on under the same key.
        StoreUnavailable: nothing of this chunk was written.
    """
    carry = DryRunState()
    for some in batches(lines, CHUNK):
        yield _dry_chunk(how, some, carry) if how.dry_run else _chunk(how, some)


def _chunk(how: Import, lines: Sequence[Line]) -> Chunk:
    with how.database.write(how.acting) as tx:
        if how.key is not None:
            progress.advance(tx, how.key, len(lines))
        results = _apply(tx, how, lines, None)
        if how.key is not None:
            progress.note(tx, how.key, results)
        if how.note is not None:
            how.note(tx, results)
    if how.key is not None:
        how.key.count(results)
    return Chunk(results, version_of(tx))


def _dry_chunk(how: Import, lines: Sequence[Line], carry: DryRunState) -> Chunk:
    results: list[LineResult] = []
    try:
        with how.database.write(how.acting) as tx:
            results = _apply(tx, how, lines, carry)
            raise _NothingKept  # noqa: TRY301 - what rolls back
    except _NothingKept:
        return Chunk(results, None)


def _apply(tx: Transaction, how: Import, lines: Sequence[Line], carry: DryRunState | None) -> list[LineResult]:
    caught = catch_alls.apply(tx, [line for line in lines if isinstance(line, CatchAllLine)])

    def decide(plan: Plan) -> list[LineResult]:
        if carry is not None:
            carry.bring(plan)
        results = [caught.get(line.number) or _decided(plan, line) for line in lines]
        if carry is not None:
            carry.take(plan)
        return results

    return settle(tx, _wanted(lines), decide, system_names=how.system_names, keep=carry is None, allow_past=True)


def _decided(plan: Plan, line: Line) -> LineResult:
    if isinstance(line, Malformed):
        shown = None if line.address is None else line.address[:_SHOWN]
        return LineResult(line.number, "failed", shown, line.code, line.message)
    subject = (line.address if isinstance(line, AliasLine | MailboxLine) else line.domain)[:_SHOWN]
    try:
        return LineResult(line.number, _one(plan, line), subject)
    except ServiceError as refusal:
        return LineResult(line.number, "failed", subject, refusal.code, refusal.message)


def _one(plan: Plan, line: AliasLine | CatchAllLine | DomainLine | MailboxLine) -> Status:
    if isinstance(line, AliasLine):
        return _status(plan.put(line.mailbox, line.address, line.given))
    if isinstance(line, MailboxLine):
        plan.mailbox(line.address)
        return "unchanged"
    canonical = domain_name(line.domain)
    if all(row.name != canonical or row.verified_at is None for row in plan.facts.domains.values()):
        raise ServiceError("domain-not-yours", f"{canonical} is not a domain of this account", field="domain_id")
    return "unchanged"


def _status(entry: Entry) -> Status:
    if entry.before is None:
        return "created"
    return "updated" if entry.is_change else "unchanged"


def _wanted(lines: Sequence[Line]) -> Wanted:
    wanted = Wanted()
    for line in lines:
        try:
            if isinstance(line, DomainLine):
                wanted.domain_names.add(domain_name(line.domain))
            elif isinstance(line, MailboxLine):
                wanted.mailboxes.add(known_address(line.address))
            elif isinstance(line, AliasLine):
                wanted.mailboxes.add(known_address(line.mailbox))
                local_part, domain = split_new_address(line.address)
                wanted.names.add((domain, local_part))
        except ServiceError:  # reported when that line is imported
            continue
    return wanted
