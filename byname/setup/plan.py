"""What would have to change in a Postfix: from what is wanted and what is there to a list of changes. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from byname.postfix.machine import Postfix, Service
from byname.setup.listener import internal_listener
from byname.setup.obstacles import Obstacle, obstacles
from byname.setup.wanted import Wish, wishes
from conf.settings import Settings


@dataclass(frozen=True, slots=True)
class Change:
    """One line that would be another one."""

    service: str | None  # as ``postconf -P`` calls it; None: main.cf
    parameter: str
    before: str | None  # None: there is no such line, and what Postfix has without it holds
    after: str
    why: str

    @property
    def name(self) -> str:
        """What stands before the equals sign of postconf's line."""
        return self.parameter if self.service is None else f"{self.service}/{self.parameter}"

    @property
    def command(self) -> str:
        """The command that makes the change."""
        return f"postconf {'-e' if self.service is None else '-P'} {shell_word(f'{self.name} = {self.after}')}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that would change."""

    changes: tuple[Change, ...]
    entry: str | None  # a service that master.cf lacks, as it would stand there
    obstacles: tuple[Obstacle, ...]  # with any of them nothing is changed
    notes: tuple[str, ...]

    @property
    def is_done(self) -> bool:
        """True when there is nothing to do."""
        return not (self.changes or self.entry or self.obstacles)


def plan(postfix: Postfix, settings: Settings, *, replace_domains: bool = False, replace_aliases: bool = False) -> Plan:
    """Return what would change so that this Postfix asks the Byname of these settings.

    ``replace_domains``: other maps of virtual_mailbox_domains may go; ``replace_aliases``: virtual_alias_maps must.
    """
    found = tuple(obstacles(postfix, settings, replace_domains=replace_domains))
    if found:
        return Plan((), None, found, ())
    by_key = {service.key: service for service in postfix.services}
    wanted = wishes(postfix, settings, replace_aliases=replace_aliases)
    changes = (_change(wish, postfix, by_key.get(wish.service or "")) for wish in wanted)
    entry = internal_listener(postfix, settings)
    return Plan(tuple(filter(None, changes)), entry, (), tuple(_notes(postfix)))


def _change(wish: Wish, postfix: Postfix, service: Service | None) -> Change | None:
    written = (postfix if service is None else service).written.get(wish.parameter)
    now = postfix.value(wish.parameter, service)
    if (_same(now, wish.value) or now in wish.fine) and not (wish.pinned and written is None):
        return None
    return Change(wish.service, wish.parameter, written, wish.value, wish.why)


def _same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(value: str) -> str:
    """Return a value without the blanks that mean nothing in lists and braces."""
    return re.sub(r"[\s,]+", ",", re.sub(r"\s*([{},])\s*", r"\1", value.strip()))


def _notes(postfix: Postfix) -> Iterator[str]:
    if not postfix.login_listeners:
        yield (
            "master.cf has no listener for logins (submission, submissions): nobody can send through Byname; "
            "conf/postfix/master.cf has one to copy"
        )
    if not postfix.inbound_listeners:
        yield "master.cf has no listener for mail from outside (smtp inet): Byname's inbound milter is asked by nobody"


def shell_word(text: str) -> str:
    """Return a text in quotes for a shell."""
    return "'" + text.replace("'", "'\\''") + "'"
