"""Up to a thousand changes of aliases in one call: all of them or none, or each for itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from routing.policy import SYSTEM_ADDRESSES
from store.errors import ServiceError
from store.services.bulk.batch import settle
from store.services.bulk.facts import Wanted
from store.services.bulk.plan import Entry, Given, Plan
from store.services.filters.naming import naming_aliases
from store.services.statistics.activity import with_activity
from store.services.views import Alias, Senders
from store.sql.tenant import Transaction

MOST_ITEMS = 1000

Op = Literal["create", "update", "delete"]
Status = Literal["created", "updated", "deleted", "failed", "not-done"]

_DONE: dict[Op, Status] = {"create": "created", "update": "updated", "delete": "deleted"}


@dataclass(frozen=True, slots=True)
class Item:
    """One change. A new alias has ``local_part`` and ``domain_id``, one that is there ``alias_id``."""

    op: Op
    mailbox_id: int
    given: Given  # of can_receive, can_send, is_active, note and senders: those that are to be set
    alias_id: int = 0
    domain_id: int = 0
    local_part: str = ""
    renames: bool = False  # an update that would give the alias another address

    @property
    def senders(self) -> Senders | None:
        """Who may write from then on, None where that stays as it is."""
        wanted = self.given.get("senders")
        return wanted if isinstance(wanted, Senders) else None


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of an item. ``alias`` as it is now; None in a dry run, when it is gone, and when nothing was done.

    ``rules``: ids of the filter rules that name an alias which takes no more mail.
    """

    index: int
    status: Status
    code: str | None = None
    detail: str | None = None
    alias: Alias | None = None
    rules: tuple[int, ...] = ()


Decided = list[Entry | ServiceError]


def apply(
    tx: Transaction,
    items: Sequence[Item],
    *,
    atomic: bool = True,
    dry_run: bool = False,
    system_names: frozenset[str] = SYSTEM_ADDRESSES,
) -> list[ItemResult]:
    """Make the changes in the order given, each seeing what those before it did, and return what became of each.

    One atomic call can so take a name from a mailbox (delete) and give it to another (create). Not atomic: an item that
    a rule refuses is ``failed`` and the others are made. A dry run checks all and keeps nothing.

    Raises:
        ServiceError: ``invalid-request`` for too many items. Atomic: that of the first item that is refused, its
            ``field`` beginning with ``items/<index>``, with the details ``index`` and ``results`` (JSON objects; its
            own ``failed``, all others ``not-done``). Nothing was written.
    """
    if len(items) > MOST_ITEMS:
        raise ServiceError("invalid-request", f"at most {MOST_ITEMS} items in one call", field="items")
    named = naming_aliases(tx, {item.alias_id for item in items if _ends(item)})
    decided = settle(
        tx,
        _wanted(items),
        lambda plan: _decide(plan, items, atomic=atomic),
        system_names=system_names,
        keep=not dry_run,
    )
    results = [
        _result(index, item.op, decided[index], dry_run, tuple(named.get(item.alias_id, ()) if _ends(item) else ()))
        for index, item in enumerate(items)
    ]
    return _with_activity(tx, results)


def _with_activity(tx: Transaction, results: list[ItemResult]) -> list[ItemResult]:
    """Say of aliases that were there before what came through them."""
    known = [one.alias for one in results if one.status == "updated" and one.alias is not None]
    if not known:
        return results
    filled = {alias.id: alias for alias in with_activity(tx, known)}
    return [one if one.alias is None else replace(one, alias=filled.get(one.alias.id, one.alias)) for one in results]


def _ends(item: Item) -> bool:
    """True for an alias that takes no more mail then."""
    switched_off = False in {item.given.get("is_active"), item.given.get("can_receive")}
    return item.op == "delete" or (item.op == "update" and switched_off)


def _wanted(items: Sequence[Item]) -> Wanted:
    new = [item for item in items if item.op == "create"]
    return Wanted(
        mailbox_ids={item.mailbox_id for item in items},
        domain_ids={item.domain_id for item in new},
        names={(item.domain_id, item.local_part) for item in new},
        alias_ids={item.alias_id for item in items if item.op != "create"},
    )


def _decide(plan: Plan, items: Sequence[Item], *, atomic: bool) -> Decided:
    decided: Decided = []
    for index, item in enumerate(items):
        try:
            decided.append(_one(plan, item))
        except ServiceError as refusal:
            if atomic:
                raise _refused_whole(refusal, index, len(items)) from None
            decided.append(refusal)
    return decided


def _one(plan: Plan, item: Item) -> Entry:
    owner = plan.mailbox(item.mailbox_id)
    if item.op == "create":
        return plan.create(owner, plan.domain(owner, item.domain_id), item.local_part, item.given)
    alias = plan.alias(item.alias_id, owner)
    if item.renames:
        message = "the address of an alias cannot be changed; delete it and create another"
        raise ServiceError("alias-not-renamable", message, field="local_part")
    if item.op == "delete":
        return plan.delete(owner, alias)
    return plan.update(owner, alias, item.given)


def _refused_whole(refusal: ServiceError, index: int, count: int) -> ServiceError:
    results: list[dict[str, object]] = [{"index": number, "status": "not-done"} for number in range(count)]
    results[index] = {"index": index, "status": "failed", "code": refusal.code, "detail": refusal.message}
    return ServiceError(
        refusal.code,
        f"item {index}: {refusal.message}",
        field=f"items/{index}/{refusal.field}" if refusal.field else f"items/{index}",
        hint=refusal.hint,
        details={**refusal.details, "index": index, "results": results},
    )


def _result(index: int, op: Op, decided: Entry | ServiceError, dry_run: bool, rules: tuple[int, ...]) -> ItemResult:
    if isinstance(decided, ServiceError):
        return _failed(index, decided)
    return ItemResult(index, _DONE[op], alias=None if dry_run else decided.after, rules=rules)


def _failed(index: int, refusal: ServiceError) -> ItemResult:
    return ItemResult(index, "failed", refusal.code, refusal.message)
