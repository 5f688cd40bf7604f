"""The submission role: besides recipients, who the login says it is (docs/design.md, section 4)."""

from collections.abc import Collection
from typing import ClassVar

import Milter

from byname_milter.envelope import envelope_address
from byname_milter.form import judge_form
from byname_milter.mta import macro
from byname_milter.session import Session
from byname_milter.writing import Refusals
from routing.address import Address, AddressSyntaxError, is_null_path
from routing.guard import MOST_AUTHOR_FIELDS, HeaderField, check_header, concerns_guard
from routing.replies import reply
from routing.sender import Role, authorise
from routing.verdicts import Allow, Defer, Reject, SenderVerdict


class SubmissionSession(Session):
    """Mail of logged-in users: the envelope sender at MAIL, the author fields at the end of the header."""

    role = Role.SUBMISSION
    wants_end_of_header: ClassVar[bool] = True
    reads_reports: ClassVar[bool] = False

    def judge_sender(self, sender: str) -> Reject | Defer | None:
        """MAIL: the null reverse-path waits for the header, every other address must be owned now."""
        login = self.message.login or ""
        if is_null_path(sender):
            return _refusal(self._authorise(()))
        try:
            address = envelope_address(sender, macro(self.mta, "{mail_addr}"))
        except AddressSyntaxError as error:
            return Reject(reply("bad-sender", reason=str(error)), "bad-syntax")
        if address is None:
            return Reject(reply("sender-not-owned", address=sender.strip("<> "), login=login), "sender-not-owned")
        self.message.sender = address
        return _refusal(self._authorise([address]))

    def header(self, name: str, value: bytes) -> None:
        """Keep the author fields, and what may hide one."""
        super().header(name, value)
        field = HeaderField(name, value)
        if len(self.message.author_fields) <= MOST_AUTHOR_FIELDS and concerns_guard(field):
            self.message.author_fields.append(field)

    def end_of_header(self) -> int:
        """No message leaves with an author that the login does not own."""
        if self.message.broken:
            return Milter.TEMPFAIL
        if (refusal := judge_form(self.site, self.message)) is not None:
            return self.refuse("header", refusal)
        return self.enforce("header", self._judge_header(), sender=str(self.message.sender or "<>"))

    @property
    def wants_header(self) -> bool:
        """Always: it names the author."""
        return True

    def refuse_some(self, refusals: Refusals) -> Reject | Defer | None:
        """Refuse the whole message: a mail program shows the reason to its user, who still has the message."""
        return refusals[0][1]

    def vouches(self) -> bool:
        """Return whether the guard let the author pass, and did not only log."""
        return not self.site.monitor or self.still_allowed()

    def still_allowed(self) -> bool:
        """Judge the envelope sender and the header once more."""
        senders = [self.message.sender] if self.message.sender else []
        allowed = isinstance(self._authorise(senders), Allow)
        return allowed and self._judge_header() is None

    def _authorise(self, senders: Collection[Address]) -> SenderVerdict:
        site = self.site
        return authorise(site.directory, site.policy, self.message.login or "", senders, site.wall_clock())

    def _judge_header(self) -> Reject | Defer | None:
        fields = self.message.author_fields
        site = self.site
        return _refusal(check_header(site.directory, site.policy, self.message.login or "", fields, site.wall_clock()))


def _refusal(verdict: SenderVerdict) -> Reject | Defer | None:
    return None if isinstance(verdict, Allow) else verdict
