"""What the services for filters return."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from routing.filters.model import Action, Condition, MatchType, Rule

State = Literal["off", "pending", "installed", "refused", "foreign"]


@dataclass(frozen=True, slots=True)
class FilterRule:
    """A rule of a mailbox and its place in the order, from 1."""

    id: int
    mailbox_id: int
    position: int
    name: str
    match_type: MatchType
    conditions: tuple[Condition, ...]
    actions: tuple[Action, ...]
    stop: bool
    enabled: bool
    created_at: datetime
    updated_at: datetime

    @property
    def rule(self) -> Rule:
        """What it does."""
        return Rule(self.name, self.match_type, self.conditions, self.actions, self.stop, self.enabled)


@dataclass(frozen=True, slots=True)
class FilterScript:
    """How far the script of a mailbox has come."""

    state: State
    code: str | None  # why it is not installed, in one stable word
    reason: str | None  # the same in words, the server's line where it said one; or why it is off
    wanted_version: int
    installed_version: int  # 0: none
    own_script: str | None  # the owner's own, which runs after the rules
    attempts: int
    next_try_at: datetime | None
    changed_at: datetime | None
    installed_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A forwarding that the script does not hold, because it is no longer allowed."""

    rule: str
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class WrittenScript:
    """The script as the rules are now."""

    text: str
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class NamingRule:
    """A rule that names an address."""

    id: int
    name: str
    mailbox_id: int
    mailbox: str
    forwards: bool  # True: it forwards to the address; False: a condition is about it
