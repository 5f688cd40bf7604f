"""What somebody who is signed in may do, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from admin_api.site import Owners
from store.services.sessions import OWNER, Person
from store.sql.tables import ADMIN, VIEWER


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be done with aliases."""

    toggle: bool = False  # enable and disable, receive and send
    manage: bool = False  # make and delete


_ADMINS: Mapping[str, Rights] = MappingProxyType({ADMIN: Rights(toggle=True, manage=True), VIEWER: Rights()})
_OWNERS: Mapping[Owners, Rights] = MappingProxyType(
    {"off": Rights(), "view": Rights(), "toggle": Rights(toggle=True), "manage": Rights(toggle=True, manage=True)}
)


def rights(person: Person, owners: Owners) -> Rights:
    """Return what a person may do; in a suspended account nobody but an operator changes anything."""
    if person.is_suspended:
        return Rights()
    return _OWNERS[owners] if person.role == OWNER else _ADMINS[person.role]
