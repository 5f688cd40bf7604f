"""Ids for addresses of pages: those of the world, and of what is made beside it where pages are only looked at."""

from dataclasses import asdict

from store.services import accounts, admins, delete_intents, domains, tokens
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, OPERATOR, VIEWER, World
from tests.api.running_api import PREFIXES


def names(database: Database, world: World) -> dict[str, int]:
    """Make what the world lacks; return all ids by name."""
    with database.write() as tx:
        account = accounts.get(tx, domains.get(tx, world.brand_a).account).id
        people = {admin.address: admin.id for admin in admins.list_all(tx)}
        ours = tokens.create(tx, name="Nightly export", kind="account", prefixes=PREFIXES, account=account)
        operators = tokens.create(tx, name="Monitoring", kind="operator", prefixes=PREFIXES)
        intent = delete_intents.create(tx, world.mary).id
    return asdict(world) | {
        "account": account,
        "admin": people[ADMIN],
        "viewer": people[VIEWER],
        "operator": people[OPERATOR],
        "token": ours.token.id,
        "operators_token": operators.token.id,
        "intent": intent,
    }
