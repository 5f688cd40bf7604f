"""Rules as rows, and as what the services return."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import cast

from sqlalchemy import select

from routing.filters.model import MatchType, Rule, actions_of, conditions_of
from store.errors import ServiceError
from store.services.filters.views import FilterRule
from store.services.lookup import has_id
from store.sql.tables import FilterRuleRow
from store.sql.tenant import Transaction


def rows_of(tx: Transaction, mailbox_id: int) -> Sequence[FilterRuleRow]:
    """Return the rules of a mailbox in their order."""
    mine = select(FilterRuleRow).where(FilterRuleRow.mailbox_id == mailbox_id)
    return tx.scalars(mine.order_by(FilterRuleRow.position, FilterRuleRow.id)).all()


def row(tx: Transaction, mailbox_id: int, rule_id: int) -> FilterRuleRow:
    """Return a rule of a mailbox. Raises ServiceError ``not-found``."""
    wanted = select(FilterRuleRow).where(has_id(FilterRuleRow.id, rule_id), FilterRuleRow.mailbox_id == mailbox_id)
    found = tx.scalar(wanted)
    if found is None:
        raise ServiceError("not-found", f"there is no rule {rule_id}")
    return found


def fill(row: FilterRuleRow, rule: Rule) -> None:
    """Write a rule into a row."""
    row.name, row.match_type, row.stop, row.enabled = rule.name, rule.match_type, rule.stop, rule.enabled
    row.conditions = json.dumps([asdict(one) for one in rule.conditions])
    row.actions = json.dumps([asdict(one) for one in rule.actions])
    row.forwards = bool(rule.forwards)


def view(row: FilterRuleRow) -> FilterRule:
    """Return what a row holds."""
    return FilterRule(
        id=row.id,
        mailbox_id=row.mailbox_id,
        position=row.position,
        name=row.name,
        match_type=cast("MatchType", row.match_type),
        conditions=conditions_of(json.loads(row.conditions)),
        actions=actions_of(json.loads(row.actions)),
        stop=row.stop,
        enabled=row.enabled,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
