"""What is known of the message in progress, from MAIL to end of message."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from byname_milter.site import Site
from routing.address import Address
from routing.delivery import Recipient
from routing.guard import HeaderField
from routing.recipient import decide, wanted
from routing.verdicts import Deliver, NotOurs, RecipientVerdict

_BATCH = 200  # names in one look-up when many recipients are decided again


@dataclass(frozen=True, slots=True)
class Accepted:
    """A recipient that was answered 250, with what that rested on."""

    recipient: Recipient
    address: Address | None  # None: no domain in it, never ours
    verdict: Deliver | NotOurs


@dataclass(slots=True)
class Message:
    """One mail transaction (RFC 5321 section 3.3)."""

    sender: Address | None = None  # None: the null reverse-path
    login: str | None = None
    decided_at: float = 0.0  # monotonic seconds of the oldest decision relied on; decisions age from MAIL on
    accepted: list[Accepted] = field(default_factory=list)
    author_fields: list[HeaderField] = field(default_factory=list)
    delivered_to_fields: int = 0
    broken: bool = False  # a callback without a reply failed; the message cannot be accepted

    @property
    def has_hosted(self) -> bool:
        """True when at least one recipient is ours; else the message stays untouched."""
        return any(isinstance(accepted.verdict, Deliver) for accepted in self.accepted)

    @property
    def recipients(self) -> list[Recipient]:
        """The accepted recipients, in the order in which they came."""
        return [accepted.recipient for accepted in self.accepted]


def decide_again(site: Site, accepted: Iterable[Accepted]) -> Iterator[tuple[Accepted, RecipientVerdict]]:
    """Decide about accepted recipients once more, many names per look-up.

    Raises:
        LookupFailed: the directory did not answer.
    """
    left = iter([item for item in accepted if item.address is not None])
    while batch := list(islice(left, _BATCH)):
        names: set[Address] = set()
        for item in batch:
            if item.address is not None:
                names |= wanted(site.policy, item.address)
        facts = site.directory.lookup(names)
        for item in batch:
            if item.address is not None:
                yield item, decide(site.policy, item.address, facts)
