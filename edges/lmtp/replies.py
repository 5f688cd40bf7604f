"""Replies of the LMTP edge: how they look on the wire, and how those of the mail store are passed on.

The store speaks of the mailbox; the sender wrote an alias and must not learn the mailbox from a bounce. So its address
is replaced by the name written, and code, enhanced code and the rest of the text stay.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from routing.address import Address
from routing.replies import Reply

_LONGEST = 500  # octets; a reply line ends at 512 (RFC 5321 section 4.5.3.1.5)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")  # RFC 2034
_CONNECTION_ENDS = 421  # of the store's connection, not of ours

OK = Reply(250, "2.0.0", "OK")
SENDER_OK = Reply(250, "2.1.0", "OK")
RECIPIENT_OK = Reply(250, "2.1.5", "OK")
CANNOT_VERIFY = Reply(252, "2.1.5", "Send some mail and see")
BYE = Reply(221, "2.0.0", "Bye")
GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
SYNTAX_OF_DATA = Reply(501, "5.5.4", "Syntax: DATA")
SYNTAX_OF_LHLO = Reply(501, "5.5.4", "Syntax: LHLO hostname")
USE_LHLO = Reply(500, "5.5.1", "Use LHLO, this is LMTP")
UNKNOWN_COMMAND = Reply(500, "5.5.1", "Unknown command")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Not implemented")
LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
LHLO_FIRST = Reply(503, "5.5.1", "LHLO first")
MAIL_FIRST = Reply(503, "5.5.1", "MAIL first")
RCPT_FIRST = Reply(503, "5.5.1", "No valid recipients")
MAIL_ALREADY = Reply(503, "5.5.1", "There is a MAIL already")
TOO_LARGE = Reply(552, "5.3.4", "The message is too large")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")
STORE_AWAY = Reply(421, "4.3.2", "The mail store does not answer, please try again")
FULL = Reply(421, "4.3.2", "Too many connections, please try again")
SHUTTING_DOWN = Reply(421, "4.3.2", "Shutting down, please try again")
TOO_SLOW = Reply(421, "4.4.2", "Nothing came for too long")
BROKEN = Reply(421, "4.3.0", "Internal error, please try again")
BUG = Reply(451, "4.3.0", "Internal error, please try again")

# Commands that are always answered alike.
FIXED: Mapping[str, Reply] = MappingProxyType(
    {"NOOP": OK, "VRFY": CANNOT_VERIFY, "EHLO": USE_LHLO, "HELO": USE_LHLO}
    | dict.fromkeys(("AUTH", "BDAT", "EXPN", "HELP", "STARTTLS", "TURN"), NOT_IMPLEMENTED)
)


@dataclass(frozen=True, slots=True)
class StoreReply:
    """A reply of the mail store, its lines without the code."""

    code: int
    lines: tuple[str, ...]

    @property
    def accepts(self) -> bool:
        """True for a 2xx."""
        return 200 <= self.code < 300


def on_wire(reply: Reply) -> bytes:
    """Return the reply as one line of printable ASCII, CRLF included."""
    text = str(reply).encode("ascii", "backslashreplace").decode("ascii")
    return ("".join(char if " " <= char <= "~" else "?" for char in text)[:_LONGEST] + "\r\n").encode("ascii")


def passed_on(reply: StoreReply, hidden: Iterable[Address], shown: Address) -> Reply:
    """Return the store's reply for a recipient who wrote ``shown``, with the ``hidden`` addresses replaced by it."""
    code = 451 if reply.code == _CONNECTION_ENDS else reply.code
    match = _ENHANCED.match(reply.lines[0])
    enhanced = match[1] if match and match[1][0] == str(code)[0] else f"{str(code)[0]}.0.0"
    text = " ".join(_ENHANCED.sub("", line, count=1) if _ENHANCED.match(line) else line for line in reply.lines)
    for address in hidden:
        if address != shown:
            text = _without(text, str(address), str(shown))
    return Reply(code, enhanced, text.strip() or "(no reason given)")


def _without(text: str, address: str, shown: str) -> str:
    """Replace an address, whatever its case, where it is not the end or the start of a longer one."""
    return re.sub(rf"(?<![\w.+-]){re.escape(address)}(?![\w-])", lambda _: shown, text, flags=re.IGNORECASE)
