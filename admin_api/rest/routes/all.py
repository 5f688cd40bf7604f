"""All routers, in the order of the description."""

from fastapi import APIRouter

from admin_api.rest.routes import (
    accounts,
    aliases,
    audit,
    bulk,
    deletions,
    dns,
    domains,
    explain,
    mailboxes,
    messages,
    rules,
    self,
    setup,
    tokens,
    transfer,
)

ROUTERS: tuple[APIRouter, ...] = (
    self.router,
    accounts.router,
    domains.router,
    dns.router,
    mailboxes.router,
    setup.router,
    deletions.router,
    aliases.router,
    rules.router,
    bulk.router,
    transfer.router,
    messages.router,
    explain.router,
    audit.router,
    tokens.router,
)
