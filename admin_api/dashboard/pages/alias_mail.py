"""``/mailboxes/{id}/aliases/{alias_id}/mail``: what came through one alias, day by day, and who wrote."""

from dataclasses import dataclass

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages import alias_list
from admin_api.dashboard.pages.alias_list import HERE, HOME
from admin_api.dashboard.pages.page_number import page_count, page_number
from store.errors import ServiceError
from store.services import account_settings, aliases, mailbox_facts, mailboxes
from store.services.statistics import activity
from store.services.statistics.activity import Day

SPANS = (0, 7, 30, 90, 365)  # days for which senders can be remembered, as the form offers them
_PER_PAGE = 25
_HEIGHT = 60  # of the chart, in units of its own; a day is ten wide
_WIDE, _GAP = 10, 2


@dataclass(frozen=True, slots=True)
class Bar:
    """A day in the chart: a bar of accepted mails, and one of refused ones on top of it."""

    day: Day
    x: int
    width: int
    accepted: float  # heights
    refused: float


def show(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Show the mail of an alias."""
    visit.check_mailbox(mailbox_id)
    number = page_number(visit.request.query_params.get("page", ""))
    try:
        with visit.reading() as tx:
            alias = aliases.get(tx, alias_id, mailbox=mailbox_id)
            found = activity.statistics(tx, alias_id, mailbox=mailbox_id)
            senders = activity.senders(tx, alias_id, mailbox=mailbox_id, page=number, per_page=_PER_PAGE)
            remembered = activity.remembered_days(tx, alias_id)
    except ServiceError as error:
        return alias_list.not_there(visit, mailbox_id, error)
    return visit.page(
        "alias_mail.html",
        alias=alias,
        found=found,
        bars=bars(found.days),
        height=_HEIGHT,
        width=_WIDE * len(found.days),
        senders=senders.items,
        total=senders.total,
        number=number,
        pages=page_count(senders.total, _PER_PAGE),
        remembered=remembered,
        spans=sorted({*SPANS, remembered}),
        done=outcome(visit),
    )


def remember(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Take for how long the whole account has senders remembered."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.administer)
    unit = visit.changing()
    with unit.begin() as tx:
        domain_id = mailboxes.get(tx, mailbox_id).domain_id
        account = mailbox_facts.accounts(tx, {domain_id})[domain_id]
        account_settings.update(tx, account, remember_senders_days=page_number(visit.form.get("days", ""), 0))
    return go_back(visit, unit, f"{alias_list.path(mailbox_id)}/{alias_id}/mail", "remembered")


def bars(days: list[Day]) -> list[Bar]:
    """Return the bars of a chart whose highest one fills it."""
    most = max((day.accepted + day.refused for day in days), default=0) or 1
    unit = _HEIGHT / most
    return [
        Bar(day, at * _WIDE, _WIDE - _GAP, round(day.accepted * unit, 1), round(day.refused * unit, 1))
        for at, day in enumerate(days)
    ]


_MAIL = f"{HERE}/{{alias_id:id}}/mail"
ROUTES = (
    Route("GET", _MAIL, show),
    Route("POST", _MAIL, remember, home=f"{HOME}/{{alias_id}}/mail"),
)
