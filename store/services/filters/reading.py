"""A mailbox's rules as values of the core."""

import json

from sqlalchemy import select

from routing.filters.model import Rule, actions_of, conditions_of
from store.sql.tables import FilterRuleRow
from store.sql.tenant import Transaction


def rules_of(tx: Transaction, mailbox_id: int) -> tuple[Rule, ...]:
    """Return the rules of a mailbox in their order, those that are switched off too."""
    query = select(FilterRuleRow).where(FilterRuleRow.mailbox_id == mailbox_id)
    return tuple(map(rule_of, tx.scalars(query.order_by(FilterRuleRow.position, FilterRuleRow.id))))


def rule_of(row: FilterRuleRow) -> Rule:
    """Return the rule of a row."""
    conditions, actions = conditions_of(json.loads(row.conditions)), actions_of(json.loads(row.actions))
    return Rule(row.name, row.match_type, conditions, actions, stop=row.stop, enabled=row.enabled)  # type: ignore[arg-type]
