"""Replies in the form that libmilter takes."""

from routing.replies import Reply

_LONGEST = 450  # octets; an SMTP reply line ends at 512 with its codes (RFC 5321 section 4.5.3.1.5)


def reply_arguments(reply: Reply) -> tuple[str, str, str]:
    """Return the arguments for ``setreply``: one line of printable ASCII, every ``%`` doubled.

    A single ``%``, a line break or a very long text makes pymilter raise, which a stranger could provoke into an
    endless 451 (docs/facts.md, "Milter and Postfix"). Both MTAs undo the doubling.
    """
    plain = reply.text.encode("ascii", "backslashreplace").decode("ascii")
    line = "".join(char if " " <= char <= "~" else "?" for char in plain)[:_LONGEST]
    return str(reply.code), reply.enhanced, line.replace("%", "%%")
