"""All pages of the dashboard, each module's own table of them put together."""

from fastapi import FastAPI

from admin_api.dashboard.frame.serving import add_for_sessions, add_routes
from admin_api.dashboard.pages import (
    account,
    alias_end,
    alias_form,
    alias_mail,
    alias_rows,
    alias_senders,
    aliases,
    audit,
    bulk,
    connection,
    domain,
    domains,
    explain,
    filter_rule,
    filters,
    kept_names,
    mailbox_deletion,
    mailbox_general,
    mailboxes,
    operator,
    operator_account,
    passkeys,
    password_manager,
    people,
    profile,
    second_factor,
    second_step,
    security,
    sign_in,
    tokens,
)
from admin_api.site import Dashboard

ROUTES = (
    *sign_in.ROUTES,
    *second_step.ROUTES,
    *security.ROUTES,
    *second_factor.ROUTES,
    *passkeys.ROUTES,
    *mailboxes.ROUTES,
    *alias_end.ROUTES,
    *alias_form.ROUTES,
    *alias_rows.ROUTES,
    *alias_mail.ROUTES,
    *alias_senders.ROUTES,
    *aliases.ROUTES,
    *filters.ROUTES,
    *filter_rule.ROUTES,
    *connection.ROUTES,
    *password_manager.ROUTES,
    *profile.ROUTES,
    *mailbox_general.ROUTES,
    *mailbox_deletion.ROUTES,
    *domains.ROUTES,
    *domain.ROUTES,
    *explain.ROUTES,
    *audit.ROUTES,
    *account.ROUTES,
    *people.ROUTES,
    *tokens.ROUTES,
    *kept_names.ROUTES,
    *operator.ROUTES,
    *operator_account.ROUTES,
    *bulk.ROUTES,
)


def add_profile(app: FastAPI, prefix: str, started: Dashboard) -> None:
    """Serve the profile of a mailbox at its path below the API's ``prefix`` too, to who is signed in here."""
    (route,) = profile.ROUTES
    add_for_sessions(app, prefix + route.path, route, started)


def add_dashboard(app: FastAPI, started: Dashboard) -> None:
    """Serve the dashboard."""
    add_routes(app, ROUTES, started)
