"""The state of a dry run between chunks, as it writes nothing to the store."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from store.services import expiry
from store.services.bulk.plan import Plan
from store.services.kept import Name
from store.services.views import Alias

_SWITCHES = ("can_receive", "can_send", "is_active", "note", "senders", *expiry.FIELDS)
_Switches = tuple[Any, ...]


@dataclass(slots=True)
class DryRunState:
    """The changes that earlier plans would have made; some 400 octets for each new alias. Not for plans that delete."""

    changed: dict[int, _Switches] = field(default_factory=dict)  # by alias id
    new: dict[Name, tuple[int, _Switches]] = field(default_factory=dict)  # mailbox id
    added: Counter[int] = field(default_factory=Counter)  # new aliases of a mailbox

    def bring(self, plan: Plan) -> None:
        """Let ``plan`` begin where the earlier ones ended."""
        facts = plan.facts
        for id_ in self.changed.keys() & facts.aliases.keys():
            facts.aliases[id_] = replace(facts.aliases[id_], **_named(self.changed[id_]))
        for mailbox_id in self.added.keys() & facts.mailboxes.keys():
            facts.used[mailbox_id] = facts.used.get(mailbox_id, 0) + self.added[mailbox_id]
        for name in facts.asked & self.new.keys():
            mailbox_id, switches = self.new[name]
            plan.pretend(name, mailbox_id, _named(switches))

    def take(self, plan: Plan) -> None:
        """Remember what ``plan`` would have changed."""
        for entry in plan.entries:
            if entry.before is None and entry.after is not None:
                self.added[entry.after.mailbox_id] += 1
            elif entry.after is not None:
                self.changed[entry.after.id] = _switches(entry.after)
        for name, entry in plan.planned.items():
            if entry.after is not None:
                self.new[name] = entry.after.mailbox_id, _switches(entry.after)


def _switches(alias: Alias) -> _Switches:
    return tuple(getattr(alias, name) for name in _SWITCHES)


def _named(switches: _Switches) -> dict[str, Any]:
    return dict(zip(_SWITCHES, switches, strict=True))
