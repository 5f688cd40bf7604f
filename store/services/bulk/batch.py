"""Many changes of aliases in one transaction: facts, decisions, writes."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

from store.errors import ServiceError
from store.services.bulk.facts import Wanted, find
from store.services.bulk.plan import Plan
from store.services.bulk.writes import write
from store.sql.tenant import Transaction

Outcome = TypeVar("Outcome")

_TRIES = 5  # each is lost only to somebody who took one of the names within milliseconds


def settle(
    tx: Transaction,
    wanted: Wanted,
    decide: Callable[[Plan], Outcome],
    *,
    system_names: frozenset[str],
    keep: bool = True,
    allow_past: bool = False,
) -> Outcome:
    """Find what a batch names, let ``decide`` plan its changes, write them, and return what ``decide`` returned.

    When somebody took a name between finding and writing, all is decided anew over what is there then; so ``decide``
    must not have effects of its own. What it raises is raised, with nothing written.

    Args:
        wanted: everything that ``decide`` will ask the plan for.
        keep: False for a dry run: nothing is written.
        allow_past: what is made may have expired.

    Raises:
        ServiceError: ``conflict`` when that happened again and again.
    """
    for _ in range(_TRIES):
        plan = Plan(find(tx, wanted), system_names, allow_past)
        outcome = decide(plan)
        if not keep:
            return outcome
        try:
            with tx.begin_nested():
                write(tx, plan)
        except IntegrityError:
            tx.expire_all()
            continue
        return outcome
    raise ServiceError("conflict", "others took names at the same time again and again; try once more")
