"""A draft or a whole message made ready to leave: decided, composed, decided again over what was composed."""

import uuid
from collections.abc import Sequence
from email.utils import format_datetime

from admin_api.sending.deciding import check_message, check_sender
from routing.address import Address
from routing.directory import Directory
from routing.outgoing import MOST_RECIPIENTS, Draft, DraftRefused, Party
from routing.outgoing_raw import read_raw
from routing.outgoing_text import bcc_field, compose
from routing.policy import Policy
from store.clock import utc_now
from store.services.sending.accepting import Outgoing


def prepared(directory: Directory, policy: Policy, login: str, draft: Draft) -> Outgoing:
    """Return the message of a draft whose sender :func:`admin_api.sending.deciding.check_sender` let pass.

    Raises:
        DraftRefused: too many recipients.
        ServiceError: see :func:`admin_api.sending.deciding.check_message`.
    """
    _check_recipients(draft.recipients)
    sender = Address.parse(draft.sender.address)
    message_id = _new_id(sender)
    content = compose(draft, message_id, _now())
    check_message(directory, policy, login, content)
    return Outgoing(str(sender), login, message_id, draft.recipients, content, _hidden(draft.to, draft.cc, draft.bcc))


def prepared_raw(
    directory: Directory, policy: Policy, login: str, octets: bytes, recipients: Sequence[Party] = ()
) -> Outgoing:
    """Return a whole message, sent as its From.

    Args:
        recipients: who gets it, in place of those that it names.

    Raises:
        DraftRefused: it cannot be sent as it is, or has nobody to go to, or too many.
        ServiceError: see :func:`admin_api.sending.deciding.check_sender`.
    """
    mail = read_raw(octets, tuple(recipients))
    check_sender(directory, policy, login, mail.sender)
    envelope = tuple(dict.fromkeys(party.address for party in (*mail.to, *mail.bcc)))
    _check_recipients(envelope)
    message_id = mail.message_id or _new_id(Address.parse(mail.sender))
    content = mail.finished(message_id, _now())
    check_message(directory, policy, login, content)
    return Outgoing(mail.sender, login, message_id, envelope, content, bcc_field(mail.bcc))


def _check_recipients(recipients: Sequence[str]) -> None:
    if not recipients:
        raise DraftRefused("to", "a message needs somebody to go to")
    if len(recipients) > MOST_RECIPIENTS:
        raise DraftRefused("to", f"a message has at most {MOST_RECIPIENTS} recipients, cc and bcc counted")


def _hidden(to: Sequence[Party], cc: Sequence[Party], bcc: Sequence[Party]) -> bytes:
    shown = {party.address for party in (*to, *cc)}
    return bcc_field([party for party in bcc if party.address not in shown])


def _new_id(sender: Address) -> str:
    return f"<{uuid.uuid4().hex}@{sender.domain}>"


def _now() -> str:
    return format_datetime(utc_now())
