"""The lines of a Postfix virtual(5) file that send all of a domain to one mailbox."""

from collections.abc import Iterable

from store.errors import ServiceError
from store.services import domain_settings, lookup
from store.services.domains import view
from store.services.names import known_address
from store.sql.tenant import Transaction
from store.transfer.lines import CatchAllLine
from store.transfer.report import LineResult, Status


def apply(tx: Transaction, lines: Iterable[CatchAllLine]) -> dict[int, LineResult]:
    """Make each the catch-all of its domain, in a savepoint of its own, and return what became of each line."""
    return {line.number: _result(tx, line) for line in lines}


def _result(tx: Transaction, line: CatchAllLine) -> LineResult:
    address = f"@{line.domain}"
    try:
        with tx.begin_nested():
            return LineResult(line.number, _set(tx, line), address)
    except ServiceError as refusal:
        return LineResult(line.number, "failed", address, refusal.code, refusal.message)


def _set(tx: Transaction, line: CatchAllLine) -> Status:
    there = view(tx, lookup.domain(tx, line.domain).id).catch_all
    if there.enabled and there.destination == str(known_address(line.mailbox, "destination")):
        return "unchanged"
    domain_settings.update(tx, line.domain, catch_all=line.mailbox)
    return "updated"
