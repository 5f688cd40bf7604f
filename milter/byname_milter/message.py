"""What is known of the message in progress, from MAIL to end of message."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from byname_milter.site import Site
from routing.address import Address
from routing.allowed_senders import EnvelopeSender
from routing.delivery import Recipient
from routing.guard import HeaderField
from routing.recipient import AskSender, decide, wanted
from routing.trace import TraceFields
from routing.verdicts import Deliver, NotOurs, RecipientVerdict, Reject
from routing.writers import Writers

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
    path: str = ""  # the argument of MAIL FROM, as the client typed it
    envelope_sender: EnvelopeSender | None = None  # the same for aliases that ask who writes; None: none asked yet
    login: str | None = None
    decided_at: float = 0.0  # monotonic seconds of the oldest decision relied on; decisions age from MAIL on
    accepted: list[Accepted] = field(default_factory=list)
    untouched: list[Recipient] = field(default_factory=list)  # refused elsewhere, kept as they are by the local role
    author_fields: list[HeaderField] = field(default_factory=list)
    claimed: list[Address] = field(default_factory=list)  # what the From of outside mail shows, if that is judged
    from_octets: int = 0  # of the fields that ``claimed`` was read from
    writers: Writers | None = None  # who wrote it by its header; None: no recipient asks
    is_apart: bool = False  # its recipients are those who refused what others took (byname_milter.learned)
    trace_fields: TraceFields = field(default_factory=TraceFields)
    malformed: Reject | None = None  # a field has a name that no field may have
    broken: bool = False  # a callback failed, or a recipient that cannot be refused is undecided: 451 at the end

    refused: frozenset[tuple[Address, str]] = frozenset()  # aliases, and by which rule, that were counted

    hosted: int = 0  # accepted recipients that are ours; without any the message stays untouched

    def accept(self, recipient: Recipient, address: Address | None, verdict: Deliver | NotOurs) -> None:
        """Take a recipient that is answered 250."""
        self.accepted.append(Accepted(recipient, address, verdict))
        self.hosted += isinstance(verdict, Deliver)

    @property
    def leaves_too(self) -> bool:
        """True when a copy goes to an outside recipient."""
        return self.hosted < len(self.accepted)

    @property
    def names(self) -> list[Address]:
        """The names written to, where they are ours."""
        return [accepted.verdict.written for accepted in self.accepted if isinstance(accepted.verdict, Deliver)]

    @property
    def recipients(self) -> list[Recipient]:
        """All recipients that the message has now."""
        return [*(accepted.recipient for accepted in self.accepted), *self.untouched]


def decide_again(
    site: Site, accepted: Iterable[Accepted], sender: AskSender
) -> Iterator[tuple[Accepted, RecipientVerdict]]:
    """Decide about accepted recipients once more, many names per look-up.

    Raises:
        LookupFailed: the directory did not answer.
    """
    at = site.wall_clock()
    left = iter([item for item in accepted if item.address is not None])
    while batch := list(islice(left, _BATCH)):
        names: set[Address] = set()
        for item in batch:
            if item.address is not None:
                names |= wanted(site.policy, item.address)
        facts = site.directory.lookup(names)
        for item in batch:
            if item.address is not None:
                yield item, decide(site.policy, item.address, facts, at, sender)
