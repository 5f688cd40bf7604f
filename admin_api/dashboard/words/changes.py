"""An entry of the audit log in words: what happened, and field by field how it was and is. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from store.services.audit import AuditEntry

_OBJECTS = {
    "account": "Account",
    "admin": "Admin",
    "alias": "Alias",
    "audit": "Log of changes",
    "domain": "Domain",
    "kept-name": "Deleted name",
    "mailbox": "Mailbox",
    "message": "Message",
    "rule": "Filter rule",
    "rules": "Filter rules",
    "store": "Store",
    "token": "Token",
}
# The second half of an action: what happened. One that is not here is shown as it is written.
_VERBS = {
    "create": "made",
    "expire": "expired: it has taken its number of mails",
    "update": "changed",
    "delete": "deleted",
    "verify": "proved",
    "prune": "shortened",
    "restore": "restored from a backup",
    "reorder": "put in another order",
    "take-over": "to be run",
    "give-back": "to be run no longer",
    "move": "given to this account",
    "park": "held back: another account has proved it",
    "set-catch-all": "catch-all changed",
    "send": "given to be sent",
    "set-password": "password changed",
    "delete-intent": "about to be deleted",
    "proof-missing": "proof not found in the DNS",
    "proof-lapsed": "proof lapsed",
    "proof-found-again": "proof found again",
    "proof-restored": "proof restored",
}
_WHOLE = {
    "session.start": "Signed in",
    "session.end": "Signed out",
    "session.end-all": "Signed out everywhere",
    "kept-name.delete": "Deleted name freed",
}
_CALLED = {
    "can_receive": "receive",
    "can_send": "send",
    "is_active": "active",
    "senders.mode": "takes mail from",
    "senders.entries": "senders listed",
    "senders.require_authenticated": "authenticated mail only",
    "expires_after": "mails in all",
    "expires_when_idle": "days without mail",
    "expires_at": "expires",
    "is_trial": "trial",
    "display_name": "name shown",
    "catch_all.enabled": "catch-all",
    "catch_all.destination": "catch-all goes to",
    "system_mailbox": "system mailbox",
    "verified_at": "proved",
    "proof_lapsed": "proof lapsed",
    "alias_count": "aliases",
    "random_alias_domain_id": "domain of new addresses, by id",
    "keep_deleted_days": "days that deleted names are kept",
    "message_id": "Message-ID",
}
# Ids beside names, what another field says in other words, and when the entry was written anyhow.
_LEFT_OUT = frozenset(
    {
        "id", "account_id", "admin_id", "domain_id", "mailbox_id", "object_id", "system_mailbox_id", "token_id",
        "created_at", "expires_at", "status", "updated_at", "local_part", "unicode_name", "domain",
        "proof.last_checked_at",
    }
)  # fmt: skip
_NOTHING = "nothing"
_MOMENT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)$")


@dataclass(frozen=True, slots=True)
class Difference:
    """A field, as it was and as it is; None where it was or is not there."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """An entry as a page shows it."""

    entry: AuditEntry
    what: str
    differences: list[Difference]

    @property
    def is_one_sided(self) -> bool:
        """True for what was made, deleted, or only noted: there is nothing to compare."""
        return any(one.before is None or one.after is None for one in self.differences)


def change(entry: AuditEntry) -> Change:
    """Return an entry in words."""
    return Change(entry, _what(entry), list(_differences(entry)))


def _what(entry: AuditEntry) -> str:
    if entry.action in _WHOLE:
        return _WHOLE[entry.action]
    kind, _, verb = entry.action.partition(".")
    return f"{_OBJECTS.get(kind, kind.capitalize())} {_VERBS.get(verb, verb.replace('-', ' '))}"


def _differences(entry: AuditEntry) -> Iterator[Difference]:
    comparable = entry.before is None or entry.after is None or entry.before.keys() == entry.after.keys()
    before, after = _flat(entry.before if comparable else None), _flat(entry.after)
    left_out = _LEFT_OUT - {"expires_at"} if entry.action.startswith("alias.") else _LEFT_OUT
    for name in [*after, *(name for name in before if name not in after)]:
        was, now = before.get(name), after.get(name)
        if name in left_out or was == now:
            continue
        yield Difference(_called(name), _in_words(was) if before else None, _in_words(now) if after else None)


def _flat(view: Mapping[str, Any] | None, above: str = "") -> dict[str, Any]:
    """Return the fields of a view; those of a view in it under its name and a dot."""
    found: dict[str, Any] = {}
    for name, value in (view or {}).items():
        found |= _flat(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value}
    return found


def _called(name: str) -> str:
    return _CALLED.get(name) or name.replace("_", " ").replace(".", ": ")


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(_in_words, value)) or _NOTHING
    if isinstance(value, dict):  # a condition or an action of a rule
        return " ".join(str(part) for part in value.values() if part is not None)
    return _NOTHING if value in {None, ""} else _MOMENT.sub(r"\1 \2 UTC", str(value))
