"""All routers, in the order of the description, and their routes as operations that other doors ask for."""

from fastapi import APIRouter

from admin_api.http.guard import GuardedRoute
from admin_api.http.operations import Operation, operations
from admin_api.rest.routes import (
    accounts,
    aliases,
    audit,
    bulk,
    deletions,
    dns,
    domains,
    explain,
    kept_names,
    mailboxes,
    messages,
    rules,
    self,
    setup,
    statistics,
    tokens,
    transfer,
)

PREFIX = "/api/v1"
ROUTERS: tuple[APIRouter, ...] = (
    self.router,
    accounts.router,
    domains.router,
    dns.router,
    mailboxes.router,
    setup.router,
    deletions.router,
    aliases.router,
    statistics.router,
    kept_names.router,
    rules.router,
    bulk.router,
    transfer.router,
    messages.router,
    explain.router,
    audit.router,
    tokens.router,
)


def guarded() -> list[GuardedRoute]:
    """Return every route with a rule."""
    return [route for router in ROUTERS for route in router.routes if isinstance(route, GuardedRoute)]


def operations_by_name() -> dict[str, Operation]:
    """Return every route with a rule as an operation, by its name."""
    return operations(guarded(), PREFIX)
