"""The script of a mailbox: written from its rules, its state, and the owner's word whether it is to run at all.

The row of ``filter_scripts`` is the outbox: a change of the rules makes it pending and due in its own transaction, and
the worker that installs scripts finds it there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from sqlalchemy import select

from routing.filters.model import Rule
from routing.filters.policy import FilterPolicy
from routing.filters.script import sieve_script
from store.clock import utc_now
from store.services import audit, lookup
from store.services.filters.forwards import flaw_of_target
from store.services.filters.rows import rows_of, view
from store.services.filters.views import FilterScript, LeftOut, State, WrittenScript
from store.services.lookup import FoundMailbox, Ref
from store.sql.tables import FOREIGN, OFF, PENDING, FilterScriptRow
from store.sql.tenant import Transaction

_NO_SERVER = "no mail server takes scripts here: the operator sets [filters] managesieve"


def write(tx: Transaction, mailbox: Ref, policy: FilterPolicy, *, with_own: bool = True) -> WrittenScript:
    """Return the script of a mailbox as its rules are now, with the owner's own script included at the end.

    Args:
        mailbox: whose.
        policy: of the site.
        with_own: whether the owner's own script is included.

    A forwarding that is no longer allowed, because its target is gone or would lead back, is left out.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    found = lookup.mailbox(tx, mailbox)
    rules, left_out = wanted_rules(tx, found, policy)
    mine = _row(tx, found.mailbox.id)
    own = mine.own_script if mine is not None and with_own else None
    return WrittenScript(sieve_script(rules, policy, own_script=own), left_out)


def wanted_rules(
    tx: Transaction, found: FoundMailbox, policy: FilterPolicy
) -> tuple[tuple[Rule, ...], tuple[LeftOut, ...]]:
    """Return the rules of a mailbox as they are to run, and the forwardings that are left out of them."""
    rules: list[Rule] = []
    left_out: list[LeftOut] = []
    for each in rows_of(tx, found.mailbox.id):
        kept, missing = _allowed(tx, found, view(each).rule, policy)
        rules += [kept] if kept.actions or kept.stop else []
        left_out += missing
    return tuple(rules), tuple(left_out)


def state(tx: Transaction, mailbox: Ref, policy: FilterPolicy) -> FilterScript:
    """Return how far the script of a mailbox has come. Raises ServiceError ``invalid-request``, ``not-found``."""
    return _state(_row(tx, lookup.mailbox(tx, mailbox).mailbox.id), policy)


def changed(tx: Transaction, mailbox_id: int) -> None:
    """Note that the rules of a mailbox have changed: its script is to be installed anew, unless that is not wanted.

    One that was changed behind our back stays as it is until the owner takes it over.
    """
    mine = _row_to_change(tx, mailbox_id)
    mine.wanted_version += 1
    mine.changed_at = utc_now()
    if mine.enabled and mine.state != FOREIGN:
        _due(mine)
    tx.flush()


def take_over(tx: Transaction, mailbox: Ref, policy: FilterPolicy) -> FilterScript:
    """Have the rules run, whatever script is active now: that one is kept, and included after the rules.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    return _decided(tx, mailbox, policy, enabled=True)


def give_back(tx: Transaction, mailbox: Ref, policy: FilterPolicy) -> FilterScript:
    """Have the rules run no longer: the owner's own script is made the active one again. The rules are kept.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    return _decided(tx, mailbox, policy, enabled=False)


def _decided(tx: Transaction, mailbox: Ref, policy: FilterPolicy, *, enabled: bool) -> FilterScript:
    found = lookup.mailbox(tx, mailbox, lock=True)
    mine = _row_to_change(tx, found.mailbox.id)
    before = _state(mine, policy)
    mine.enabled = mine.take_over = enabled
    mine.wanted_version += 1
    _due(mine)
    if not enabled and not policy.installs:
        mine.state, mine.due_at = OFF, None
    tx.flush()
    after = _state(mine, policy)
    action = "rules.take-over" if enabled else "rules.give-back"
    audit.note(tx, action, "mailbox", found.mailbox.id, found.text, before, after, account_id=found.account.id)
    return after


def _due(mine: FilterScriptRow) -> None:
    mine.state, mine.code, mine.reason, mine.attempts, mine.due_at = PENDING, None, None, 0, utc_now()


def _row(tx: Transaction, mailbox_id: int) -> FilterScriptRow | None:
    return tx.scalar(select(FilterScriptRow).where(FilterScriptRow.mailbox_id == mailbox_id))


def _row_to_change(tx: Transaction, mailbox_id: int) -> FilterScriptRow:
    """Return the row, locked, made if there is none. The caller has locked the mailbox."""
    wanted = select(FilterScriptRow).where(FilterScriptRow.mailbox_id == mailbox_id).with_for_update()
    found = tx.scalar(wanted.execution_options(populate_existing=True))
    if found is None:
        found = FilterScriptRow(mailbox_id=mailbox_id, wanted_version=0)
        tx.add(found)
        tx.flush()
    return found


def _state(mine: FilterScriptRow | None, policy: FilterPolicy) -> FilterScript:
    if mine is None:
        return FilterScript("off", None, "there is no rule yet", 0, 0, None, 0, None, None, None)
    shown = FilterScript(
        state=cast("State", mine.state),
        code=mine.code,
        reason=mine.reason,
        wanted_version=mine.wanted_version,
        installed_version=mine.installed_version,
        own_script=mine.own_script,
        attempts=mine.attempts,
        next_try_at=mine.due_at,
        changed_at=mine.changed_at,
        installed_at=mine.installed_at,
    )
    return shown if policy.installs else replace(shown, state="off", code=None, reason=_NO_SERVER, next_try_at=None)


def _allowed(tx: Transaction, found: FoundMailbox, rule: Rule, policy: FilterPolicy) -> tuple[Rule, Sequence[LeftOut]]:
    """Return a rule with the forwardings that are allowed now, and the others."""
    flaws = {target: flaw_of_target(tx, found, target, policy) for target in rule.forwards} if rule.enabled else {}
    missing = [LeftOut(rule.name, target, flaw) for target, flaw in flaws.items() if flaw is not None]
    if not missing:
        return rule, ()
    gone = {one.address for one in missing}
    # "discard" goes with them: mail that is forwarded nowhere must not be thrown away.
    kept = tuple(
        one for one in rule.actions if not (one.type == "forward" and one.value in gone) and one.type != "discard"
    )
    return replace(rule, actions=kept), missing
