"""Whether a mailbox may send a message: by the functions that the milter asks, before anything is kept.

The milter judges the message again when it comes (docs/messages.md).
"""

import time
from collections.abc import Collection, Mapping

from routing.address import Address
from routing.directory import Directory
from routing.guard import check_header
from routing.policy import Policy
from routing.raw_message import header_fields
from routing.records import HostedDomain
from routing.sender import authorise
from routing.verdicts import Allow, Defer, SenderVerdict
from store.errors import ServiceError

# rule of the verdict: code of the API. Tested in this order (routing.sender.ownership).
_CODES = {
    "sender-not-owned": "sender-not-owned",
    "login-unknown": "sender-not-owned",
    "sender-disabled": "sender-disabled",
    "sender-expired": "sender-disabled",
    "login-paused": "sender-disabled",
    "login-domain-off": "sender-disabled",
    "login-suspended": "account-suspended",
    "cannot-send-as": "cannot-send-as",
}
_HINTS = {
    "sender-not-owned": "GET /messages/identities lists what this mailbox may send as",
    "sender-disabled": "enable the alias, mailbox or domain, extend an expired alias, or send as another identity",
    "cannot-send-as": "switch sending on for the alias (can_send), or send as another identity",
}


class AskedOnce:
    """A directory for the work on one message: envelope and header mostly ask it the same question."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._answers: dict[frozenset[Address], Mapping[str, HostedDomain]] = {}

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        """Return what the directory answers. Raises LookupFailed."""
        question = frozenset(wanted)
        if question not in self._answers:
            self._answers[question] = self._directory.lookup(wanted)
        return self._answers[question]


def check_sender(directory: Directory, policy: Policy, login: str, sender: str) -> None:
    """Refuse an envelope sender that ``login`` may not use.

    Raises:
        ServiceError: ``sender-not-owned``, ``sender-disabled``, ``cannot-send-as``, ``account-suspended``,
            ``invalid-request`` (a detail that is none), ``unavailable``.
    """
    _refuse_unless_allowed(authorise(directory, policy, login, [Address.parse(sender)], time.time()))


def check_message(directory: Directory, policy: Policy, login: str, content: bytes) -> None:
    """Refuse a message whose header shows an author that ``login`` may not be. Raises as :func:`check_sender`."""
    _refuse_unless_allowed(check_header(directory, policy, login, header_fields(content), time.time()))


def _refuse_unless_allowed(verdict: SenderVerdict) -> None:
    if isinstance(verdict, Allow):
        return
    words = verdict.reply.text
    if isinstance(verdict, Defer):
        raise ServiceError("unavailable", words, hint="try again in some seconds, with the same key")
    code = _CODES.get(verdict.rule, "invalid-request")
    raise ServiceError(code, words, field="from", hint=_HINTS.get(code))
