"""A plan of many alias changes: decided in order, each over the results of those before it, and written together.

The rules are those of :mod:`store.services.aliases`, by the same functions in the same order; a test holds the two
together. A change that is refused leaves no trace in the plan, as if each had a savepoint of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from store.clock import utc_now
from store.services import expiry, lookup, sender_lists
from store.services.bulk.facts import Facts
from store.services.fields import check_text
from store.services.kept import Name
from store.services.names import known_address, split_new_address
from store.services.rules import check_alias_room, check_new_alias, taken
from store.services.views import Alias, Senders
from store.sql.new_alias_query import DomainFacts, Owner

# Of can_receive, can_send, is_active, note, senders and store.services.expiry.FIELDS: those that are to be set.
Given = Mapping[str, bool | str | int | datetime | Senders | None]

_NOT_WRITTEN = 0  # the id of an alias that is only planned


@dataclass(slots=True)
class Entry:
    """A change that was decided: None before for a new alias, None after for a deleted one."""

    account_id: int
    before: Alias | None
    after: Alias | None

    @property
    def is_change(self) -> bool:
        """False for an alias that is already as it should be."""
        return self.before != self.after


@dataclass(slots=True)
class Plan:
    """Changes over the facts of one batch. ``entries`` are those that go into the store, in the order given."""

    facts: Facts
    system_names: frozenset[str]
    allow_past: bool = False  # what is made may have expired, as in a file from elsewhere
    entries: list[Entry] = field(default_factory=list)
    planned: dict[Name, Entry] = field(default_factory=dict)  # new aliases
    given_way: set[int] = field(default_factory=set)  # kept names, by id, of which new aliases take the place
    now: datetime = field(default_factory=utc_now)  # of all its changes

    def mailbox(self, ref: int | str) -> Owner:
        """Return a mailbox by id or address. Raises ServiceError ``invalid-request`` or ``not-found``."""
        found = self.facts.mailboxes.get(ref) if isinstance(ref, int) else self._mailbox_at(ref)
        if found is None:
            raise lookup.not_found("mailbox", ref, "mailbox")
        return found

    def _mailbox_at(self, text: str) -> Owner | None:
        return self.facts.mailbox_at.get(known_address(text, "mailbox"))

    def domain(self, owner: Owner, ref: int | str) -> DomainFacts:
        """Return the domain of a name to be made, by id or canonical name. Raises ServiceError ``domain-not-yours``."""
        if isinstance(ref, int):
            found = self.facts.domains.get(ref)
        else:
            found = self.facts.domain_of.get((owner.account.id, ref))
        if found is None or found.account_id != owner.account.id:
            raise lookup.not_yours(ref)
        return found

    def create(self, owner: Owner, domain: DomainFacts, local_part: str, given: Given) -> Entry:
        """Give a mailbox another name; checked in the order of :func:`store.services.aliases.add`.

        Raises:
            ServiceError: as there.
        """
        senders = check_new_alias(owner, domain, local_part, given, self.system_names, allow_past=self.allow_past)
        if (domain.id, local_part) in self.facts.names:
            raise taken(domain, local_part)
        kept = self.facts.kept.get((domain.id, local_part))
        if kept is not None and not kept.is_free_for(owner.id, self.now):
            raise kept.refusal()
        used = self.facts.used.get(owner.id, 0)
        check_alias_room(owner, used)
        if kept is not None:
            self.given_way.add(kept.id)
        self.facts.used[owner.id] = used + 1
        self.facts.names[domain.id, local_part] = _NOT_WRITTEN
        made = _new(owner, domain, local_part, {**given, "senders": senders}, self.now)
        entry = Entry(owner.account.id, None, made)
        self.entries.append(entry)
        self.planned[domain.id, local_part] = entry
        return entry

    def pretend(self, name: Name, mailbox_id: int, switches: Given) -> None:
        """Take an alias for new that an earlier plan would have made, had it not been a dry run."""
        moments = {"created_at": self.now, "updated_at": self.now}
        defaults: dict[str, Any] = {"address": "", "domain": "", "mailbox": "", **moments}
        alias = Alias(
            id=_NOT_WRITTEN, domain_id=name[0], local_part=name[1], mailbox_id=mailbox_id, **{**defaults, **switches}
        )
        self.facts.names[name] = _NOT_WRITTEN
        self.planned[name] = Entry(0, None, alias)

    def alias(self, ref: int, owner: Owner) -> Alias:
        """Return an alias by id, if it is one of ``owner``. Raises ServiceError ``not-found``."""
        found = self.facts.aliases.get(ref)
        if found is None or found.mailbox_id != owner.id:
            raise lookup.not_found("alias", ref, "alias_id")
        return found

    def update(self, owner: Owner, alias: Alias, given: Given) -> Entry:
        """Change what an alias may do. Nothing is written when that is so already.

        Raises:
            ServiceError: ``invalid-request`` for the note, for when it expires, and for the senders.
        """
        check_text("note", str(given.get("note") or ""))
        expiry.check(expiry.new(given, alias), self.facts.accepted.get(alias.id, 0), allow_past=self.allow_past)
        given = _with_senders(given)
        entry = Entry(owner.account.id, alias, _changed(alias, given, self.now))
        if entry.is_change and entry.after is not None:
            self.entries.append(entry)
            self.facts.aliases[alias.id] = entry.after
        return entry

    def delete(self, owner: Owner, alias: Alias) -> Entry:
        """Delete an alias. Its name is free for all that follows; kept, if need be, it is when all is written."""
        entry = Entry(owner.account.id, alias, None)
        self.entries.append(entry)
        self.facts.aliases.pop(alias.id)
        self.facts.names.pop((alias.domain_id, alias.local_part), None)
        if alias.mailbox_id in self.facts.used:
            self.facts.used[alias.mailbox_id] -= 1
        return entry

    def put(self, mailbox: str, address: str, given: Given) -> Entry:
        """Create an alias, or make the one that the mailbox has by that name what ``given`` says.

        Raises:
            ServiceError: as :func:`store.services.aliases.add`; ``address-taken`` also for another mailbox's alias.
        """
        owner = self.mailbox(mailbox)
        local_part, domain_name = split_new_address(address)
        domain = self.domain(owner, domain_name)
        existing = self._existing_alias((domain.id, local_part))
        if existing is None or existing.mailbox_id != owner.id:
            return self.create(owner, domain, local_part, given)
        if existing.id == _NOT_WRITTEN:
            return self._replan(self.planned[domain.id, local_part], given)
        return self.update(owner, existing, given)

    def _existing_alias(self, name: Name) -> Alias | None:
        planned = self.planned.get(name)
        return planned.after if planned else self.facts.aliases.get(self.facts.names.get(name, _NOT_WRITTEN))

    def _replan(self, planned: Entry, given: Given) -> Entry:
        """Change an alias that is to be made anyway; it is made as it is in the end."""
        check_text("note", str(given.get("note") or ""))
        expiry.check(given, allow_past=self.allow_past)
        given = _with_senders(given)
        before = planned.after
        planned.after = before and _changed(before, given, self.now)
        return Entry(planned.account_id, before, planned.after)


def _with_senders(given: Given) -> Given:
    """Return what is to be set, its senders in their kept form. Raises ServiceError ``invalid-request``."""
    return {**given, "senders": sender_lists.of_given(given)} if "senders" in given else given


def _new(owner: Owner, domain: DomainFacts, local_part: str, given: Given, now: datetime) -> Alias:
    chosen: dict[str, Any] = {"can_receive": True, "can_send": False, "is_active": True, "note": None, **given}
    return Alias(
        id=_NOT_WRITTEN,
        address=f"{local_part}@{domain.name}",
        local_part=local_part,
        domain_id=domain.id,
        domain=domain.name,
        mailbox_id=owner.id,
        created_at=now,
        updated_at=now,
        mailbox=f"{owner.local_part}@{owner.domain.name}",
        **chosen,
    )


def _changed(alias: Alias, given: Given, now: datetime) -> Alias:
    """Return what an alias becomes, the same one if nothing changes; an empty note is as good as none."""
    wanted: dict[str, Any] = dict(given)
    if all((getattr(alias, name) or None) == (value or None) for name, value in wanted.items()):
        return alias
    return replace(alias, updated_at=now, **wanted)
