"""``/mailboxes/{id}/filters``: the rules of a mailbox, their order, and how far their script has come."""

import re
from collections.abc import Callable
from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.rendering import readable
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.mail_programs.sieve import folders
from admin_api.dashboard.pages.filter_form import filled, rule_of
from admin_api.dashboard.words.filters import FIELDS, OPERATORS, STATES, action_words, condition_words
from routing.filters.model import Action, Condition, Rule
from store.errors import ServiceError
from store.services import aliases, mailboxes
from store.services.filters import rules, scripts
from store.sql.database import Transaction
from store.unit_of_work.unit import UnitOfWork

_ROW = re.compile(r"(enable|disable|place-[1-9][0-9]{0,4}) ([1-9][0-9]{0,18})")
HERE = "/mailboxes/{mailbox_id:id}/filters"
HOME = "/mailboxes/{mailbox_id}/filters"


def path(mailbox_id: int) -> str:
    """Return where the tab of a mailbox is."""
    return HOME.format(mailbox_id=mailbox_id)


def back(visit: Visit, unit: UnitOfWork, mailbox_id: int, what: str, identity: int) -> Response:
    """Send the browser to the tab after a change, which is brought to the mail server soon."""
    visit.site.wake_filters()
    return go_back(visit, unit, path(mailbox_id), what, identity)


def show(visit: Visit, mailbox_id: int) -> Response:
    """Show the rules."""
    return _page(visit, mailbox_id)


def change(visit: Visit, mailbox_id: int) -> Response:
    """Do what one of the page's forms asks."""
    visit.check_mailbox(mailbox_id)
    row = _ROW.fullmatch(visit.form.get("row", ""))
    if row is not None:
        return _press(visit, mailbox_id, row[1], int(row[2]))
    action = visit.form.get("action", "")
    if action in _DECISIONS:
        return _decide(visit, mailbox_id, action)
    return _add(visit, mailbox_id)


def sort(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Make the rule that files the mail of an alias into a folder named for it."""
    visit.require(visit.rights.manage)
    unit = visit.changing()
    with unit.begin() as tx:
        alias = aliases.get(tx, alias_id, mailbox=mailbox_id)
        addresses = [one.address for one in aliases.list_all(tx, mailbox=mailbox_id)]
        rule = Rule(
            readable(alias.address)[:100],
            "all",
            (Condition("delivered_to", "is", alias.address),),
            (Action("move", folders(addresses)[alias.address]),),
        )
        made = _existing(tx, mailbox_id, rule) or rules.add(tx, mailbox_id, rule, visit.site.filters).id
    return back(visit, unit, mailbox_id, "made", made)


def _existing(tx: Transaction, mailbox_id: int, rule: Rule) -> int | None:
    """Return the rule that does the same already: the button was pressed twice."""
    return next((one.id for one in rules.list_all(tx, mailbox_id) if one.rule == rule), None)


def _press(visit: Visit, mailbox_id: int, action: str, rule_id: int) -> Response:
    visit.require(visit.rights.toggle)
    unit = visit.changing()
    with unit.begin() as tx:
        if action.startswith("place-"):
            _place(tx, mailbox_id, rule_id, int(action.removeprefix("place-")))
        else:
            rules.update(tx, mailbox_id, rule_id, visit.site.filters, enabled=action == "enable")
    return back(visit, unit, mailbox_id, "changed", rule_id)


def _place(tx: Transaction, mailbox_id: int, rule_id: int, place: int) -> None:
    mine = rules.get(tx, mailbox_id, rule_id).id
    others = [one.id for one in rules.list_all(tx, mailbox_id) if one.id != mine]
    rules.reorder(tx, mailbox_id, [*others[: place - 1], mine, *others[place - 1 :]])


def _decide(visit: Visit, mailbox_id: int, action: str) -> Response:
    visit.require(visit.rights.manage)
    unit = visit.changing()
    with unit.begin() as tx:
        _DECISIONS[action](tx, mailbox_id, visit.site.filters)
    return back(visit, unit, mailbox_id, "decided", mailbox_id)


def _add(visit: Visit, mailbox_id: int) -> Response:
    visit.require(visit.rights.manage)
    rule, unit = rule_of(visit.form), visit.changing()
    try:
        with unit.begin() as tx:
            made = rules.add(tx, mailbox_id, rule, visit.site.filters)
    except ServiceError as error:
        if error.code == "not-found":
            raise
        return _page(visit, mailbox_id, rule, error)
    return back(visit, unit, mailbox_id, "made", made.id)


def _page(visit: Visit, mailbox_id: int, typed: Rule | None = None, error: ServiceError | None = None) -> Response:
    visit.check_mailbox(mailbox_id)
    with visit.reading() as tx:
        mailbox = mailboxes.get(tx, mailbox_id)
        found = rules.list_all(tx, mailbox_id)
        script = scripts.state(tx, mailbox_id, visit.site.filters)
    word, is_good = STATES[script.state]
    return visit.page(
        "filters.html",
        HTTPStatus.OK if error is None else error.status,
        mailbox=mailbox,
        rules=found,
        script=script,
        state=word,
        is_good=is_good,
        installs=visit.site.filters.installs,
        most=visit.site.filters.max_rules,
        form=filled(typed),
        fields=FIELDS,
        operators=OPERATORS,
        condition_words=condition_words,
        action_words=action_words,
        is_open=error is not None or not found,
        error=error,
        done=None if error else outcome(visit),
    )


_DECISIONS: dict[str, Callable[..., object]] = {"take-over": scripts.take_over, "give-back": scripts.give_back}
ROUTES = (
    Route("GET", HERE, show),
    Route("POST", HERE, change, home=HOME),
)
