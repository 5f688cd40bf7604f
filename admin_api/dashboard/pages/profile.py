"""``/mailboxes/{id}/mobileconfig``: the profile for Apple's mail programs, as a file."""

from starlette.responses import Response

from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.setup import profiles


def show(visit: Visit, mailbox_id: int) -> Response:
    """Send the file; ``address`` says what mail is sent from, if not from the mailbox's own address."""
    visit.check_mailbox(mailbox_id)
    with visit.reading() as tx:
        return profiles.answer(visit.site, tx, mailbox_id, visit.request.query_params.get("address"))


ROUTES = (Route("GET", "/mailboxes/{mailbox_id:id}/mobileconfig", show),)
