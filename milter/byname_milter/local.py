"""The local role: mail that no SMTP client sent, through Postfix's ``non_smtpd_milters``.

Bounces to an alias, Sieve redirects, the command sendmail. There a refused recipient would be reported as a mistake in
Postfix's settings and the mail would stick (docs/facts.md, "Milter and Postfix"), so none is refused: a name that is
refused elsewhere stays as it was written, and the delivery agent bounces it; what cannot be decided makes the whole
message wait.
"""

from typing import ClassVar

import Milter

from byname_milter import counting
from byname_milter.session import Session
from byname_milter.writing import Refusals, leave_untouched
from routing.delivery import Recipient
from routing.sender import Role
from routing.verdicts import Defer, Reject


class LocalSession(Session):
    """Mail of this machine: every recipient is taken, the aliases among them are led to their mailboxes."""

    role = Role.LOCAL
    refuses_recipients: ClassVar[bool] = False

    def refuse_recipient(self, recipient: str, refusal: Reject | Defer) -> int:
        """Keep the recipient as it is; TEMPFAIL at end of message when it could not be decided."""
        self.decisions.refusal("recipient", refusal, queue_id=self.queue_id, rcpt=recipient)
        self.message.broken = self.message.broken or isinstance(refusal, Defer)
        self.message.untouched.append(Recipient(recipient, None))
        return Milter.CONTINUE

    def refuse_some(self, refusals: Refusals) -> Reject | Defer | None:
        """Keep those that refuse as they are. No verifier sees this mail, so none will ever say who wrote it."""
        for accepted, refusal in refusals:
            if isinstance(refusal, Defer) and refusal.rule != "authentication-unknown":
                return refusal
            self.decisions.refusal("recipient", refusal, queue_id=self.queue_id, rcpt=accepted.recipient.raw)
            counting.count_refused(self.site, self.message, refusal)
            leave_untouched(self.message, accepted)
        return None
