"""What somebody who is signed in may see and do, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from admin_api.dashboard.frame.route import Who
from admin_api.site import Owners
from store.services.sessions import OWNER, Person
from store.sql.tables import ADMIN, VIEWER


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be seen and changed."""

    sees: frozenset[Who] = frozenset({"anyone", "people"})
    toggle: bool = False  # enable and disable aliases, receive and send
    manage: bool = False  # make and delete aliases
    administer: bool = False  # mailboxes, domains, many aliases at once, tokens
    operate: bool = False  # accounts

    def may_see(self, who: Who) -> bool:
        """Return whether a page for ``who`` is one for them."""
        return who in self.sees


_ACCOUNT: frozenset[Who] = frozenset({"anyone", "people", "admins", "customers"})
_ALL: frozenset[Who] = frozenset({"anyone", "people", "admins", "operators"})
_ADMINS: Mapping[str, Rights] = MappingProxyType(
    {ADMIN: Rights(_ACCOUNT, toggle=True, manage=True, administer=True), VIEWER: Rights(_ACCOUNT)}
)
_OPERATORS: Mapping[str, Rights] = MappingProxyType(
    {ADMIN: Rights(_ALL, toggle=True, manage=True, administer=True, operate=True), VIEWER: Rights(_ALL)}
)
_OWNERS: Mapping[Owners, Rights] = MappingProxyType(
    {"off": Rights(), "view": Rights(), "toggle": Rights(toggle=True), "manage": Rights(toggle=True, manage=True)}
)
NOBODY = Rights(frozenset({"anyone"}))
SETTING_UP = Rights()  # who must set up a second factor first


def rights(person: Person, owners: Owners) -> Rights:
    """Return what a person may do; in a suspended account nobody but an operator changes anything."""
    if person.role == OWNER:
        found = _OWNERS[owners]
    else:
        found = (_OPERATORS if person.account_id is None else _ADMINS)[person.role]
    return replace(Rights(), sees=found.sees) if person.is_suspended else found
