"""``/account``: what an account has, what its plan allows, and how full its mailboxes are."""

from starlette.responses import Response

from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.desk import desk
from store.services import accounts, usage
from store.services.plans import PLANS, TRIAL_LIMIT, next_plan


def show(visit: Visit) -> Response:
    """Show the account of whoever is signed in."""
    at = desk(visit)
    assert at.account is not None  # noqa: S101 - said to the type checker
    with visit.reading() as tx:
        account = accounts.get(tx, at.account.id)
        fullest = usage.fullest(tx, account.id)
    return visit.page(
        "account.html",
        desk=at,
        account=account,
        fullest=fullest,
        plans=PLANS,
        trial_limit=TRIAL_LIMIT,
        lifts=next_plan(PLANS[account.plan]),
        suspended=visit.site.explaining.policy.suspended,
        upgrade_url=visit.options.upgrade_url,
    )


ROUTES = (Route("GET", "/account", show, "customers"),)
