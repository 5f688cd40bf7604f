"""All pages of the dashboard, each module's own table of them put together."""

from fastapi import FastAPI

from admin_api.dashboard.frame.serving import add_routes
from admin_api.dashboard.pages import alias_form, alias_rows, aliases, bulk, mailboxes, sign_in
from admin_api.site import Dashboard

ROUTES = (
    *sign_in.ROUTES,
    *mailboxes.ROUTES,
    *alias_form.ROUTES,
    *alias_rows.ROUTES,
    *aliases.ROUTES,
    *bulk.ROUTES,
)


def add_dashboard(app: FastAPI, started: Dashboard) -> None:
    """Serve the dashboard."""
    add_routes(app, ROUTES, started)
