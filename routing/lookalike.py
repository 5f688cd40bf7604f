"""Outside mail from a domain that looks like the recipient's own (``[senders] inbound_spoof = "lookalike"``).

Only the domains of the message's own recipients are held against its From: who does not write to a tenant cannot
pass for it, and a name that merely resembles some hosted one is none of our business.
"""

from collections.abc import Callable, Collection

from routing.address import Address
from routing.directory import AffirmedFacts, Directory, LookupFailed
from routing.replies import reply
from routing.verdicts import Defer, Reject

Skeleton = Callable[[str], str]  # a canonical domain in the letters it looks like; equal for names that look alike


def judge_lookalikes(
    directory: Directory, claimed: Collection[Address], tenants: Collection[str], skeleton: Skeleton
) -> Reject | Defer | None:
    """Return the refusal of the first claimed sender whose domain looks like one of ``tenants`` and is not hosted."""
    for address in claimed:
        if any(_looks_like(address.domain, tenant, skeleton) for tenant in tenants):
            return _unless_hosted(directory, address)
    return None


def _looks_like(domain: str, tenant: str, skeleton: Skeleton) -> bool:
    """True for a look-alike, and for a name below one; never for the tenant's own name or one below it."""
    labels = domain.split(".")
    ending = ".".join(labels[-len(tenant.split(".")) :])
    return ending != tenant and skeleton(ending) == skeleton(tenant)


def _unless_hosted(directory: Directory, address: Address) -> Reject | Defer | None:
    """A hosted domain has proved who it is. Facts under grace refuse nothing (docs/design.md, section 6)."""
    try:
        hosted = directory.lookup([address])
    except LookupFailed:
        return Defer(reply("sender-no-evidence", address=address), "no-evidence")
    if address.domain in hosted:
        return None
    if isinstance(hosted, AffirmedFacts):
        return Defer(reply("sender-no-evidence", address=address), "no-evidence")
    return Reject(reply("lookalike-sender", address=address), "lookalike-sender")
