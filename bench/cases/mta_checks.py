"""Whether a way of the mta and peers benches does what it is measured for: a fast wrong answer would look good.

One message with a Delivered-To of the sender's own goes to an alias, and is held in Postfix's queue, where its envelope
and header are looked at. Another goes to a name that does not exist.
"""

import re
import smtplib

from bench.cases.mta_ways import RECIPIENT, Way
from byname.sandbox.errors import SandboxError
from byname.sandbox.ports import LOOPBACK

_ALIAS = f"1{RECIPIENT}"
_NOBODY = "nobody@brand-0.test"
_FORGED = "forged@outside.example"
_MESSAGE = f"From: ann@outside.example\r\nDelivered-To: {_FORGED}\r\nSubject: check\r\n\r\nx\r\n"
_TIMEOUT = 60.0  # seconds


def check(way: Way) -> None:
    """Raise SandboxError when it sends a message elsewhere, leaves a header otherwise, or takes an unknown name."""
    if refused := _outcome(way, _ALIAS):
        raise SandboxError(f"{way.name} refused the check's message at {refused}")
    held = way.postfix.held()
    wanted = [way.mailbox_of(_ALIAS)], [_ALIAS] if way.writes_delivered_to else [_FORGED]
    if (found := (recipients(held), fields(held, "Delivered-To"))) != wanted:
        raise SandboxError(f"{way.name} should have made of the check's message {wanted}, and made {found}:\n{held}")
    if (refused := _outcome(way, _NOBODY)) != way.refuses_at:
        raise SandboxError(f"{way.name} should refuse an unknown name at {way.refuses_at!r}, not at {refused!r}")
    if not refused:
        way.postfix.held()


def recipients(shown: str) -> list[str]:
    """Return the recipients of a queue file as postcat(1) shows it, without those that a filter took away."""
    return re.findall(r"^recipient: (.*)$", shown, re.MULTILINE)


def fields(shown: str, name: str) -> list[str]:
    """Return the values of the header fields of a name."""
    return re.findall(rf"^{re.escape(name)}: *(.*)$", shown, re.MULTILINE | re.IGNORECASE)


def _outcome(way: Way, recipient: str) -> str:
    """Send the message; return the command after which it was refused for good, nothing when it was taken."""
    with smtplib.SMTP(LOOPBACK, way.postfix.submission_port, "localhost", timeout=_TIMEOUT) as smtp:
        try:
            smtp.sendmail("ann@outside.example", [recipient], _MESSAGE)
        except smtplib.SMTPRecipientsRefused as error:
            code, at = next(iter(error.recipients.values()))[0], "RCPT"
        except smtplib.SMTPDataError as error:
            code, at = error.smtp_code, "DATA"
        else:
            return ""
    if code // 100 != 5:
        raise SandboxError(f"{way.name} answered {code} to {recipient}")
    return at
