"""A clock that steps: a decision goes by the moment it is given, and nothing is remembered from one to the next."""

import pytest

from routing.address import Address
from routing.directory import AffirmedFacts
from routing.memory_directory import MemoryDirectory
from routing.policy import Policy
from routing.recipient import decide, resolve
from routing.records import Alias, HostedDomain
from routing.sender import authorise
from routing.verdicts import Allow, Defer, Deliver, Reject
from tests.unit.sample_site import JOHN

FAIR = Address("fair", "brand-a.test")
END = 1_800_000_000
SITE = MemoryDirectory(
    [HostedDomain("brand-a.test", names={"john": JOHN, "fair": Alias(JOHN, can_send=True, expires_at=END)})]
)
# On, back over the end and over it again, by fractions and by years; before 1970 too.
STEPS = [END - 1, END, END - 0.001, END + 0.001, END - 86_400 * 365, END + 86_400 * 365, 0, -1, 2**40, END - 1]


@pytest.mark.parametrize("at", STEPS)
def test_each_moment_for_itself(at: float) -> None:
    lives = at < END
    recipient = resolve(SITE, Policy(), FAIR, at)
    assert isinstance(recipient, Deliver if lives else Reject)
    assert recipient.rule == ("alias" if lives else "alias-expired")
    sender = authorise(SITE, Policy(), str(JOHN.address), [FAIR], at)
    assert isinstance(sender, Allow if lives else Reject)


@pytest.mark.parametrize("at", STEPS)
def test_in_grace_too(at: float) -> None:
    """A cache that no relay has touched: what has ended waits, for no refusal holds."""
    facts = AffirmedFacts(SITE.lookup([FAIR, JOHN.address]), may_send=True)
    assert isinstance(decide(Policy(), FAIR, facts, at), Deliver if at < END else Defer)


def test_the_sites_postmaster() -> None:
    """An alias that has expired is no place for system mail either."""
    policy = Policy(postmaster=FAIR)
    empty = HostedDomain("empty.test")
    site = MemoryDirectory([*SITE.lookup([FAIR, JOHN.address]).values(), empty])
    written = Address("postmaster", "empty.test")
    assert isinstance(resolve(site, policy, written, END - 1), Deliver)
    assert isinstance(resolve(site, policy, written, END), Defer)
