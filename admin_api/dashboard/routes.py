"""All pages of the dashboard, each module's own table of them put together."""

from fastapi import FastAPI

from admin_api.dashboard.frame.serving import add_routes
from admin_api.dashboard.pages import aliases, mailboxes, passkeys, second_factor, second_step, security, sign_in
from admin_api.site import Dashboard

ROUTES = (
    *sign_in.ROUTES,
    *second_step.ROUTES,
    *security.ROUTES,
    *second_factor.ROUTES,
    *passkeys.ROUTES,
    *mailboxes.ROUTES,
    *aliases.ROUTES,
)


def add_dashboard(app: FastAPI, started: Dashboard) -> None:
    """Serve the dashboard."""
    add_routes(app, ROUTES, started)
