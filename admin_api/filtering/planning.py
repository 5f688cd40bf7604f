"""What to do on the server for one mailbox: a pure function of what the server has and what is wanted.

A script of a person's is never written: it is included by its name, or stands beside ours. What a person did to our
script, or put in its place, stays until someone takes over, which is an act of its own, as giving back is. The cases
stand in docs/filters.md as a table.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal

from admin_api.filtering.marking import is_ours, same

Asked = Literal["take_over", "give_back"]
State = Literal["installed", "foreign", "off"]  # foreign: what is there is not ours to touch


@dataclass(frozen=True, slots=True)
class Put:
    """Keep a script."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Activate:
    """Let a script run; None: let none run."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a script."""

    name: str


Step = Put | Activate | Delete


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server has."""

    names: tuple[str, ...]
    active: str | None
    ours: bytes | None  # the content of the script with our name; None: there is none


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be there."""

    name: str  # of our script
    script: Callable[[str | None], bytes]  # marked; given the name of the person's own script, which it includes
    own: str | None  # the script that ours includes so far
    was_installed: bool
    asked: Asked | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in their order, and what holds once they are done."""

    steps: tuple[Step, ...]
    state: State
    code: str | None = None  # why ours does not run
    reason: str | None = None  # the same for people
    own: str | None = None  # the person's script that ours includes from now on


def plan(seen: Seen, wanted: Wanted) -> Plan:
    """Say what to do."""
    if wanted.asked == "give_back":
        return _give_back(seen, wanted)
    if wanted.asked == "take_over":
        own = wanted.own if seen.active in {None, wanted.name} else seen.active
        return _install(seen, wanted, own)
    return _not_ours(seen, wanted) or _install(seen, wanted, wanted.own)


def _not_ours(seen: Seen, wanted: Wanted) -> Plan | None:
    """Return why nothing is to be touched; None: nothing speaks against ours."""
    ours, active = f'"{wanted.name}"', f'"{seen.active}"'
    if seen.ours is not None and not is_ours(seen.ours):
        if wanted.was_installed:
            return _foreign(wanted, "changed", f"somebody changed the script {ours} on the server")
        return _foreign(wanted, "name-taken", f"the mailbox has a script {ours} that Byname did not write")
    if seen.active == wanted.name:
        return None
    if not wanted.was_installed:
        why = f"the mailbox has a script of its own, {active}, which is active"
        return None if seen.active is None else _foreign(wanted, "own-script-active", why)
    if seen.active is not None:
        return _foreign(wanted, "replaced", f"somebody made the script {active} active instead of {ours}")
    verb = "removed" if seen.ours is None else "switched off"
    return _foreign(wanted, "switched-off", f"somebody {verb} the script {ours}: no script is active")


def _foreign(wanted: Wanted, code: str, reason: str) -> Plan:
    return Plan((), "foreign", code, reason, wanted.own)


def _install(seen: Seen, wanted: Wanted, own: str | None) -> Plan:
    own = own if own in seen.names else None
    content = wanted.script(own)
    steps: list[Step] = [*_kept(seen, wanted)]
    if seen.ours is None or not same(seen.ours, content):
        steps.append(Put(wanted.name, content))
    if seen.active != wanted.name:
        steps.append(Activate(wanted.name))
    return Plan(tuple(steps), "installed", own=own)


def _give_back(seen: Seen, wanted: Wanted) -> Plan:
    steps: list[Step] = [*_kept(seen, wanted)]
    if seen.active == wanted.name:
        steps.append(Activate(wanted.own if wanted.own in seen.names else None))
    if seen.ours is not None:
        steps.append(Delete(wanted.name))
    return Plan(tuple(steps), "off")


def _kept(seen: Seen, wanted: Wanted) -> Iterator[Step]:
    """Yield what keeps a script of our name that a person wrote or changed, before it is replaced or removed."""
    if seen.ours is not None and not is_ours(seen.ours):
        names = (f"{wanted.name}-kept-{number}" for number in count(1))
        yield Put(next(name for name in names if name not in seen.names), seen.ours)
