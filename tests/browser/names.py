"""Ids for addresses of pages: those of the world, and of what is made beside it where pages are only looked at."""

from dataclasses import asdict

from routing.filters.model import Action, Condition, Rule
from routing.filters.policy import FilterPolicy
from store.services import account_settings, accounts, admins, aliases, delete_intents, domains, kept_names, tokens
from store.services.filters import rules
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, OPERATOR, VIEWER, World
from tests.api.running_api import PREFIXES

RULES = (
    Rule("Sales", "all", (Condition("delivered_to", "is", "sales@brand-b.test"),), (Action("move", "Sales"),)),
    Rule("Large", "any", (Condition("size", "over", "5M"),), (Action("flag"), Action("copy", "Large")), stop=True),
)


def names(database: Database, world: World) -> dict[str, int]:
    """Make what the world lacks; return all ids by name."""
    with database.write() as tx:
        account = accounts.get(tx, domains.get(tx, world.brand_a).account).id
        people = {admin.address: admin.id for admin in admins.list_all(tx)}
        ours = tokens.create(tx, name="Nightly export", kind="account", prefixes=PREFIXES, account=account)
        operators = tokens.create(tx, name="Monitoring", kind="operator", prefixes=PREFIXES)
        intent = delete_intents.create(tx, world.mary).id
        account_settings.update(tx, account, keep_deleted_days=30)
        aliases.remove(tx, aliases.add(tx, "newsletter@brand-b.test", world.john).id)
        kept = kept_names.list_all(tx)[0].id
        rule = [rules.add(tx, world.john, one, FilterPolicy()).id for one in RULES][0]  # noqa: RUF015 - both are made
    return asdict(world) | {
        "account": account,
        "admin": people[ADMIN],
        "viewer": people[VIEWER],
        "operator": people[OPERATOR],
        "token": ours.token.id,
        "operators_token": operators.token.id,
        "intent": intent,
        "rule": rule,
        "kept": kept,
    }
