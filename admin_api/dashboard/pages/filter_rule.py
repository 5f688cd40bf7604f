"""``/mailboxes/{id}/filters/{rule}``: one rule, to be changed or deleted."""

from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages import filters
from admin_api.dashboard.pages.filter_form import filled, rule_of
from admin_api.dashboard.words.filters import FIELDS, OPERATORS
from routing.filters.model import Rule
from store.errors import ServiceError
from store.services import mailboxes
from store.services.filters import rules


def show(visit: Visit, mailbox_id: int, rule_id: int) -> Response:
    """Show the form with the rule in it."""
    return _page(visit, mailbox_id, rule_id)


def change(visit: Visit, mailbox_id: int, rule_id: int) -> Response:
    """Save the rule as it was typed, or delete it."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    if visit.form.get("action") == "delete":
        return _delete(visit, mailbox_id, rule_id)
    typed, unit = rule_of(visit.form), visit.changing()
    try:
        with unit.begin() as tx:
            rules.update(
                tx,
                mailbox_id,
                rule_id,
                visit.site.filters,
                name=typed.name,
                match_type=typed.match_type,
                conditions=typed.conditions,
                actions=typed.actions,
                stop=typed.stop,
            )
    except ServiceError as error:
        if error.code == "not-found":
            raise
        return _page(visit, mailbox_id, rule_id, typed, error)
    return filters.back(visit, unit, mailbox_id, "changed", rule_id)


def _delete(visit: Visit, mailbox_id: int, rule_id: int) -> Response:
    unit = visit.changing()
    with unit.begin() as tx:
        rules.remove(tx, mailbox_id, rule_id)
    return filters.back(visit, unit, mailbox_id, "deleted", rule_id)


def _page(
    visit: Visit, mailbox_id: int, rule_id: int, typed: Rule | None = None, error: ServiceError | None = None
) -> Response:
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    with visit.reading() as tx:
        mailbox = mailboxes.get(tx, mailbox_id)
        found = rules.get(tx, mailbox_id, rule_id)
    return visit.page(
        "filter_rule.html",
        HTTPStatus.OK if error is None else error.status,
        mailbox=mailbox,
        rule=found,
        form=filled(typed or found.rule),
        fields=FIELDS,
        operators=OPERATORS,
        error=error,
    )


_HERE = f"{filters.HERE}/{{rule_id:id}}"
ROUTES = (
    Route("GET", _HERE, show),
    Route("POST", _HERE, change, home=f"{filters.HOME}/{{rule_id}}"),
)
