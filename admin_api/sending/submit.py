"""A draft made into a message that may leave: decided, composed, decided again over what was composed."""

import uuid
from email.utils import format_datetime

from admin_api.sending.deciding import check_message, check_sender
from routing.address import Address
from routing.directory import Directory
from routing.outgoing import MOST_RECIPIENTS, Draft, DraftRefused
from routing.outgoing_text import compose
from routing.policy import Policy
from store.clock import utc_now
from store.services.sending.kept import Outgoing


def prepared(directory: Directory, policy: Policy, login: str, draft: Draft) -> Outgoing:
    """Return the message of a draft whose sender was checked.

    Raises:
        DraftRefused: too many recipients.
        ServiceError: see :func:`admin_api.sending.deciding.check_sender`.
    """
    if len(draft.recipients) > MOST_RECIPIENTS:
        raise DraftRefused("to", f"a message has at most {MOST_RECIPIENTS} recipients, cc and bcc counted")
    check_sender(directory, policy, login, draft.sender.address)
    sender = Address.parse(draft.sender.address)
    message_id = f"<{uuid.uuid4().hex}@{sender.domain}>"
    content = compose(draft, message_id, format_datetime(utc_now()))
    check_message(directory, policy, login, content)
    return Outgoing(str(sender), login, message_id, draft.recipients, content)
