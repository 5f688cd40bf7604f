"""What the mails of the ledger are, and what must become of each: written down by hand, asked of nobody."""

from dataclasses import dataclass

from store.services import aliases
from store.sql.database import Database
from tests.mail import world
from tests.mail.world import JOHN, MARY

REFUSED, OUTSIDE, MOVING = "refused", "outside", "moving"  # beside these an outcome is the mailbox it arrives in

TOGGLED = "toggled@brand-a.test"  # John's, switched on and off
GIVEN = "given@brand-a.test"  # John's and Mary's in turn: deleted and made anew in one transaction
COMING = "coming@brand-a.test"  # John's, deleted, made anew
FIRST = {TOGGLED: JOHN, GIVEN: JOHN, COMING: JOHN}

STRANGER, FRIEND = "ann@outside.example", "friend@outside.example"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of mail: the envelope, the From field, and the outcome for each recipient."""

    to: tuple[tuple[str, str], ...]  # recipient and outcome
    sender: str = STRANGER
    author: str = ""  # empty: as the envelope sender
    login: str | None = None


def _inbound(*to: tuple[str, str]) -> Kind:
    return Kind(to)


def _from_john(sender: str, outcome: str = OUTSIDE, to: str = FRIEND, author: str = "") -> Kind:
    return Kind(((to, outcome),), sender, author, JOHN)


def _from_mary(sender: str, outcome: str = OUTSIDE, to: str = FRIEND) -> Kind:
    return Kind(((to, outcome),), sender, "", MARY)


INBOUND = (
    _inbound(("sales@brand-b.test", JOHN)),
    _inbound(("nobody@brand-a.test", REFUSED)),
    _inbound((JOHN, JOHN)),
    _inbound((TOGGLED, MOVING)),
    _inbound(("team@brand-a.test", MARY)),
    _inbound(("disabled@brand-a.test", REFUSED)),
    _inbound((GIVEN, MOVING)),
    _inbound(("info+news@brand-a.test", JOHN)),
    _inbound(("sales@brand-b.test", JOHN), ("team@brand-a.test", MARY)),
    _inbound(("disabled@brand-b.test", REFUSED)),
    _inbound((COMING, MOVING)),
    _inbound(("anything@brand-b.test", JOHN)),  # the catch-all
    _inbound(("sleeping@brand-a.test", REFUSED)),
    _inbound(("john@xn--bcher-kva.test", JOHN)),
    _inbound(("outbox@brand-b.test", REFUSED)),
    _inbound(("sales@brand-b.test", JOHN), ("info@brand-a.test", JOHN), ("nobody@brand-a.test", REFUSED)),
    _inbound(("old@off.test", REFUSED)),
)
SUBMITTED = (
    _from_john(JOHN),
    _from_john("info@brand-a.test", REFUSED),
    _from_john("sales@brand-b.test"),
    _from_john("team@brand-a.test", REFUSED),
    _from_mary("team@brand-a.test"),
    _from_john("sales@brand-b.test", MARY, "team@brand-a.test"),
    _from_john(JOHN, REFUSED, author="owner@other.test"),
    _from_mary("sales@brand-b.test", REFUSED),
    _from_mary(MARY, JOHN, "sales@brand-b.test"),
    _from_john("disabled@brand-b.test", REFUSED),
)
KNOWN = frozenset({JOHN, MARY, "sales@brand-b.test", "team@brand-a.test", "info+news@brand-a.test", FRIEND})
"""Recipients that the cache affirms in grace: neither refusals nor the catch-all's."""


def fill(database: Database) -> dict[str, str]:
    """Fill an empty store with the world of the mail tests and the names that move; return the passwords."""
    passwords = world.fill(database)
    with database.write() as tx:
        for address in (GIVEN, COMING):
            aliases.add(tx, address, JOHN)
    return passwords
