"""A profile for one mailbox, read from the store."""

from starlette.responses import Response

from admin_api.setup import apple
from admin_api.setup.servers import of_site
from admin_api.site import ApiSite
from store.errors import ServiceError
from store.services import identities, mailboxes
from store.sql.tenant import Transaction


def answer(site: ApiSite, tx: Transaction, mailbox_id: int, address: str | None = None) -> Response:
    """Return a profile, to be saved as a file; signed if the operator has a certificate for that.

    Args:
        site: whose servers it holds.
        tx: that sees the mailbox.
        mailbox_id: whose login it holds.
        address: that mail is sent from, one that the mailbox may send as; None for the mailbox's own.

    Raises:
        ServiceError: ``not-found`` for the mailbox, and while the operator has not said which servers there are;
            ``invalid-request`` for the address.
    """
    mailbox = mailboxes.get(tx, mailbox_id)
    servers = of_site(site.clients)
    if servers is None:
        raise ServiceError("not-found", "the operator has not set which servers mail programs use ([clients])")
    sender = address or mailbox.address
    senders = [one.address for one in identities.of_mailbox(tx, mailbox_id)]
    if sender not in {mailbox.address, *senders}:
        raise ServiceError("invalid-request", "this mailbox may not send as that address", field="address")
    others = [one for one in senders if one != sender]
    made = apple.profile(apple.Account(mailbox.address, sender, mailbox.display_name, others), servers)
    signed = made if site.clients.signer is None else site.clients.signer.sign(made)
    name = f"{sender.replace('@', '-at-')}.mobileconfig".encode("ascii", "replace").decode().replace('"', "")
    disposition = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(signed, headers=disposition, media_type=apple.MEDIA_TYPE)
