"""What is changed in a message so that each copy reaches its mailbox (docs/design.md, section 5).

The LMTP edge writes each mailbox a copy of its own, ``copy_for``. A milter cannot: a header that it adds stands in
every copy. So by ``plan`` Delivered-To is written only when the whole message, outside recipients counted, ends in one
mailbox; otherwise one owner would read another's alias.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from routing.address import Address
from routing.verdicts import Deliver

_NOT_XTEXT = re.compile(r"[^!-*,-<>-~]")  # RFC 3461 section 4: printable ASCII but + and =


@dataclass(frozen=True, slots=True)
class Recipient:
    """An accepted recipient. ``deliver`` is None for one that is not ours."""

    raw: str  # as the client typed it
    deliver: Deliver | None
    notify: str | None = None  # the value of NOTIFY= (RFC 3461 section 4.1)
    orcpt: str | None = None  # the value of ORCPT= (RFC 3461 section 4.2)


@dataclass(frozen=True, slots=True)
class Addition:
    """A recipient to add, with its ESMTP parameters."""

    address: Address
    parameters: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What to do at end of message; empty when the message passes as it is."""

    remove: tuple[str, ...] = ()  # RCPT arguments as typed
    add: tuple[Addition, ...] = ()
    delivered_to: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """The one copy that a mailbox gets of a message, however many of its names were written."""

    target: Address
    delivered_to: tuple[Address, ...]
    parameters: str  # NOTIFY and ORCPT of its RCPT, for a store that takes them


def copy_for(mailbox: Address, group: Sequence[Recipient], shown: Collection[str] = ()) -> Copy:
    """Return the copy for ``group``: accepted recipients whose mail goes to ``mailbox``.

    ``shown`` are the names that the message shows already, vouched for by our own trace.
    """
    return Copy(_target(mailbox, group), _names(group, shown), _parameters(group))


def plan(recipients: Sequence[Recipient], shown: Collection[str] = ()) -> Changes:
    """Replace each name by its mailbox, once per mailbox, and say which Delivered-To fields are due."""
    groups: dict[Address, list[Recipient]] = {}
    for recipient in recipients:
        if recipient.deliver is not None:
            groups.setdefault(recipient.deliver.mailbox, []).append(recipient)
    remove: list[str] = []
    add: list[Addition] = []
    for mailbox, group in groups.items():
        target = _target(mailbox, group)
        kept = {recipient.raw for recipient in _kept(group, target)}
        remove += [recipient.raw for recipient in group if recipient.raw not in kept]
        if not kept:
            add.append(Addition(target, _parameters(group)))
    return Changes(tuple(remove), tuple(add), _delivered_to(recipients, groups, shown))


def _target(mailbox: Address, group: Sequence[Recipient]) -> Address:
    """One address for the group: the mailbox, with the detail only when all wrote the same one."""
    targets = {recipient.deliver.target for recipient in group if recipient.deliver}
    return targets.pop() if len(targets) == 1 else mailbox


def _kept(group: Sequence[Recipient], target: Address) -> list[Recipient]:
    """Return those that stay as typed. None when the same mailbox was typed in several forms: Postfix would make a
    copy for each (measured: ``<john@a>`` beside ``<"john"@a>``).
    """
    standing = [recipient for recipient in group if _stands(recipient, target)]
    return standing if len({recipient.raw.lower() for recipient in standing}) == 1 else []


def _stands(recipient: Recipient, target: Address) -> bool:
    """True when the recipient can stay as typed. Not a U-label: the stores behind us know A-labels only."""
    return recipient.deliver is not None and recipient.deliver.written == target and recipient.raw.isascii()


def _delivered_to(
    recipients: Sequence[Recipient], groups: dict[Address, list[Recipient]], shown: Collection[str]
) -> tuple[Address, ...]:
    if len(groups) != 1 or any(recipient.deliver is None for recipient in recipients):
        return ()
    return _names(recipients, shown)


def _names(group: Sequence[Recipient], shown: Collection[str]) -> tuple[Address, ...]:
    """Return each name written other than the mailbox itself, once."""
    written = [recipient.deliver for recipient in group if recipient.deliver and not _returns(recipient.deliver, shown)]
    return tuple(dict.fromkeys(deliver.delivered_to for deliver in written if deliver.delivered_to is not None))


def _returns(deliver: Deliver, shown: Collection[str]) -> bool:
    """True for the second pass of ``sales+x``: it comes back as ``john+x``, which nobody wrote."""
    if deliver.rule != "mailbox" or deliver.detail is None:
        return False
    return any(name.rpartition("@")[0].endswith(deliver.detail) for name in shown)


def _parameters(group: Sequence[Recipient]) -> str:
    first = group[0]
    orcpt = first.orcpt or f"rfc822;{xtext(str(first.deliver.written))}" if first.deliver else first.orcpt
    notify = _merged_notify([recipient.notify for recipient in group])
    return " ".join(part for part in (f"NOTIFY={notify}" if notify else "", f"ORCPT={orcpt}") if part)


def _merged_notify(values: Sequence[str | None]) -> str | None:
    """Join the wishes of recipients that become one; None when the default applies to any of them."""
    wishes = [value.upper() for value in values if value]
    if len(wishes) < len(values):
        return None
    events = dict.fromkeys(event for wish in wishes for event in wish.split(",") if event != "NEVER")
    return ",".join(events) or "NEVER"


def xtext(text: str) -> str:
    """Encode by RFC 3461 section 4: Postfix drops one with a raw ``+`` (docs/facts.md, "Milter and Postfix")."""
    return _NOT_XTEXT.sub(lambda char: f"+{ord(char[0]):02X}", text)
