"""The maps that ``byname maps`` serves, each a question to the directory under the rules of the core.

Postfix itself needs only ``domains`` (``virtual_mailbox_domains``); ``aliases`` and ``senders`` are there for people
with ``postmap -q`` and for sites that check logins in Postfix as well.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial

from edges.socketmap import Answer, Found, Lookup, NotFound, Temporary
from routing.address import Address, AddressSyntaxError, split_detail
from routing.directory import AffirmedFacts, Directory
from routing.domain import DomainSyntaxError, canonical_domain
from routing.policy import Policy
from routing.recipient import resolve
from routing.records import Alias, HostedDomain
from routing.sender import authorise, wanted
from routing.verdicts import Allow, Defer, Deliver


def standard_maps(
    directory: Directory, policy: Policy, wall_clock: Callable[[], float] = time.time
) -> Mapping[str, Lookup]:
    """Return the maps by the name that stands at the end of ``socketmap:unix:/path:name``."""
    return {
        "domains": partial(hosted_domain, directory),
        "aliases": lambda key: mailbox_of(directory, policy, key, wall_clock()),
        "senders": lambda key: logins_for(directory, policy, key, wall_clock()),
    }


def hosted_domain(directory: Directory, key: str) -> Answer:
    """``domains``: a hosted domain, switched off or suspended ones too, so that the milter can say why it refuses.

    Raises:
        LookupFailed: the directory cannot tell.
    """
    try:
        name = canonical_domain(key)
    except DomainSyntaxError:  # an address, ".example.com", "[192.0.2.1]": nothing that could be hosted
        return NotFound()
    known = directory.lookup([Address("postmaster", name)])  # every look-up answers for the domain as well
    return Found(name) if name in known else NotFound()


def mailbox_of(directory: Directory, policy: Policy, key: str, at: float) -> Answer:
    """``aliases``: the mailbox address to which mail for an address goes now."""
    address = _address(key)
    if address is None:
        return NotFound()
    verdict = resolve(directory, policy, address, at)
    if isinstance(verdict, Defer):
        return Temporary(str(verdict.reply))
    return Found(str(verdict.target)) if isinstance(verdict, Deliver) else NotFound()


def logins_for(directory: Directory, policy: Policy, key: str, at: float) -> Answer:
    """``senders``: the logins that may send as an address, in the manner of ``smtpd_sender_login_maps``.

    Raises:
        LookupFailed: the directory cannot tell.
    """
    address = _address(key)
    if address is None:
        return NotFound()
    facts = directory.lookup(wanted(policy, address, [address]))
    owner = _owner(policy, address, facts)
    if owner is None:  # a name's absence is no evidence under grace, its domain's is (docs/design.md, section 6)
        unsure = isinstance(facts, AffirmedFacts) and address.domain in facts
        return Temporary("lookup failed, please try again") if unsure else NotFound()
    verdict = authorise(directory, policy, str(owner), [address], at)
    if isinstance(verdict, Defer):
        return Temporary(str(verdict.reply))
    return Found(str(owner)) if isinstance(verdict, Allow) else NotFound()


def _owner(policy: Policy, address: Address, facts: Mapping[str, HostedDomain]) -> Address | None:
    """Return the only mailbox that could own ``address``: a name belongs to one, and the exact name goes first."""
    domain = facts.get(address.domain)
    if domain is None:
        return None
    base, _ = split_detail(address.local, policy.recipient_delimiter)
    name = domain.names.get(address.local) or domain.names.get(base)
    if name is None:
        return None
    return name.mailbox.address if isinstance(name, Alias) else name.address


def _address(key: str) -> Address | None:
    try:
        return Address.parse(key)
    except AddressSyntaxError:
        return None
