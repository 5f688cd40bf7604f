"""All pages of the dashboard, each module's own table of them put together."""

from fastapi import FastAPI

from admin_api.dashboard.frame.serving import add_routes
from admin_api.dashboard.pages import (
    aliases,
    connection,
    mailbox_deletion,
    mailbox_general,
    mailboxes,
    profile,
    sign_in,
)
from admin_api.site import Dashboard

ROUTES = (
    *sign_in.ROUTES,
    *mailboxes.ROUTES,
    *aliases.ROUTES,
    *connection.ROUTES,
    *profile.ROUTES,
    *mailbox_general.ROUTES,
    *mailbox_deletion.ROUTES,
)


def add_dashboard(app: FastAPI, started: Dashboard) -> None:
    """Serve the dashboard."""
    add_routes(app, ROUTES, started)
