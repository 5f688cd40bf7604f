"""LMTP commands as the MTA types them: RFC 2033 and RFC 5321 section 4.1, parameters of RFC 1870, 3461, 6152, 6531.

No I/O here. Whatever comes, the outcome is a value or a :class:`CommandRefused` with the reply to give.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from routing.replies import Reply

MOST_RECIPIENTS = 1000  # of one message; Postfix hands over 50 by default, 1000 with our sample settings

_PATH = re.compile(r"(?P<keyword>FROM|TO):\s*(?P<path><(?:\"(?:[^\"\\]|\\.)*\"|[^>\"])*>)(?:\s+(?P<rest>.*))?", re.I)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_XTEXT = r"[!-*,-<>-~]|\+[0-9A-F]{2}"  # RFC 3461 section 4
_EVENT = r"(?:SUCCESS|FAILURE|DELAY)"

# Each parameter with the form of its value; None for one that takes none.
_OF_MAIL: Mapping[str, re.Pattern[str] | None] = {
    "SIZE": re.compile(r"[0-9]{1,20}"),
    "BODY": re.compile(r"7BIT|8BITMIME", re.I),
    "SMTPUTF8": None,
    "RET": re.compile(r"FULL|HDRS", re.I),
    "ENVID": re.compile(rf"(?:{_XTEXT}){{1,300}}"),
}
_OF_RCPT: Mapping[str, re.Pattern[str] | None] = {
    "NOTIFY": re.compile(rf"NEVER|{_EVENT}(?:,{_EVENT}){{0,2}}", re.I),
    "ORCPT": re.compile(r"[A-Za-z0-9-]{1,40};[^\s=]{1,1500}"),  # RFC 6533 lets UTF-8 in
}


class CommandRefused(Exception):
    """The command cannot be carried out; ``reply`` says why."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


@dataclass(frozen=True, slots=True)
class Path:
    """The argument of MAIL or RCPT."""

    raw: str  # with its brackets, as typed; octets that are no UTF-8 as surrogates
    parameters: Mapping[str, str]  # by upper-case name; "" for one without a value


def split(line: bytes) -> tuple[str, str]:
    """Return the verb in upper case and its argument."""
    verb, _, argument = line.decode("utf-8", "surrogateescape").strip(" \t").partition(" ")
    return verb.upper(), argument.strip(" \t")


def mail_argument(argument: str) -> Path:
    """Read ``FROM:<path> parameters``.

    Raises:
        CommandRefused: 501 for what is malformed, 555 for a parameter that nobody knows.
    """
    return _read(argument, "FROM", _OF_MAIL)


def rcpt_argument(argument: str) -> Path:
    """Read ``TO:<path> parameters``. Raises as :func:`mail_argument`."""
    return _read(argument, "TO", _OF_RCPT)


def _read(argument: str, keyword: str, known: Mapping[str, re.Pattern[str] | None]) -> Path:
    if _CONTROL.search(argument):
        raise CommandRefused(Reply(501, "5.5.4", "Control character in the command"))
    match = _PATH.fullmatch(argument)
    if match is None or match["keyword"].upper() != keyword:
        raise CommandRefused(Reply(501, "5.5.4", f"Syntax: {keyword}:<address>"))
    parameters: dict[str, str] = {}
    for item in (match["rest"] or "").split():
        name, value = _parameter(item, known)
        if name in parameters:
            raise CommandRefused(Reply(501, "5.5.4", f"{name} is given twice"))
        parameters[name] = value
    return Path(match["path"], parameters)


def _parameter(item: str, known: Mapping[str, re.Pattern[str] | None]) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    name = name.upper()
    if name not in known:
        raise CommandRefused(Reply(555, "5.5.4", "Unsupported parameter"))
    form = known[name]
    if (form is None and equals) or (form is not None and not form.fullmatch(value)):
        raise CommandRefused(Reply(501, "5.5.4", f"Bad value of {name}"))
    return name, value
