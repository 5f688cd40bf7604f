"""The question the core asks of the world, and the one way in which it can stay unanswered."""

from collections.abc import Collection, Mapping
from typing import Protocol

from routing.address import Address
from routing.records import HostedDomain


class LookupFailed(Exception):
    """Nothing could be learned: no evidence, so the answer is 451 (docs/design.md, section 6). Never "unknown"."""


class AffirmedFacts(dict[str, HostedDomain]):
    """Facts that may be out of date (grace: docs/design.md, section 6): what they affirm holds, not what they deny.

    A delivery to a known name holds, and that a domain is not hosted; a permission only while ``may_send``. Every
    refusal over them, and a catch-all, which rests on a name's absence, is 451.
    """

    def __init__(self, domains: Mapping[str, HostedDomain], *, may_send: bool) -> None:
        super().__init__(domains)
        self.may_send = may_send


class Directory(Protocol):
    """Read-only knowledge of domains, mailboxes and aliases."""

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        """Return what is known of the domains and names of ``wanted``, in one consistent read.

        The answer maps the A-label of each *hosted* domain among them to its record, whose ``names`` holds those
        of the wanted local parts that exist. A domain missing from the answer is not hosted, a local part missing
        from ``names`` does not exist: both are evidence, so an implementation that cannot tell raises instead, or
        answers with :class:`AffirmedFacts`.

        Raises:
            LookupFailed: the store could not be read, in time or at all.
        """
        ...
