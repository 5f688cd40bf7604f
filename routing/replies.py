"""Every SMTP reply that Byname gives, in one table.

Codes are those of RFC 5321 section 4.2.3, enhanced status codes those of RFC 3463 and the IANA registry.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMTP reply: three-digit code, enhanced status code and one line of ASCII text."""

    code: int
    enhanced: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"

    @property
    def is_temporary(self) -> bool:
        """True for a 4xx: the client is asked to try again."""
        return 400 <= self.code < 500


# slug: (code, enhanced status code, text). {address} is the address asked about, {login} the canonical login,
# {reason} a parser's words.
REPLIES: dict[str, tuple[int, str, str]] = {
    # recipients
    "no-evidence": (451, "4.3.0", "<{address}>: Recipient lookup failed, please try again"),
    "no-postmaster": (451, "4.3.0", "<{address}>: No mailbox for this system address yet, please try again"),
    "domain-off": (550, "5.7.1", "<{address}>: Domain is switched off"),
    "account-suspended": (550, "5.7.1", "<{address}>: Account is suspended"),
    "account-suspended-for-now": (451, "4.7.1", "<{address}>: Account is suspended, please try again later"),
    "mailbox-paused": (550, "5.2.1", "<{address}>: mailbox disabled"),
    "user-unknown": (550, "5.1.1", "<{address}>: user unknown"),
    "hosted-before": (451, "4.3.0", "<{address}>: This domain is no longer hosted here, please try again"),
    "detail-routes": (550, "5.1.3", "<{address}>: a sub-address may not hold %, ! or @"),
    "sender-not-accepted": (550, "5.7.1", "<{address}>: this address does not accept mail from you"),
    "authentication-unknown": (451, "4.7.1", "<{address}>: Nobody has authenticated this mail, please try again"),
    "report-unread": (451, "4.7.1", "<{address}>: Please send this report once more"),
    "one-recipient-apart": (452, "4.5.3", "<{address}>: Please send this message to this recipient separately"),
    "recipients-differ": (451, "4.5.3", "Not every recipient takes this message, please try again"),
    "bad-recipient": (501, "5.1.3", "Bad recipient address syntax: {reason}"),
    "decision-changed": (451, "4.3.0", "Recipients changed while the message was received, please try again"),
    "too-many-hops": (554, "5.4.6", "<{address}>: Too many hops through this alias"),
    "too-many-recipients": (452, "4.5.3", "Too many recipients for one message, please send the rest in another"),
    "too-many-names": (550, "5.5.3", "Too many recipients for one message"),
    # the form of a message
    "too-many-stripped-fields": (550, "5.6.0", "The message has too many Delivered-To or X-Byname-Trace fields"),
    "malformed-field-name": (550, "5.6.0", "The name of a header field is malformed"),
    # the LMTP edge
    "not-hosted": (550, "5.1.2", "<{address}>: not hosted here"),
    "store-unavailable": (451, "4.4.2", "<{address}>: The mail store does not answer, please try again"),
    "delivery-bug": (451, "4.3.0", "<{address}>: Internal error, please try again"),
    "spool-failed": (452, "4.3.1", "<{address}>: No room for the message just now, please try again"),
    "ambiguous-end": (554, "5.6.0", "<{address}>: The message holds a line that may be taken for its end"),
    "message-too-large": (552, "5.3.4", "<{address}>: The message is too large"),
    "header-too-large": (552, "5.3.4", "<{address}>: The message header is too large"),
    # senders
    "login-required": (530, "5.7.0", "Authentication required"),
    "login-on-inbound": (550, "5.7.1", "Log in on the submission port, not here"),
    "login-malformed": (550, "5.7.1", "Sender address rejected: the login name is not a mail address"),
    "sender-no-evidence": (451, "4.3.0", "<{address}>: Sender lookup failed, please try again"),
    "login-unknown": (550, "5.7.1", "Sender address rejected: user {login} has no mailbox"),
    "login-paused": (550, "5.7.1", "Sender address rejected: mailbox {login} is disabled"),
    "login-domain-off": (550, "5.7.1", "Sender address rejected: the domain of {login} is switched off"),
    "login-suspended": (550, "5.7.1", "Sender address rejected: the account of {login} is suspended"),
    "sender-not-owned": (553, "5.7.1", "<{address}>: Sender address rejected: not owned by user {login}"),
    "sender-disabled": (553, "5.7.1", "<{address}>: Sender address rejected: this alias of {login} is disabled"),
    "sender-expired": (553, "5.7.1", "<{address}>: Sender address rejected: this alias of {login} has expired"),
    "sender-detail": (553, "5.1.7", "<{address}>: Sender address rejected: a sub-address is plain ASCII without % ! @"),
    "cannot-send-as": (553, "5.7.1", "<{address}>: Sender address rejected: sending is off for this alias of {login}"),
    "spoofed-sender": (550, "5.7.1", "<{address}>: Sender address rejected: log in to send from this domain"),
    "lookalike-sender": (550, "5.7.1", "<{address}>: Sender address rejected: this domain looks like the recipient's"),
    "forged-trust": (550, "5.7.1", "Message rejected: {reason}"),
    "foreign-organizer": (550, "5.7.1", "<{address}>: Sender address rejected: organizer not owned by user {login}"),
    "bad-mime": (550, "5.6.0", "Message rejected: its parts can be read in more than one way"),
    "too-many-notices": (550, "5.6.0", "Message rejected: too many X-Byname-Notice fields"),
    "handover-missing": (550, "5.7.1", "Hand-over refused: it needs one {reason}"),
    "handover-forged": (550, "5.7.1", "Hand-over refused: its key does not hold"),
    "handover-aged": (550, "5.7.1", "Hand-over refused: its key is too old to tell whether it was used"),
    "handover-used": (550, "5.7.1", "Hand-over refused: its key was used before, for {reason}"),
    "bad-sender": (501, "5.1.7", "Bad sender address syntax: {reason}"),
    "bad-header": (550, "5.7.1", "Sender address rejected: {reason}"),
}


def reply(slug: str, *, address: object = "", login: object = "", reason: str = "") -> Reply:
    """Fill in the reply named ``slug``.

    Raises:
        KeyError: there is no such reply; a bug.
    """
    code, enhanced, text = REPLIES[slug]
    return Reply(code, enhanced, text.format(address=address, login=login, reason=reason))
