"""``/mailboxes/{id}/delete/{intent}``: what goes with a mailbox, and its deletion by name.

The question is an intent (store.services.delete_intents), made by the button on the General tab. It ends after 15
minutes, and is not answered for aliases that came after it.
"""

from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from routing.domain import unicode_domain
from store.clock import utc_now
from store.errors import ServiceError
from store.services import delete_intents, mailboxes
from store.services.alias_facts import keep_deleted_days
from store.services.delete_intents import DeleteIntent


def ask(visit: Visit, mailbox_id: int, intent_id: int) -> Response:
    """Say what deleting the mailbox does, and ask."""
    visit.require(visit.rights.administer)
    return _page(visit, mailbox_id, intent_id)


def delete(visit: Visit, mailbox_id: int, intent_id: int) -> Response:
    """Delete the mailbox whose address was typed."""
    visit.require(visit.rights.administer)
    typed, unit = visit.form.get("address", ""), visit.changing()
    try:
        with unit.begin() as tx:
            intent = delete_intents.get(tx, intent_id, mailbox_id, utc_now())
            _check_typed(intent, typed)
            delete_intents.confirm(tx, intent_id, utc_now())
    except ServiceError as error:
        return _page(visit, mailbox_id, intent_id, typed, error)
    return go_back(visit, unit, "/mailboxes", "deleted", mailbox_id)


def _page(
    visit: Visit, mailbox_id: int, intent_id: int, typed: str = "", error: ServiceError | None = None
) -> Response:
    with visit.reading() as tx:
        mailbox = mailboxes.get(tx, mailbox_id)
        days = keep_deleted_days(tx, mailbox.domain_id)
        try:
            intent = delete_intents.get(tx, intent_id, mailbox_id, utc_now())
        except ServiceError:
            return visit.page("mailbox_delete.html", HTTPStatus.NOT_FOUND, mailbox=mailbox, intent=None)
    status = HTTPStatus.OK if error is None else error.status
    return visit.page(
        "mailbox_delete.html", status, mailbox=mailbox, intent=intent, typed=typed, error=error, kept_days=days
    )


def _check_typed(intent: DeleteIntent, typed: str) -> None:
    """Refuse unless the mailbox's address was typed, in A-labels or U-labels."""
    local, _, domain = intent.mailbox.address.rpartition("@")
    shown = f"{local}@{unicode_domain(domain)}"
    if typed.strip().lower() not in {intent.mailbox.address, shown}:
        raise ServiceError("invalid-request", f"to delete it, type its address: {shown}", field="address")


_HERE = "/mailboxes/{mailbox_id:id}/delete/{intent_id:id}"
ROUTES = (
    Route("GET", _HERE, ask, "admins"),
    Route("POST", _HERE, delete, "admins", home="/mailboxes/{mailbox_id}/delete/{intent_id}"),
)
