"""The MTA's end of a milter session, as pymilter's C module hands it to every callback."""

from typing import Any, Protocol

from routing.address import AddressSyntaxError
from routing.replies import Reply


class Mta(Protocol):
    """What libmilter does for a session, by the names of its ``smfi_`` functions. Changes only at end of message."""

    def getsymval(self, name: str, /) -> str | None:
        """Return a macro."""
        ...

    def setsymlist(self, stage: int, macros: str, /) -> None:
        """Ask for the macros of a stage, at the negotiation only."""
        ...

    def setreply(self, code: str, enhanced: str, text: str, /) -> None:
        """Set the reply to the client."""
        ...

    def addheader(self, name: str, value: str, at: int, /) -> None:
        """Insert a field."""
        ...

    def chgheader(self, name: str, ordinal: int, value: str | None, /) -> None:
        """Change a field, counted from 1 among those of its name; None removes it."""
        ...

    def addrcpt(self, recipient: str, parameters: str, /) -> None:
        """Add a recipient with its ESMTP parameters."""
        ...

    def delrcpt(self, recipient: str, /) -> None:
        """Remove a recipient, in the form that the MTA knows."""
        ...

    def setpriv(self, session: object, /) -> None:
        """Keep the session."""
        ...

    def getpriv(self) -> Any:
        """Return the session, None before there is one."""
        ...


def macro(mta: Mta, name: str) -> str | None:
    """Return a macro of the MTA.

    Raises:
        AddressSyntaxError: it is not UTF-8; pymilter decodes macros strictly, in C (docs/facts.md, "Milter and
        Postfix").
    """
    try:
        return mta.getsymval(name)
    except UnicodeDecodeError as error:
        raise AddressSyntaxError("not UTF-8") from error


def readable(mta: Mta, name: str) -> str | None:
    """Return a macro for the log: None too when it cannot be read."""
    try:
        return mta.getsymval(name)
    except UnicodeDecodeError:
        return None


def set_reply(mta: Mta, reply: Reply) -> None:
    """Say what the client is to read when this event is refused."""
    mta.setreply(*reply_arguments(reply))


_LONGEST = 450  # octets; an SMTP reply line ends at 512 with its codes (RFC 5321 section 4.5.3.1.5)


def reply_arguments(reply: Reply) -> tuple[str, str, str]:
    """Return the arguments for ``setreply``: one line of printable ASCII, every ``%`` doubled.

    A single ``%``, a line break or a very long text makes pymilter raise, which a stranger could provoke into an
    endless 451 (docs/facts.md, "Milter and Postfix"). Both MTAs undo the doubling.
    """
    plain = reply.text.encode("ascii", "backslashreplace").decode("ascii")
    line = "".join(char if " " <= char <= "~" else "?" for char in plain)[:_LONGEST]
    return str(reply.code), reply.enhanced, line.replace("%", "%%")
